"""From similarities to the likelihood of each keyframe, and of being at none of them.

The raw scale of CX depends on its form, on the checkpoint and on the images: a keyframe may resemble everything
(a hub), and a foggy query nothing. So a score counts in standard deviations above what unrelated places score:
first every keyframe's own level over the map is subtracted, then the query's level over the keyframes far from
its best one. Levels are medians, since a place may have a twin elsewhere; they are drawn towards the checkpoint's
reference where a map is too small to tell.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from dejavu_ros.config import build, option

PSEUDO_COUNT = 16  # unrelated scores that the checkpoint's reference counts for


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Two numbers that turn standardised scores into odds, and the reference; fitted with a checkpoint."""

    sharpness: float = option(1.5, 'log-odds per standard deviation', low=0.0, high=100.0)
    unknown: float = option(5.0, 'standard deviations at which a keyframe is as likely as no keyframe',
                            low=-100.0, high=100.0)
    mean: float = option(0.25, 'similarity of unrelated places', low=0.0, high=1.0)
    deviation: float = option(0.02, 'its standard deviation for one query', low=1e-6, high=1.0)

    @classmethod
    def of(cls, card: Mapping) -> 'Calibration':
        """The one in a checkpoint's card, else the default."""
        return build(cls, card.get('calibration', {}))

    def log_odds(self, standardised: np.ndarray) -> np.ndarray:
        """Log of the likelihood of each keyframe against that of an unmapped place."""
        return self.sharpness * (standardised - self.unknown)


def background(scores: np.ndarray, unrelated: np.ndarray, reference: float) -> np.ndarray:
    """Level (median, drawn to ``reference``) of each keyframe's scores over images of other places.

    ``scores`` (R, K) of R reference images with the K keyframes, ``unrelated`` (R, K) bool. Returns (K,).
    """
    counts = unrelated.sum(0)
    masked = np.where(unrelated, scores, np.nan)
    masked[:, counts == 0] = reference
    return drawn(np.nanmedian(masked, axis=0), counts, reference)


def standardise(scores: np.ndarray, hubs: np.ndarray, far_from_best, calibration: Calibration) -> np.ndarray:
    """(K,) similarities to standard deviations above unrelated places.

    ``hubs`` (K,) are the keyframes' backgrounds; ``far_from_best(k)`` gives a (K,) mask of what is no neighbour of k.
    """
    corrected = scores - hubs
    far = corrected[far_from_best(int(np.argmax(corrected)))]
    level = spread = 0.0
    if len(far):
        level = float(np.median(far))
        spread = 1.4826 * float(np.median(np.abs(far - level)))
    level = drawn(level, len(far), 0.0)
    return (corrected - level) / np.sqrt(drawn(spread**2, len(far), calibration.deviation**2))


def drawn(value, count, reference: float):
    """A statistic of ``count`` scores, drawn towards the reference."""
    return (count * value + PSEUDO_COUNT * reference) / (count + PSEUDO_COUNT)
