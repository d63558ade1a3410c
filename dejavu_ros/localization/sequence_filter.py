"""A discrete Bayes filter: where on the map, or on none of it."""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from dejavu_ros.geometry import Pose
from dejavu_ros.localization.config import LocalizerConfig

SURPRISE = 12.0  # log of how unlikely a frame can make a place: it may be hidden, blurred or deceived
MIN_STEP = 1.0  # metres of spread between two frames, however short the time: keyframes are that far apart


class SequenceFilter:
    """Belief over K keyframes and, last, "nowhere on the map"."""

    def __init__(self, positions: np.ndarray, config: LocalizerConfig):
        """``positions`` (K, 3) metres."""
        self.config, self.positions = config, positions
        self.tree = cKDTree(positions)
        self.reset()

    def reset(self) -> None:
        count = len(self.positions)
        self.start = np.append(np.full(count, 0.5 / count), 0.5)
        self.belief = self.start
        self.stamp_ns: int | None = None
        self.odometry: Pose | None = None

    def expect(self, position: np.ndarray, covariance: np.ndarray) -> None:
        """Begin anew from a prior: ``position`` (3,) m in the map, ``covariance`` (3, 3) m^2.

        A tenth of the belief stays where it was at the start, since a prior may be wrong.
        """
        self.reset()
        spread = covariance + np.eye(3) * MIN_STEP**2
        offset = self.positions - position
        distance = np.einsum('ki,ij,kj->k', offset, np.linalg.inv(spread), offset)
        near = np.exp(-(distance - distance.min()) / 2)
        self.belief = 0.1 * self.start + 0.9 * np.append(near / near.sum(), 0.0)

    def predict(self, stamp_ns: int, odometry: Pose | None) -> np.ndarray:
        """The belief (K + 1,) before the frame's own evidence."""
        config = self.config
        elapsed = None if self.stamp_ns is None else (stamp_ns - self.stamp_ns) * 1e-9
        if elapsed is None:
            return self.belief
        if not 0 <= elapsed <= config.max_gap:
            return self.start
        if odometry is not None and self.odometry is not None:
            travelled = float(np.linalg.norm(odometry.position - self.odometry.position))
            reach = (1 + config.odometry_error) * travelled + MIN_STEP
        else:
            reach = config.max_speed * elapsed + MIN_STEP
        moved = self.transition(reach) @ self.belief[:-1]
        moved = np.append(moved, self.belief[-1])
        return (1 - config.kidnap_rate) * moved / moved.sum() + config.kidnap_rate * self.start

    def transition(self, reach: float) -> csr_matrix:
        """(K, K): from each keyframe evenly to all those within ``reach`` metres; columns sum to 1."""
        neighbours = self.tree.sparse_distance_matrix(self.tree, reach, output_type='coo_matrix')
        count = len(self.positions)
        matrix = csr_matrix((np.ones(neighbours.nnz), (neighbours.row, neighbours.col)), (count, count))
        return matrix.multiply(1 / np.asarray(matrix.sum(0)).clip(min=1)).tocsr()

    def update(self, log_odds: np.ndarray, stamp_ns: int, odometry: Pose | None = None) -> np.ndarray:
        """Take in a frame's (K,) log-odds against "nowhere"; returns the belief (K + 1,)."""
        prior = self.predict(stamp_ns, odometry)
        is_first = self.stamp_ns is None or prior is self.start
        weight = 1.0 if is_first else self.config.frame_weight
        self.belief = posterior(prior, np.append(log_odds, 0.0), weight)
        self.stamp_ns, self.odometry = stamp_ns, odometry
        return self.belief


def posterior(prior: np.ndarray, log_likelihood: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """Bayes' rule on (K + 1,) states; no state is excluded by more than SURPRISE, and ``weight`` tempers it all."""
    weights = prior * np.exp(weight * (log_likelihood - log_likelihood.max()).clip(min=-SURPRISE))
    return weights / weights.sum()
