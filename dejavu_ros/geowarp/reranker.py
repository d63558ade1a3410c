"""A few candidates compared again, each warped with the query to what both show."""

import copy
import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from dejavu_ros.errors import ConfigError
from dejavu_ros.geowarp.files import STORED
from dejavu_ros.geowarp.network import GeoWarpNet
from dejavu_ros.nn.device import usable_device
from dejavu_ros.nn.folded import fold
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.retrieval.files import NetworkFile
from dejavu_ros.retrieval.network import to_input

MASKED = 0.1  # length of a warped vector below which it is what is left of a unit vector beside masked cells


class Reranker:
    """Similarity of grids (n, rows * columns) after warping, bilinearly, the grids themselves."""

    def __init__(self, file: NetworkFile, contextual: ContextualSettings = ContextualSettings(), device: str = 'cpu'):
        """Leaves ``file`` as it is; ``contextual`` is the form of CX, where the file compares by it.

        Raises ConfigError for a device that is not there.
        """
        self.settings, self.identity, self.contextual = file.settings, file.identity, contextual
        self.device = usable_device(device)
        self.network: GeoWarpNet = fold(copy.deepcopy(file.network).double()).float().to(self.device).eval()

    def check_grid(self, grid: tuple[int, int]) -> None:
        """Raise ConfigError where stored grids of (rows, columns) are not what the file was trained for."""
        own = self.settings.rows, self.settings.columns
        if self.settings.backbone != STORED or grid != own:
            raise ConfigError(f'the geowarp file is for {self.settings.backbone} maps of {own[0]}x{own[1]} cells, the '
                              f'checkpoint has grids of {grid[0]}x{grid[1]}: train one with --backbone {STORED}')

    @torch.inference_mode()
    def grids(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """(H, W, 3) uint8 RGB images to (B, n, rows * columns) float16, by the file's own backbone."""
        maps = self.network.maps(to_input(images, self.settings).to(self.device))
        return self.network.grids(maps).flatten(2).half().cpu().numpy()

    @torch.inference_mode()
    def similarity(self, query: np.ndarray, candidates: Sequence[np.ndarray], usual: np.ndarray) -> np.ndarray:
        """Of a query (n, N) with K candidates (n, N), zeros where they are masked: (K,).

        ``usual`` (n, N) is the mean of a map's views, cell by cell.
        """
        size = self.settings.rows, self.settings.columns
        second = torch.from_numpy(np.stack(candidates)).to(self.device).float().unflatten(2, size)
        first = torch.from_numpy(query).to(self.device).float().unflatten(1, size).expand_as(second)
        corners = self.common_area(first, second)
        if self.settings.similarity != 'beyond':
            warped = self.network.warped(first, second, corners)
            return compare(*warped, self.settings.similarity, self.contextual).cpu().numpy()
        mean = torch.from_numpy(usual).to(self.device).float().unflatten(1, size)
        beyond = [(views - mean) * (views.norm(dim=1, keepdim=True) > MASKED) for views in (first, second)]
        return (compare(first, second, 'cx', self.contextual)
                + compare(*self.network.warped(*beyond, corners), 'cosine', self.contextual)).cpu().numpy()

    def judge_in(self, keyframes: Sequence[np.ndarray]) -> Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]:
        """:meth:`similarity` in a map of these grids (n, N)."""
        return functools.partial(self.similarity, usual=np.mean(keyframes, 0, np.float32))

    def common_area(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Of grids (K, n, rows, columns) in pairs: (K, 2, 4, 2)."""
        return self.network.common_area(first, second)

    def rerank(self, scores: np.ndarray, top: int, query: np.ndarray,
               views: Callable[[np.ndarray], np.ndarray], usual: np.ndarray) -> np.ndarray:
        """(K,) ``scores`` of candidates of a query (n, N), the ``top`` best of them put in another order.

        ``views`` gives the grids (R, n, N) of rows (R,), ``usual`` (n, N) is their map's mean. See :func:`dealt_anew`.
        """
        rows = np.argsort(-scores, kind='stable')[:top]
        return dealt_anew(scores, rows, self.similarity(query, views(rows), usual))


def compare(first: torch.Tensor, second: torch.Tensor, similarity: str, contextual: ContextualSettings
            ) -> torch.Tensor:
    """Of warped grids (K, n, rows, columns) in pairs: (K,). Cells that one of them masks count for nothing."""
    seen = [part.norm(dim=1) > MASKED for part in (first, second)]  # (K, rows, columns)
    if similarity == 'cosine':
        both = seen[0] & seen[1]
        return (F.cosine_similarity(first, second, dim=1) * both).sum((1, 2)) / both.sum((1, 2)).clamp(min=1)
    units = [F.normalize(part, dim=1) for part in (first, second)]
    return torch.stack([contextual_similarity(a[:, in_a], b[:, in_b][None], contextual)[0]
                        for a, b, in_a, in_b in zip(*units, *seen)])


def dealt_anew(scores: np.ndarray, rows: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """(K,) ``scores`` with those of ``rows`` (R,) dealt out among them again, the highest to the best ``judged`` (R,).

    So a shortlist is put in another order on the scale that scores have, and stays ahead of all others.
    """
    dealt = scores.copy()
    best_first = rows[np.lexsort((-scores[rows], -judged))]
    dealt[best_first] = np.sort(scores[rows])[::-1]
    return dealt
