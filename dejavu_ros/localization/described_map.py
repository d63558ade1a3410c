"""A map in brief: each keyframe's descriptor of a describer, such as NetVLAD, compared by one matrix product."""

import math

import torch

from dejavu_ros.errors import ConfigError
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.retrieval.map_descriptors import keyframe_descriptors


class DescribedMap:
    """What :class:`dejavu_ros.localization.coarse_map.CoarseMap` is, of vectors that were made for it."""

    def __init__(self, keyframes: KeyframeMap, identity: str, memory_limit_mb: int):
        """Raises MapError where the map has no descriptors of that describer, ConfigError for too little memory."""
        vectors = keyframe_descriptors(keyframes, identity)
        needed = math.ceil(4e-6 * vectors.size)
        if needed > memory_limit_mb:
            raise ConfigError(f'memory_limit_mb is {memory_limit_mb}, descriptors of {len(vectors)} keyframes need '
                              f'{needed}: allow more, or train a describer with a smaller whitening')
        self.vectors = torch.from_numpy(vectors).float()
        self.shape = (vectors.shape[1],)  # of a query

    def similarity(self, queries: torch.Tensor) -> torch.Tensor:
        """Cosine of descriptors (Q, D) float16 with all keyframes: (Q, K)."""
        return queries.float() @ self.vectors.T
