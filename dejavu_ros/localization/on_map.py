"""Is the robot on the map at all? A chain of two states beside the belief about where on it.

Which place it is, given the map, is the filter's question (:mod:`dejavu_ros.localization.bayes_filter`). Doubt about
the map must not erase what is known of the place, so it is kept apart: a robot that leaves the map for a while is
tracked on, and is found where it comes back.

Two things speak for the map. One is how well the frame fits the place where the robot is held to be, and no other one
(:mod:`dejavu_ros.localization.observation`). The other is that the frames before it have predicted that place: on the
map the best keyframe moves on as the robot does, elsewhere it jumps about, or one keyframe that resembles everything
stays the best one. So both count for the map only as far as the robot has come to a place where it was not just now.
"""

import collections
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
        self.evidence = 0.0  # log-odds by the last frame alone
        self.trail: collections.deque[tuple[np.ndarray, np.ndarray]] = collections.deque(maxlen=self.model.recent)

    @property
    def probability(self) -> float:
        """Of being on the map now. The last frame may speak for it more than the chain does, but only by so much."""
        ahead = min(max(self.evidence - self.log_odds, 0.0), self.model.ahead)
        return logistic(self.log_odds + (ahead if self.evidence > 0 else 0.0))

    def update(self, evidence: float, position: np.ndarray, quaternion: np.ndarray, novelty: float = 1.0,
               departed: float = 0.0, predicted: float = 0.0) -> float:
        """Take in a frame's log-odds of being on the map at the tracked place; returns the probability.

        The tracked place is at ``position`` (3,) m and ``quaternion`` (4,) xyzw. ``novelty`` in [0, 1] is how new the
        frame is: one that shows the same again adds nothing. ``departed`` is the share of the belief that motion has
        led off the map, ``predicted`` how much better the frames before have predicted this one than chance, in nats.
        The first frame counts in full.
        """
        model, own = self.model, min(max(evidence, self.model.floor), self.model.ceiling)
        if self.trail:
            fresh = self.freshness(position, quaternion)
            motion = min(max(predicted, 0.0), model.most_predicted) - model.by_chance  # a jump: it may be carried
            left, on_map = (1 - model.persistence) * novelty, logistic(self.log_odds)
            self.log_odds = logit((on_map * (1 - left) + (1 - on_map) * left) * (1 - departed))
            own = own * (fresh if own > 0 else model.against) + motion * (fresh if motion > 0 else 1.0)
            own *= model.dependence * novelty
        self.log_odds += own
        self.evidence = evidence
        self.trail.append((position, quaternion))
        return self.probability

    def freshness(self, position: np.ndarray, quaternion: np.ndarray) -> float:
        """How far from the places of the last frames one is, from 0 (there) to 1 (a step or a turn away)."""
        positions, quaternions = map(np.array, zip(*self.trail))
        ways = np.linalg.norm(positions - position, axis=1) / self.model.step
        turns = 2 * np.arccos(np.abs(quaternions @ quaternion).clip(max=1)) / np.radians(self.model.turn)
        return float(min(np.maximum(ways, turns).min(), 1.0))


def logit(probability: float) -> float:
    """Log-odds of a probability, within what a float can tell from 0 and 1."""
    if probability <= 0:
        return -LARGEST
    return LARGEST if probability >= 1 else min(max(math.log(probability / (1 - probability)), -LARGEST), LARGEST)


def logistic(log_odds: float) -> float:
    """The probability of log-odds."""
    return 1 / (1 + math.exp(-min(max(log_odds, -LARGEST), LARGEST)))
