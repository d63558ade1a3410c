"""A discrete Bayes filter: where on the map, or on none of it."""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from dejavu_ros.errors import DataError
from dejavu_ros.geometry import FARTHEST, Pose
from dejavu_ros.localization.config import LocalizerConfig

SURPRISE = 12.0  # log of how unlikely a frame can make a place: it may be hidden, blurred or deceived
LATE = 0.5  # seconds by which a frame of one camera may be older than the last one of another
MIN_STEP = 1.0  # metres of spread between two frames, however short the time: keyframes are that far apart


class SequenceFilter:
    """Belief over K keyframes and, last, "nowhere on the map"."""

    def __init__(self, positions: np.ndarray, quaternions: np.ndarray, config: LocalizerConfig):
        """``positions`` (K, 3) metres and ``quaternions`` (K, 4) xyzw of map_T_base."""
        self.config, self.positions, self.rotations = config, positions, Rotation.from_quat(quaternions)
        self.tree = cKDTree(positions)
        self.reset()

    def reset(self) -> None:
        """Forget all frames: half of the belief is nowhere, half evenly on the map."""
        self.start = even(len(self.positions))
        self.belief = self.start
        self.stamp_ns: int | None = None
        self.odometry: Pose | None = None

    def expect(self, position: np.ndarray, covariance: np.ndarray) -> None:
        """Begin anew from a prior: ``position`` (3,) m in the map, ``covariance`` (3, 3) m^2.

        A tenth of the belief stays where it was at the start, since a prior may be wrong. Raises DataError for a
        covariance that is none, and then changes nothing.
        """
        size = np.abs(covariance).max()  # NaN where one of them is
        if not size <= FARTHEST**2 or np.abs(covariance - covariance.T).max() > 1e-6 * size \
                or np.linalg.eigvalsh(covariance).min() < -1e-6 * size:
            raise DataError('covariance that is none: it must be finite, symmetric and not negative')
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
        if not -LATE <= elapsed <= config.max_gap:
            return self.start
        if odometry is not None and self.odometry is not None:
            step = self.odometry.inverse @ odometry
            transition = self.moved_by(step.position)
        else:
            transition = self.within(config.max_speed * abs(elapsed) + MIN_STEP)
        moved = transition @ self.belief[:-1]
        moved = np.append(moved, 1 - moved.sum())  # who drove off the mapped road is nowhere
        return (1 - config.kidnap_rate) * moved + config.kidnap_rate * self.start

    def within(self, reach: float) -> csr_matrix:
        """(K, K): from each keyframe evenly to all those within ``reach`` metres; columns sum to 1."""
        neighbours = self.tree.sparse_distance_matrix(self.tree, reach, output_type='coo_matrix')
        return normalised(np.ones(neighbours.nnz), neighbours.row, neighbours.col, len(self.positions))

    def moved_by(self, step: np.ndarray) -> csr_matrix:
        """(K, K): from each keyframe to those where ``step`` (3,), metres in its base frame, leads to.

        Columns sum to 1, or to 0 where no keyframe is near.
        """
        sigma = self.config.odometry_error * float(np.linalg.norm(step)) + MIN_STEP
        targets = cKDTree(self.positions + self.rotations.apply(step))
        near = self.tree.sparse_distance_matrix(targets, 3 * sigma, output_type='coo_matrix')
        return normalised(np.exp(-(near.data / sigma)**2 / 2), near.row, near.col, len(self.positions))

    def update(self, log_odds: np.ndarray, stamp_ns: int, odometry: Pose | None = None) -> np.ndarray:
        """Take in a frame's (K,) log-odds against "nowhere"; returns the belief (K + 1,).

        The first frame, and one after a gap, counts in full; a later one by ``frame_weight``.
        """
        prior = self.predict(stamp_ns, odometry)
        is_first = self.stamp_ns is None or prior is self.start
        weight = 1.0 if is_first else self.config.frame_weight
        self.belief = posterior(prior, np.append(log_odds, 0.0), weight)
        self.stamp_ns, self.odometry = stamp_ns, odometry
        return self.belief


def even(count: int) -> np.ndarray:
    """(count + 1,) belief before any frame: half of it nowhere, half evenly on the map."""
    return np.append(np.full(count, 0.5 / count), 0.5)


def posterior(prior: np.ndarray, log_likelihood: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """Bayes' rule on (K + 1,) states; no state is excluded by more than SURPRISE, and ``weight`` tempers it all."""
    weights = prior * np.exp(weight * (log_likelihood - log_likelihood.max()).clip(min=-SURPRISE))
    return weights / weights.sum()


def normalised(weights: np.ndarray, rows: np.ndarray, columns: np.ndarray, count: int) -> csr_matrix:
    """(count, count) with columns that sum to 1, or to 0 where they are empty."""
    matrix = csr_matrix((weights, (rows, columns)), (count, count))
    sums = np.asarray(matrix.sum(0)).ravel()
    return matrix.multiply(1 / np.where(sums > 0, sums, 1)).tocsr()
