"""Similarity of a query with every keyframe of a map."""

import numpy as np
import torch
import torch.nn.functional as F

from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization.observation import Calibration, background
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import contextual_similarity

REFERENCES = 32  # keyframes, spread over the map, that stand for "other places"
COARSE = 2       # the coarse pass pools the grid by this: a sixteenth of the distances


class MapScorer:
    """The descriptors of one map, ready to be compared with queries."""

    def __init__(self, keyframes: KeyframeMap, extractor: FeatureExtractor):
        self.settings, self.grid = extractor.checkpoint.contextual, extractor.grid
        self.shards = [torch.from_numpy(np.array(shard)) for _, shard in keyframes.shards()]
        self.coarse = torch.cat([self.pool(shard) for shard in self.shards])

    def __len__(self) -> int:
        return len(self.coarse)

    def pool(self, descriptors: torch.Tensor) -> torch.Tensor:
        """(K, n, gh * gw) float16 to (K, n, fewer) float16 of unit length."""
        maps = descriptors.float().unflatten(2, self.grid)
        kernel = [min(COARSE, side) for side in self.grid]
        return F.normalize(F.avg_pool2d(maps, kernel), dim=1).flatten(2).half()

    def __getitem__(self, index: np.ndarray) -> torch.Tensor:
        """Descriptors (len(index), n, N) float16 of the keyframes of these rows."""
        bounds = np.cumsum([0, *(len(shard) for shard in self.shards)])
        which = np.searchsorted(bounds, index, side='right') - 1
        return torch.stack([self.shards[s][i - bounds[s]] for s, i in zip(which, index)])

    @torch.inference_mode()
    def score(self, query: np.ndarray, shortlist: int = 0) -> np.ndarray:
        """CX of a query (n, N) float16 with all K keyframes: (K,).

        With a ``shortlist`` shorter than the map, only that many best of a coarse pass are scored exactly; the others
        keep their coarse score, shifted to the exact scale and cut to no more than the shortlist's worst.
        """
        query = torch.from_numpy(query)
        if not 0 < shortlist < len(self):
            return np.concatenate([contextual_similarity(query, shard, self.settings).numpy() for shard in self.shards])
        scores = contextual_similarity(self.pool(query[None])[0], self.coarse, self.settings).numpy().copy()
        best = np.argsort(-scores)[:shortlist]
        exact = contextual_similarity(query, self[best], self.settings).numpy()
        worse = slice(shortlist // 2, None)  # the right keyframes gain more from the finer grid than the others
        scores += np.median((exact - scores[best])[worse])
        scores = np.minimum(scores, exact.min())
        scores[best] = exact
        return scores

    @torch.inference_mode()
    def backgrounds(self, positions: np.ndarray, radius: float, calibration: Calibration) -> np.ndarray:
        """Level of each keyframe's coarse similarity with keyframes over ``radius`` metres away: (K,).

        ``positions`` (K, 3) metres in the map.
        """
        rows = np.unique(np.linspace(0, len(self) - 1, REFERENCES).round().astype(int))
        scores = contextual_similarity(self.coarse[rows], self.coarse, self.settings).numpy()
        apart = np.linalg.norm(positions[rows][:, None] - positions[None], axis=2) > radius
        return background(scores, apart, calibration.mean)
