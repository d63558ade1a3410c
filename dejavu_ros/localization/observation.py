"""From similarities to the likelihood of each keyframe, and of being at none of them.

The raw scale of CX depends on its form, on the checkpoint and on the images: a keyframe may resemble everything
(a hub), and a foggy query nothing. So a score counts in standard deviations above what unrelated places score:
first every keyframe's own level over the map is subtracted, then the query's level over the keyframes far from
its best one. Levels are medians, since a place may have a twin elsewhere; they are drawn towards the checkpoint's
reference where a map is too small to tell. How much unrelated places differ is a matter of the region, so where a map
has few keyframes for one query to tell, the deviation is that of its keyframes among each other.

Which keyframe it is, and whether it is any, are two questions. Between keyframes the standardised score decides, by
``sharpness``, which is less the more the best one stands out: what parked cars and the light do to a score grows with
the score (``variation``), and of two equal houses the one without a van in front is not the truth. Between the map and
nowhere, how far the best keyframe stands out (``top``), by how much it leads what is elsewhere (``margin``), how many
cells of its view agree (``inliers``) and how far its neighbours fall short of it (``neighbours``) decide as well, the
same for all keyframes. A scene of which the map has many alike is then no proof of being on it, and the filter over
time takes the sum as it takes any log-odds.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from dejavu_ros.config import build, option
from dejavu_ros.localization.places import Neighbourhoods

PSEUDO_COUNT = 16  # unrelated scores, or pairs of unrelated keyframes, that the checkpoint's reference counts for
CUES = 'top', 'margin', 'inliers', 'neighbours'


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Numbers that turn standardised scores and cues into odds, and the reference; fitted with a checkpoint.

    A cue of which a card has no weight counts for nothing.
    """

    sharpness: float = option(1.5, 'log-odds between two keyframes per standard deviation', low=0.0, high=100.0)
    variation: float = option(0.0, 'share of itself by which the score of one place differs from drive to drive: of '
                                   'two that stand out alike, neither is certain', low=0.0, high=10.0)
    unknown: float = option(5.0, 'standard deviations at which a keyframe is as likely as no keyframe, the cues aside',
                            low=-100.0, high=100.0)
    top: float = option(0.0, 'log-odds of the map against nowhere per standard deviation of the best keyframe, '
                             'beside the sharpness', low=-100.0, high=100.0)
    margin: float = option(0.0, 'the same per standard deviation by which it leads the best keyframe elsewhere',
                           low=-100.0, high=100.0)
    inliers: float = option(0.0, 'the same per share of the cells that agree with the best keyframe, of all',
                            low=-100.0, high=100.0)
    neighbours: float = option(0.0, 'the same per standard deviation by which its neighbours fall short of it',
                               low=-100.0, high=100.0)
    mean: float = option(0.25, 'similarity of unrelated places', low=0.0, high=1.0)
    deviation: float = option(0.02, 'its standard deviation for one query', low=1e-6, high=1.0)

    @classmethod
    def of(cls, card: Mapping) -> 'Calibration':
        """The one in a checkpoint's card, else the default."""
        return build(cls, card.get('calibration', {}))

    def on(self, scores: np.ndarray, unrelated: np.ndarray) -> 'Calibration':
        """The same for one map: with the deviation that its own keyframes have, as far as they are enough to tell.

        ``scores`` (R, K) of R keyframes with the K ones, ``unrelated`` (R, K) bool: which of them are of other places.
        """
        rows = [row[mask] for row, mask in zip(scores, unrelated) if mask.sum() > 1]
        if not rows:
            return self
        own = float(np.median([row.std(ddof=1) for row in rows]))
        pairs = sum(map(len, rows)) / 2  # each is there both ways
        return dataclasses.replace(self, deviation=float(np.sqrt(drawn(own**2, pairs, self.deviation**2))))

    def log_odds(self, standardised: np.ndarray, cues: np.ndarray) -> np.ndarray:
        """Log of the likelihood of each keyframe against that of an unmapped place.

        ``standardised`` (..., K) and ``cues`` (..., 4) are of an :class:`Observation` or of several; returns (..., K).
        """
        top = standardised.max(-1, keepdims=True)
        between = self.sharpness * (standardised - top) / np.sqrt(1 + (self.variation * top)**2)
        map_alone = cues @ np.array([getattr(self, name) for name in CUES])
        return between + self.sharpness * (top - self.unknown) + map_alone[..., None]


@dataclasses.dataclass(frozen=True)
class Observation:
    """What one frame says: ``standardised`` (K,) scores in standard deviations above unrelated places, and ``cues``
    (4,) of its best keyframe, in the order of CUES.
    """

    standardised: np.ndarray
    cues: np.ndarray


def observe(scores: np.ndarray, hubs: np.ndarray, places: Neighbourhoods, calibration: Calibration,
            agreeing: Callable[[int], float]) -> Observation:
    """Of (K,) similarities; ``hubs`` (K,) are the keyframes' backgrounds, ``agreeing`` the share of cells, from 0 to 1,
    in which the frame agrees with the keyframe of a row: it is asked for the best one alone.
    """
    standardised = standardise(scores, hubs, places.far_from, calibration)
    best = int(np.argmax(standardised))
    return Observation(standardised, np.array([standardised[best], margin(standardised, places.far_from(best)),
                                               agreeing(best), shortfall(standardised, best, places.near(best))]))


def background(scores: np.ndarray, unrelated: np.ndarray, reference: float) -> np.ndarray:
    """Level (median, drawn to ``reference``) of each keyframe's scores over images of other places.

    ``scores`` (R, K) of R reference images with the K keyframes, ``unrelated`` (R, K) bool. Returns (K,).
    """
    counts = unrelated.sum(0)
    masked = np.where(unrelated, scores, np.nan)
    masked[:, counts == 0] = reference
    return drawn(np.nanmedian(masked, axis=0), counts, reference)


def standardise(scores: np.ndarray, hubs: np.ndarray, far_from: Callable[[int], np.ndarray],
                calibration: Calibration) -> np.ndarray:
    """(K,) similarities to standard deviations above unrelated places.

    ``far_from`` gives for a row the (K,) mask of what is no neighbour of it.
    """
    corrected = scores - hubs
    far = corrected[far_from(int(np.argmax(corrected)))]
    level = spread = 0.0
    if len(far):
        level = float(np.median(far))
        spread = 1.4826 * float(np.median(np.abs(far - level)))
    level = drawn(level, len(far), 0.0)
    return (corrected - level) / np.sqrt(drawn(spread**2, len(far), calibration.deviation**2))


def margin(standardised: np.ndarray, elsewhere: np.ndarray) -> float:
    """By how much the best of (K,) leads the best of the mask ``elsewhere``; what is unrelated where that is empty."""
    return float(standardised.max() - standardised[elsewhere].max(initial=0.0))


def shortfall(standardised: np.ndarray, best: int, near: np.ndarray) -> float:
    """By how much the neighbours (mask ``near``) of the best of (K,) score less on average; 0 without any.

    Between one keyframe and the next a true place is told apart more clearly than one that merely resembles it.
    """
    others = near.copy()
    others[best] = False
    return float(standardised[best] - standardised[others].mean()) if others.any() else 0.0


def drawn(value, count, reference: float):
    """A statistic of ``count`` scores, drawn towards the reference."""
    return (count * value + PSEUDO_COUNT * reference) / (count + PSEUDO_COUNT)
