"""What a map says of itself before any query is asked: how its keyframes score with what they do not show.

All of it is computed once, when a map is opened, from similarities between its own keyframes.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist

from dejavu_ros.localization.model import EvidenceModel
from dejavu_ros.localization.places import Neighbourhoods
from dejavu_ros.localization.verification import UsualView

AGREEING_PAIRS = 96  # pairs of unrelated keyframes, at most, whose cells are compared: it takes time
TRIED = 2  # neighbours, beside those that must confirm a keyframe, that are asked


@dataclasses.dataclass(frozen=True)
class BackgroundModel:
    """Of K keyframes: ``level`` (K,), the similarity of each with unrelated ones; ``support`` (K,), by how many
    standard deviations its neighbours in the map (by default the second best) lead unrelated keyframes there (infinite
    where that is not known); ``agreement`` and ``agreement_deviation``, the share of cells in which unrelated ones
    agree.

    A keyframe that its own neighbours do not resemble cannot be confirmed by one frame: of a walk through the alike
    floors of a house, any picture of a door is such a one.
    """

    level: np.ndarray
    support: np.ndarray
    agreement: float = 0.0
    agreement_deviation: float = 0.1

    def part(self, rows: np.ndarray) -> 'BackgroundModel':
        """That of ``rows`` (M,) alone."""
        return dataclasses.replace(self, level=self.level[rows], support=self.support[rows])

    def with_agreement(self, mean: float, deviation: float) -> 'BackgroundModel':
        return dataclasses.replace(self, agreement=mean, agreement_deviation=deviation)


def background(scores: np.ndarray, unrelated: np.ndarray, reference: float,
               pseudo_count: float = EvidenceModel.pseudo_count) -> np.ndarray:
    """Level (median, drawn to ``reference``) of each keyframe's scores over images of other places.

    ``scores`` (R, K) of R reference images with the K keyframes, ``unrelated`` (R, K) bool. Returns (K,).
    """
    counts = unrelated.sum(0)
    masked = np.where(unrelated, scores, np.nan)
    masked[:, counts == 0] = reference
    return shrink_toward(np.nanmedian(masked, axis=0), counts, reference, pseudo_count)


def elsewhere(scores: np.ndarray, unrelated: np.ndarray, deviation: float) -> float:
    """How many standard deviations above its own level an image's most similar unrelated keyframe is, as a rule.

    ``scores`` (R, K) of R reference images with the K keyframes, ``unrelated`` (R, K) bool; 0 where there are none.
    """
    rows = [row[mask] for row, mask in zip(scores, unrelated) if mask.any()]
    return float(np.median([row.max() - np.median(row) for row in rows]) / deviation) if rows else 0.0


def lead_of_neighbours(similar: Callable[[int, np.ndarray], np.ndarray], level: np.ndarray, places: Neighbourhoods,
                       rows: np.ndarray, deviation: float, wanted: int) -> np.ndarray:
    """(len(rows),) standard deviations by which ``wanted`` neighbours of a keyframe score above what is unrelated.

    ``similar(row, others)`` gives similarities of a keyframe with ``others``. Infinite for a keyframe without any
    neighbour.
    """
    found = np.full(len(rows), np.inf)
    for number, row in enumerate(rows):
        near = np.flatnonzero(places.near(row))
        near = near[near != row]
        if not len(near):
            continue
        nearest = near[np.argsort(np.linalg.norm(places.positions[near] - places.positions[row], axis=1))]
        nearest = nearest[:wanted + TRIED]
        scores = similar(row, nearest) - (level[nearest] + level[row]) / 2
        found[number] = np.sort(scores)[::-1][min(wanted, len(scores)) - 1] / deviation
    return found


def agreement_of_unrelated(views: np.ndarray, usual: UsualView, places: Neighbourhoods,
                           model: EvidenceModel) -> tuple[float, float]:
    """Median and deviation (by the median, as places may have twins) of the share of cells in which keyframes with
    ``views`` (K, n, N) agree that are over two radii apart. Of no pair at all nothing is known: 0 and the model's.
    """
    apart = cdist(places.positions, places.positions) > 2 * places.radius
    pairs = np.argwhere(np.triu(apart, 1))
    if len(pairs) < 2:
        return 0.0, model.unknown_agreement_deviation
    pairs = pairs[np.random.default_rng(0).permutation(len(pairs))[:AGREEING_PAIRS]]
    beyond = {row: usual.beyond(views[row]) for row in np.unique(pairs)}
    found = [usual.agreement_beyond(beyond[a], beyond[b]) for a, b in pairs]
    middle = float(np.median(found))
    deviation = 1.4826 * float(np.median(np.abs(np.array(found) - middle)))
    return middle, float(np.sqrt(shrink_toward(deviation**2, len(found), model.agreement_deviation**2,
                                               model.pseudo_count)))


def shrink_toward(value, count, reference: float, pseudo_count: float):
    """A statistic of ``count`` scores, drawn towards a reference that counts for ``pseudo_count`` of them."""
    return (count * value + pseudo_count * reference) / (count + pseudo_count)
