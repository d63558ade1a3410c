"""From similarities to the likelihood of each keyframe, and to the evidence of being on the map at all.

The raw scale of CX depends on its form, on the checkpoint and on the images: a keyframe may resemble everything
(a hub), and a foggy query nothing. So a score counts in standard deviations above what unrelated places score:
first every keyframe's own level over the map is subtracted, then the query's level over the keyframes far from
its best one. Levels are medians, since a place may have a twin elsewhere; they are drawn towards the checkpoint's
reference where a map is too small to tell. How much unrelated places differ is a matter of the region, so where a map
has few keyframes for one query to tell, the deviation is that of its keyframes among each other.

Which keyframe it is, given the map, and whether it is any, are two questions. Between keyframes the standardised score
decides, by ``sharpness``, which is less the more the best one stands out: what parked cars and the light do to a score
grows with the score (``variation``), and of two equal houses the one without a van in front is not the truth. Whether
the robot is on the map is asked of one place, the one it is held to be at, by two cues: the *lead* of that place over
all that is elsewhere, in which the best three of its keyframes must join and which counts no further than the map's own
neighbours confirm there (:class:`dejavu_ros.localization.background.BackgroundModel`); and the *agreement* of the cells
with its best keyframe, beyond the mean of what unrelated keyframes of this map agree in and of what the most similar
keyframe elsewhere agrees in, in standard deviations of the former. Neither says anything without the other, so it is
their product that counts: of a foreign place some keyframe always leads a little, or agrees in its ground and sky.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from dejavu_ros.config import build, option
from dejavu_ros.localization.background import BackgroundModel, shrink_toward
from dejavu_ros.localization.model import EvidenceModel
from dejavu_ros.localization.on_map import logistic
from dejavu_ros.localization.places import Neighbourhoods

CUES = 'lead', 'agreement'
OLDER = {'sharpness': 2.32, 'variation': 0.0, 'offset': -2.78, 'confirmed': 0.887}  # for the features of version 0.2


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Numbers that turn standardised scores and cues into odds, and the reference; fitted with a checkpoint by
    ``dejavu calibrate`` on validation sets, the likeliest ones there.
    """

    sharpness: float = option(2.0, 'log-odds between two keyframes per standard deviation', low=0.0, high=100.0)
    variation: float = option(0.1, 'share of itself by which the score of one place differs from drive to drive: of '
                                   'two that stand out alike, neither is certain', low=0.0, high=10.0)
    offset: float = option(-2.75, 'log-odds of the map against nowhere where either cue is 0', low=-100.0, high=100.0)
    confirmed: float = option(0.65, 'the same per unit of agreement * log(1 + lead), both in standard deviations',
                              low=0.0, high=100.0)
    max_agreement: float = option(30.0, 'agreement counts up to here; set by hand', unit='standard deviations', low=0.0,
                                  high=1000.0)
    mean: float = option(0.25, 'similarity of unrelated places', low=0.0, high=1.0)
    deviation: float = option(0.02, 'its standard deviation for one query', low=1e-6, high=1.0)

    @classmethod
    def of(cls, card: Mapping) -> 'Calibration':
        """The one in a checkpoint's card, else the default; of a card of version 0.2 the reference and OLDER."""
        stored = card.get('calibration', {})
        if 'unknown' in stored:
            stored = OLDER | {name: value for name, value in stored.items() if name in ('mean', 'deviation')}
        return build(cls, stored)

    def on(self, scores: np.ndarray, unrelated: np.ndarray,
           pseudo_count: float = EvidenceModel.pseudo_count) -> 'Calibration':
        """The same for one map: with the deviation that its own keyframes have, as far as they are enough to tell.

        ``scores`` (R, K) of R keyframes with the K ones, ``unrelated`` (R, K) bool: which of them are of other places.
        """
        rows = [row[mask] for row, mask in zip(scores, unrelated) if mask.sum() > 1]
        if not rows:
            return self
        own = float(np.median([row.std(ddof=1) for row in rows]))
        pairs = sum(map(len, rows)) / 2  # each is there both ways
        variance = shrink_toward(own**2, pairs, self.deviation**2, pseudo_count)
        return dataclasses.replace(self, deviation=float(np.sqrt(variance)))

    def log_likelihood(self, standardised: np.ndarray) -> np.ndarray:
        """(..., K) log-likelihood of each keyframe, given that the robot is on the map, up to a constant."""
        top = standardised.max(-1, keepdims=True)
        return self.sharpness * (standardised - top) / np.sqrt(1 + (self.variation * np.maximum(top, 0))**2)

    def evidence(self, cues: np.ndarray) -> np.ndarray:
        """Log-odds (...) of the map against nowhere for ``cues`` (..., 2), in the order of CUES."""
        lead, agreement = np.moveaxis(np.asarray(cues, float), -1, 0)
        return self.offset + self.confirmed * np.log1p(lead.clip(min=0)) * agreement.clip(0, self.max_agreement)


