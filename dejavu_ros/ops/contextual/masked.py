"""Contextual similarity where cells are masked: their vectors are zeros, and are left out before it is computed.

What is left are smaller maps of vectors, which every implementation takes, so each form stays what it is, to the bit.
"""

import numpy as np
import torch

from dejavu_ros.errors import ConfigError
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.ops.contextual.shapes import check_shapes


def shown(queries: torch.Tensor) -> list[tuple[list[int], torch.Tensor]]:
    """Queries (Q, n, N1) without their masked cells, in groups that show the same ones: their numbers, (q, n, N1').

    Raises ConfigError where the queries have another number of axes.
    """
    if queries.ndim != 3:
        raise ConfigError(f'queries must be (Q, n, N1), got {tuple(queries.shape)}')
    patterns, which = queries.ne(0).any(1).unique(dim=0, return_inverse=True)
    groups = [torch.nonzero(which == number)[:, 0] for number in range(len(patterns))]
    return [(group.tolist(), queries[group][:, :, pattern]) for group, pattern in zip(groups, patterns)]


def masked_similarity(queries: torch.Tensor, keyframes: torch.Tensor, views: np.ndarray, cells: list[np.ndarray | None],
                      settings: ContextualSettings) -> torch.Tensor:
    """CX of queries (Q, n, N1) of a group of :func:`shown` with keyframes (K, n, N2): (Q, K).

    ``views`` (K,) are the keyframes' rows in ``cells``, which are the columns that such a keyframe shows; None: all.
    Raises ConfigError where the shapes do not belong together.
    """
    check_shapes(queries, keyframes)
    if views.shape != (len(keyframes),):
        raise ConfigError(f'views of {len(keyframes)} keyframes must be ({len(keyframes)},), got {views.shape}')
    similarity = queries.new_empty(len(queries), len(keyframes), dtype=torch.float32)
    for view in np.unique(views):
        rows, own = slice(None), keyframes
        if (views != view).any():
            rows = index(np.flatnonzero(views == view), keyframes.device)
            own = keyframes[rows]
        if cells[view] is not None:
            own = own[:, :, index(cells[view], keyframes.device)]
        similarity[:, rows] = contextual_similarity(queries, own, settings)
    return similarity


def index(rows: np.ndarray, device: torch.device) -> torch.Tensor:
    """Row numbers on a device. From memory that is not pinned, the copy would wait for all that the GPU has to do."""
    rows = torch.from_numpy(rows)
    return rows.pin_memory().to(device, non_blocking=True) if device.type == 'cuda' else rows
