"""From similarities to the likelihood of each keyframe, and of being at none of them.

The raw scale of CX depends on its form, on the checkpoint and on the images: a keyframe may resemble everything
(a hub), and a foggy query nothing. So a score counts in standard deviations above what unrelated places score:
first every keyframe's own level over the map is subtracted, then the query's level over the keyframes far from
its best one. Levels are medians, since a place may have a twin elsewhere; they are drawn towards the checkpoint's
reference where a map is too small to tell.

Which keyframe it is, and whether it is any, are two questions. Between keyframes the standardised score decides, by
``sharpness``; between the map and nowhere, how far the best keyframe stands out (``top``) and by how much it leads
what is elsewhere (``margin``) decide as well, the same for all keyframes. A scene of which the map has many alike
is then no proof of being on it, and the filter over time takes the sum as it takes any log-odds.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from dejavu_ros.config import build, option

PSEUDO_COUNT = 16  # unrelated scores that the checkpoint's reference counts for
FarFrom = Callable[[int], np.ndarray]  # row of a keyframe to a (K,) mask of what is no neighbour of it


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Numbers that turn standardised scores into odds, and the reference; fitted with a checkpoint.

    A card without ``top`` and ``margin`` has none of them.
    """

    sharpness: float = option(1.5, 'log-odds between two keyframes per standard deviation', low=0.0, high=100.0)
    unknown: float = option(5.0, 'standard deviations at which a keyframe is as likely as no keyframe, '
                                 'top and margin aside', low=-100.0, high=100.0)
    top: float = option(0.0, 'log-odds of the map against nowhere per standard deviation of the best keyframe, '
                             'beside the sharpness', low=-100.0, high=100.0)
    margin: float = option(0.0, 'the same per standard deviation by which it leads the best keyframe elsewhere',
                           low=-100.0, high=100.0)
    mean: float = option(0.25, 'similarity of unrelated places', low=0.0, high=1.0)
    deviation: float = option(0.02, 'its standard deviation for one query', low=1e-6, high=1.0)

    @classmethod
    def of(cls, card: Mapping) -> 'Calibration':
        """The one in a checkpoint's card, else the default."""
        return build(cls, card.get('calibration', {}))

    def log_odds(self, standardised: np.ndarray, margin: np.ndarray | float) -> np.ndarray:
        """Log of the likelihood of each keyframe against that of an unmapped place.

        ``standardised`` (..., K) of :func:`standardise`, ``margin`` (...) of :func:`margin`; returns (..., K).
        """
        map_alone = self.top * standardised.max(-1) + self.margin * np.asarray(margin)
        return self.sharpness * (standardised - self.unknown) + map_alone[..., None]


def background(scores: np.ndarray, unrelated: np.ndarray, reference: float) -> np.ndarray:
    """Level (median, drawn to ``reference``) of each keyframe's scores over images of other places.

    ``scores`` (R, K) of R reference images with the K keyframes, ``unrelated`` (R, K) bool. Returns (K,).
    """
    counts = unrelated.sum(0)
    masked = np.where(unrelated, scores, np.nan)
    masked[:, counts == 0] = reference
    return drawn(np.nanmedian(masked, axis=0), counts, reference)


def standardise(scores: np.ndarray, hubs: np.ndarray, far_from: FarFrom, calibration: Calibration) -> np.ndarray:
    """(K,) similarities to standard deviations above unrelated places; ``hubs`` (K,) are the keyframes' backgrounds."""
    corrected = scores - hubs
    far = corrected[far_from(int(np.argmax(corrected)))]
    level = spread = 0.0
    if len(far):
        level = float(np.median(far))
        spread = 1.4826 * float(np.median(np.abs(far - level)))
    level = drawn(level, len(far), 0.0)
    return (corrected - level) / np.sqrt(drawn(spread**2, len(far), calibration.deviation**2))


def margin(standardised: np.ndarray, far_from: FarFrom) -> float:
    """By how much the best of (K,) leads the best elsewhere, or what is unrelated where the map has no elsewhere."""
    best = int(np.argmax(standardised))
    return float(standardised[best] - standardised[far_from(best)].max(initial=0.0))


def evidence(scores: np.ndarray, hubs: np.ndarray, far_from: FarFrom, calibration: Calibration) -> np.ndarray:
    """(K,) similarities to the log-odds of each keyframe against an unmapped place: all that one frame says."""
    standardised = standardise(scores, hubs, far_from, calibration)
    return calibration.log_odds(standardised, margin(standardised, far_from))


def drawn(value, count, reference: float):
    """A statistic of ``count`` scores, drawn towards the reference."""
    return (count * value + PSEUDO_COUNT * reference) / (count + PSEUDO_COUNT)
