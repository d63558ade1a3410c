"""Contextual similarity: one signature over its implementations."""

import torch

from dejavu_ros.ops.contextual import chunked, fused, gpu
from dejavu_ros.ops.contextual.settings import ContextualSettings
from dejavu_ros.ops.contextual.shapes import check_shapes

__all__ = ['ContextualSettings', 'contextual_similarity']


def contextual_similarity(queries: torch.Tensor, keyframes: torch.Tensor,
                          settings: ContextualSettings = ContextualSettings()) -> torch.Tensor:
    """CX of queries (Q, n, N1), or one query (n, N1), with keyframes (K, n, N2): (Q, K), or (K,).

    A kernel that works here and fits (see ``fused.fits`` for CPUs and ``gpu.fits``), otherwise torch in bounded memory.
    Raises ConfigError where the shapes do not belong together.
    """
    single = queries.ndim == 2
    if single:
        queries = queries[None]
    check_shapes(queries, keyframes)
    implementation = next((kernel for kernel in (fused, gpu) if kernel.fits(queries, keyframes)), chunked)
    similarity = implementation.contextual_matrix(queries, keyframes, settings)
    return similarity[0] if single else similarity
