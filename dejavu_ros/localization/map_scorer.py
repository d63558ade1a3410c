"""Similarity of a query with every keyframe of a map: exact, or exact for a shortlist."""

import numpy as np
import torch
from scipy.spatial.distance import cdist

from dejavu_ros.errors import ConfigError
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization.background import BackgroundModel, background, elsewhere, lead_of_neighbours
from dejavu_ros.localization.coarse_map import CoarseMap
from dejavu_ros.localization.described_map import DescribedMap
from dejavu_ros.localization.exact_search import ExactSearch
from dejavu_ros.localization.model import EvidenceModel
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.localization.places import Neighbourhoods
from dejavu_ros.nn.features import FeatureExtractor

REFERENCES = 32  # keyframes, spread over the map, that stand for "other places"
LEARNT = 32, 512  # fewest and most keyframes on which the levels of all the others are learnt,
DISTANCES = 1 << 28  # so that this many are computed
SAMPLED = 128  # keyframes, at most, that say what a query scores on the whole map
SHARE, SHORTEST = 20, 1000  # the usual shortlist: a twentieth of the map, but so many keyframes (docs/large_maps.md)


class MapScorer:
    """The descriptors of one map, ready to be compared with queries."""

    def __init__(self, keyframes: KeyframeMap, extractor: FeatureExtractor, memory_limit_mb: int,
                 device_memory_mb: int, describer: str = ''):
        """Take a map with keyframes; ``memory_limit_mb`` is for its coarse copy, ``device_memory_mb`` for the map on
        the extractor's device, where that is a GPU.

        With the identity of a ``describer``, the coarse copy is what it says of the keyframes. Raises ConfigError where
        that does not fit into the memory, MapError where the map was not described.
        """
        self.exact = ExactSearch(keyframes, extractor.checkpoint.contextual, extractor.device,
                                 device_memory_mb * 1_000_000)
        self.stored = self.exact.stored
        self.coarse = (DescribedMap(keyframes, describer, memory_limit_mb) if describer else
                       CoarseMap(self.stored.shards, len(self), extractor.channels, extractor.grid, memory_limit_mb))

    def __len__(self) -> int:
        return len(self.stored)

    def spread(self, count: int) -> np.ndarray:
        """Rows of up to ``count`` keyframes, evenly over the map."""
        return np.unique(np.linspace(0, len(self) - 1, count).round().astype(int))

    @property
    def usual(self) -> int:
        """Keyframes of the usual shortlist."""
        return max(SHORTEST, len(self) // SHARE)

    def shortens(self, shortlist: int) -> bool:
        """Whether a ``shortlist`` (-1: the usual one) leaves out any keyframe."""
        return 0 < (self.usual if shortlist < 0 else shortlist) < len(self)

    @torch.inference_mode()
    def score(self, query: np.ndarray, shortlist: int = 0, descriptor: np.ndarray | None = None) -> np.ndarray:
        """CX of a query (n, N) float16 with all K keyframes: (K,).

        With a ``shortlist`` shorter than the map (-1: the usual one), only that many best of the coarse map are scored
        exactly, and a sample that tells the scale; the others keep their coarse similarity, brought to that scale and
        cut to no more than the shortlist's median. A described map needs the query's ``descriptor`` (D,) for that.
        Raises ConfigError for a query or a descriptor of another shape than the map's.
        """
        if query.shape != self.stored.shape:
            raise ConfigError(f'a query must have the shape of the map\'s keyframes {self.stored.shape}, '
                              f'got {query.shape}')
        query = torch.from_numpy(query)
        if not self.shortens(shortlist):
            return self.exact(query[None])[0]
        shortlist = self.usual if shortlist < 0 else shortlist
        brief = query if descriptor is None else torch.from_numpy(descriptor)
        if brief.shape != self.coarse.shape:
            raise ConfigError(f'for a shortlist of this map a query must be {self.coarse.shape}, '
                              f'got {tuple(brief.shape)}')
        coarse = self.coarse.similarity(brief[None])[0].numpy()
        best = np.argpartition(-coarse, shortlist)[:shortlist]
        sample = self.spread(sampled(shortlist))
        rows = np.concatenate([best, sample])
        exact = self.exact(query[None], rows)[0]
        scores = rescaled(coarse, coarse[sample], exact[shortlist:])
        scores = np.minimum(scores, np.median(exact[:shortlist]))  # nothing unproved stands beside the best
        scores[rows] = exact
        return scores

    @torch.inference_mode()
    def backgrounds(self, places: Neighbourhoods, calibration: Calibration,
                    model: EvidenceModel) -> tuple[BackgroundModel, Calibration]:
        """What the keyframes of ``places`` score with others over two radii away, and the calibration with the
        deviation that they have there.

        In a large map only some levels are scored exactly; those of the other keyframes follow their coarse levels as
        far as the exact ones do. The views' agreement is not set here.
        """
        references = self.spread(REFERENCES)
        learnt = self.spread(int(np.clip(DISTANCES // (len(references) * self.stored.shards[0].shape[2]**2), *LEARNT)))
        apart = cdist(places.positions[references], places.positions) > 2 * places.radius
        exact = self.exact(self.stored[references], learnt)
        calibration = calibration.on(exact, apart[:, learnt], model.pseudo_count)
        highest = elsewhere(exact, apart[:, learnt], calibration.deviation)
        exact = background(exact, apart[:, learnt], calibration.mean, model.pseudo_count)
        levels = exact
        if len(learnt) < len(self):
            similarity = (self.coarse.vectors[references] @ self.coarse.vectors.T).numpy()
            coarse = background(similarity, apart, float(np.median(similarity)), model.pseudo_count)
            deviation = coarse - coarse[learnt].mean()
            slope = (deviation[learnt] @ exact) / max(deviation[learnt] @ deviation[learnt], 1e-12)
            levels = exact.mean() + slope * deviation
            levels[learnt] = exact
        known = lead_of_neighbours(self.among, levels, places, learnt, calibration.deviation,
                                   model.support_neighbours) - highest
        support = np.full(len(self), np.median(known))
        support[learnt] = known
        return BackgroundModel(levels, support), calibration

    def among(self, row: int, others: np.ndarray) -> np.ndarray:
        """Similarities of a keyframe with ``others`` (M,)."""
        return self.exact(self.stored[np.array([row])], others)[0]


def sampled(shortlist: int) -> int:
    """Keyframes scored to learn the scale, beside a shortlist: half as many, up to what is enough."""
    return min(SAMPLED, (shortlist + 1) // 2)


def rescaled(values: np.ndarray, sample: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """``values`` on the scale on which ``sample`` of them has the median and the spread of ``wanted``."""
    (level, spread), (level_wanted, spread_wanted) = (
        (np.median(part), np.median(np.abs(part - np.median(part)))) for part in (sample, wanted))
    return level_wanted + (values - level) * (spread_wanted / max(spread, 1e-6))
