"""A map in brief: a few cells of each keyframe, held in memory and compared by one matrix product."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F

from dejavu_ros.errors import ConfigError

SIDE = 4       # rows and columns of cells, where they fit into the memory
CHUNK = 1024   # keyframes that are pooled at a time


class CoarseMap:
    """Keyframes as their mean vectors in a few cells of the grid, one unit-length row each.

    Unlike contextual similarity, the product compares every cell with the one in the same place only. That finds the
    keyframes worth a closer look at a hundredth of the cost.
    """

    def __init__(self, shards: Iterable[torch.Tensor], count: int, channels: int, grid: tuple[int, int],
                 memory_limit_mb: int):
        """Pool ``shards`` (k, channels, rows * columns) float16 of ``count`` keyframes in all.

        Raises ConfigError where the map does not fit into the memory even with one cell a keyframe.
        """
        side = SIDE
        while side > 1 and 4 * count * channels * side**2 > memory_limit_mb * 1e6:
            side -= 1
        if 4 * count * channels * side**2 > memory_limit_mb * 1e6:
            raise ConfigError(f'memory_limit_mb is {memory_limit_mb}, a map of {count} keyframes needs at least '
                              f'{math.ceil(4e-6 * count * channels)}: allow more, or load a smaller map')
        cells = torch.eye(grid[0] * grid[1]).unflatten(1, grid)
        self.shape = (channels, grid[0] * grid[1])  # of a query
        self.pooling = F.adaptive_avg_pool2d(cells, [min(side, length) for length in grid]).flatten(1)
        self.vectors = torch.empty(count, channels * self.pooling.shape[1])
        start = 0
        for shard in shards:
            for part in shard.split(CHUNK):
                self.vectors[start:start + len(part)] = self.pool(part)
                start += len(part)
        self.seen = self.cells_of(self.vectors)

    def cells_of(self, vectors: torch.Tensor) -> torch.Tensor | None:
        """(K, cells) float32, 0 for a cell that is masked as a whole; None: there is no such cell."""
        seen = vectors.view(len(vectors), -1, self.pooling.shape[1]).ne(0).any(1)
        return None if seen.all() else seen.float()

    def pool(self, descriptors: torch.Tensor) -> torch.Tensor:
        """(K, n, N) float16 to (K, n * cells) float32 of unit length, in which every cell counts alike."""
        return F.normalize(F.normalize(descriptors.float() @ self.pooling, dim=1).flatten(1), dim=1)

    def similarity(self, queries: torch.Tensor) -> torch.Tensor:
        """Cosine of queries (Q, n, N) float16 with all keyframes, over the cells that both show: (Q, K)."""
        pooled = self.pool(queries)
        similarity, seen = pooled @ self.vectors.T, self.cells_of(pooled)
        if seen is None and self.seen is None:
            return similarity
        everything = similarity.new_ones(1, self.pooling.shape[1])
        ours, theirs = everything if seen is None else seen, everything if self.seen is None else self.seen
        return similarity * (ours.sum(1)[:, None] * theirs.sum(1)).sqrt() / (ours @ theirs.T).clamp(min=1)