@dataclasses.dataclass(frozen=True)
class Observation:
    """What one frame says: ``standardised`` (K,) scores in standard deviations above unrelated places; ``agreeing``
    gives the share of cells that agree with the keyframe of a row, from 0 to 1.
    """

    standardised: np.ndarray
    background: BackgroundModel
    places: Neighbourhoods
    agreeing: Callable[[int], float]
    model: EvidenceModel

    @property
    def best(self) -> int:
        """Row of the keyframe that stands out most."""
        return int(np.argmax(self.standardised))

    def best_of(self, rows: np.ndarray) -> int:
        """Row of the keyframe that stands out most among those of a mask (K,), of which there must be one."""
        return int(np.argmax(np.where(rows, self.standardised, -np.inf)))

    def cues(self, row: int | None = None, beside: np.ndarray | None = None) -> np.ndarray:
        """(2,) cues, in the order of CUES, of the place around a keyframe; of the best one's if ``row`` is None.

        ``beside`` (K,) bool are keyframes that are not taken for elsewhere: the question is then whether the robot is
        at one of several places, and the lead counts in full.
        """
        row = self.best if row is None else row
        near, far = np.flatnonzero(self.places.near(row)), self.places.far_from(row)
        if beside is not None:
            far = far & ~beside
        best = int(near[np.argmax(self.standardised[near])])
        lead = leading(self.standardised, near, far, self.model.lead_keyframes)
        confirmed = np.inf
        if beside is None:
            confirmed = max(self.model.support_share * self.background.support[best], self.model.unsupported_lead)
        usual = elsewhere = self.background.agreement
        if far.any():  # the most similar view elsewhere may agree in more than is usual, and then says as much
            elsewhere = max(usual, self.agreeing(self.best_of(far)))
        shown = (self.agreeing(best) - (usual + elsewhere) / 2) / self.background.agreement_deviation
        return np.array([min(lead, confirmed), shown])

    def rival(self, row: int) -> np.ndarray:
        """(K,) mask of the place elsewhere that stands out most beside that of a keyframe; empty where there is none.
        """
        far = self.places.far_from(row)
        if not far.any():
            return far
        return self.places.near(self.best_of(far))

    def evidence(self, calibration: Calibration, row: int) -> float:
        """Log-odds of being on the map, at the place of a keyframe where the robot is held to be.

        Where another place of the map looks the same, and nothing else does, the frame speaks neither for the map nor
        against it: which of the two it is, is known otherwise.
        """
        found = float(calibration.evidence(self.cues(row)))
        if found >= 0:
            return found
        return max(found, min(float(calibration.evidence(self.cues(row, self.rival(row)))), 0.0))

    def alone(self, calibration: Calibration) -> np.ndarray:
        """(K + 1,) probabilities of the keyframes and, last, of nowhere, by this frame alone."""
        places = normalised(calibration.log_likelihood(self.standardised))
        evidence = calibration.evidence(self.cues())
        (row, _, share), *others = self.places.groups(np.append(places, 0.0))
        rivals = [other for other, _, weights in others if weights.sum() > self.model.ambiguous_share * share.sum()]
        if rivals:  # on the map, whichever of them it is
            beside = np.any([self.places.near(rival) for rival in rivals], axis=0)
            evidence = max(evidence, calibration.evidence(self.cues(row, beside)))
        return with_nowhere(places, logistic(float(evidence)))


def observe(scores: np.ndarray, background: BackgroundModel, places: Neighbourhoods, calibration: Calibration,
            agreeing: Callable[[int], float], model: EvidenceModel) -> Observation:
    """Of (K,) similarities; ``agreeing`` is asked only for keyframes whose cues are wanted, since it takes time."""
    standardised = standardise(scores, background.level, places.far_from, calibration, model.pseudo_count)
    return Observation(standardised, background, places, agreeing, model)


def standardise(scores: np.ndarray, level: np.ndarray, far_from: Callable[[int], np.ndarray],
                calibration: Calibration, pseudo_count: float = EvidenceModel.pseudo_count) -> np.ndarray:
    """(K,) similarities to standard deviations above unrelated places.

    ``level`` (K,) is that of the keyframes; ``far_from`` gives for a row the (K,) mask of what is no neighbour of it.
    """
    corrected = scores - level
    far = corrected[far_from(int(np.argmax(corrected)))]
    middle = spread = 0.0
    if len(far):
        middle = float(np.median(far))
        spread = 1.4826 * float(np.median(np.abs(far - middle)))
    middle = shrink_toward(middle, len(far), 0.0, pseudo_count)
    variance = shrink_toward(spread**2, len(far), calibration.deviation**2, pseudo_count)
    return (corrected - middle) / np.sqrt(variance)


def leading(standardised: np.ndarray, near: np.ndarray, elsewhere: np.ndarray, count: int) -> float:
    """By how much the best ``count`` of the rows ``near`` lead, on average, the best of the mask ``elsewhere``.

    What is unrelated, 0, stands for elsewhere where that is empty.
    """
    best = np.sort(standardised[near])[::-1][:count]
    return float(best.mean() - standardised[elsewhere].max(initial=0.0))


def normalised(log_likelihood: np.ndarray) -> np.ndarray:
    """(K,) probabilities with an even prior."""
    weights = np.exp(log_likelihood - log_likelihood.max())
    return weights / weights.sum()


def with_nowhere(places: np.ndarray, on_map: float) -> np.ndarray:
    """(S + 1,) belief of (S,) places given the map, and of the map."""
    return np.append(on_map * places, 1 - on_map)
