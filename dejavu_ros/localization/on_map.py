"""Is the robot on the map at all? A chain of two states beside the belief about where on it.

Which place it is, given the map, is the filter's question (:mod:`dejavu_ros.localization.bayes_filter`). Doubt about
the map must not erase what is known of the place, so it is kept apart: a robot that leaves the map for a while is
tracked on, and is found where it comes back.
"""

import math

import numpy as np

from dejavu_ros.localization.model import OnMapModel

LARGEST = 30.0  # log-odds: beyond, a float says 0 or 1


class OnMapChain:
    """The probability of being on the map, over time."""

    def __init__(self, model: OnMapModel = OnMapModel()):
        self.model = model
        self.reset()

    def reset(self, probability: float | None = None) -> None:
        """Forget all frames: back to the prior, or to a ``probability`` that somebody else knows."""
        self.log_odds = logit(self.model.prior if probability is None else probability)
        self.is_first = True

    @property
    def probability(self) -> float:
        return logistic(self.log_odds)

    def update(self, evidence: float, novelty: float = 1.0, departed: float = 0.0, travelled: float = np.inf) -> float:
        """Take in a frame's log-odds of being on the map at the tracked place; returns the probability.

        ``novelty`` in [0, 1] is how new the frame is: one that shows the same again adds nothing. ``departed`` is the
        share of the belief that motion has led off the map, ``travelled`` how many metres the tracked place has moved
        since the last frame. The first frame counts in full.
        """
        model, weight = self.model, 1.0
        if not self.is_first:
            weight = model.dependence * novelty * (min(travelled / model.step, 1.0) if evidence > 0 else model.against)
            left, on_map = (1 - model.persistence) * novelty, self.probability
            self.log_odds = logit((on_map * (1 - left) + (1 - on_map) * left) * (1 - departed))
        self.log_odds += weight * min(max(evidence, model.floor), model.ceiling)
        self.is_first = False
        return self.probability


def logit(probability: float) -> float:
    """Log-odds of a probability, within what a float can tell from 0 and 1."""
    if probability <= 0:
        return -LARGEST
    return LARGEST if probability >= 1 else min(max(math.log(probability / (1 - probability)), -LARGEST), LARGEST)


def logistic(log_odds: float) -> float:
    """The probability of log-odds."""
    return 1 / (1 + math.exp(-min(max(log_odds, -LARGEST), LARGEST)))
