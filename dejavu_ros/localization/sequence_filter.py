"""A discrete Bayes filter: where on the map, or on none of it."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from dejavu_ros.errors import DataError
from dejavu_ros.geometry import FARTHEST, IDENTITY, Pose
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.pace import Pace

SURPRISE = 12.0  # log of how unlikely a frame can make a place: it may be hidden, blurred or deceived
MIN_STEP = 1.0   # metres of spread between two frames, however short the time: keyframes are that far apart
MIN_TURN = np.radians(10.0)
TURN_ERROR = np.radians(30.0)  # between the headings of two keyframes and what odometry says of them
UNDATED = 1.0    # seconds that are taken to lie between two frames of one camera with the same stamp
LATE = 0.5       # seconds: a frame that comes so much out of order is late, with an earlier stamp the clock has jumped
SAME_VIEW, OTHER_VIEW = 0.1, 0.85  # novelty up to which a camera has not moved, and from which it shows another place
CONTRADICTION = 3.0  # log of how much likelier than the robot's place another one must be to speak against it,
CONTRADICTED = 0.5   # and how new the frame is then at least, though the robot may stand
SURE = 0.5         # belief in one place from which the robot's pace is taken there
PACE_ERROR = 0.5   # of the way that a robot without odometry goes at its pace
STEADY = 0.8       # share of the belief that such a robot does so
UNKNOWN_WAY = 0.7  # of its weight has a frame without odometry, whose errors pass for motion (docs/pose.md)
FEW = 10         # keyframes below which a correlation over them says nothing
MOVED = 1000     # keyframes that are moved one by one; what is left of the belief is spread over the map


class SequenceFilter:
    """Belief over K keyframes and, last, "nowhere on the map".

    Frames of one camera resemble each other, and the same view seen again proves nothing new: a frame counts by how
    little what it says correlates with what that camera's last one said. Frames of several cameras update one belief.
    """

    def __init__(self, positions: np.ndarray, quaternions: np.ndarray, config: LocalizerConfig):
        """``positions`` (K, 3) metres and ``quaternions`` (K, 4) xyzw of map_T_base."""
        self.config, self.positions, self.quaternions = config, positions, quaternions
        self.rotations = Rotation.from_quat(quaternions)
        self.tree = cKDTree(positions)
        self.pace = Pace(config.max_speed, MIN_STEP)
        self.reset()

    def reset(self) -> None:
        """Forget all frames: half of the belief is nowhere, half evenly on the map."""
        self.start = even(len(self.positions))
        self.belief = self.start
        self.forget_views()

    def forget_views(self) -> None:
        self.stamp_ns: int | None = None       # of the last frame, and of the last one that counted
        self.counted_ns: int | None = None
        self.odometry: Pose | None = None      # where the belief was moved to last
        self.views: dict[str, np.ndarray] = {}  # what each camera's last one said
        self.stamps: dict[str, int] = {}        # of each camera's last one
        self.undated = False                   # the last one had the stamp of the one before it
        self.pace.forget()

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

    def update(self, log_odds: np.ndarray, stamp_ns: int, odometry: Pose | None = None,
               camera: str = 'camera') -> np.ndarray:
        """Take in a frame's (K,) log-odds against "nowhere"; returns the belief (K + 1,).

        The first frame, and one after a gap, counts in full; a later one by ``frame_weight``, by what is new in it, and
        less without odometry.
        """
        if self.has_lost_track(stamp_ns, odometry):
            self.reset()
        self.undated, self.stamps[camera] = self.stamps.get(camera) == stamp_ns, stamp_ns
        news = novelty(log_odds, self.views.get(camera))
        step = self.step(stamp_ns, odometry)
        if self.is_contradicted(log_odds):
            news = max(news, CONTRADICTED)
        elif self.stands(news, step):
            self.stamp_ns = max(stamp_ns, self.stamp_ns)
            if step is None:
                self.odometry = odometry  # which has jumped or begun while the robot stood
            return self.belief
        weight = self.config.frame_weight * news * (UNKNOWN_WAY if step is None else 1.0) if self.views else 1.0
        self.belief = posterior(self.prior(stamp_ns, step, news), np.append(log_odds, 0.0), weight)
        self.counted_ns = self.stamp_ns = max(stamp_ns, self.stamp_ns or stamp_ns)
        self.views[camera] = log_odds
        if step is None or moves(step):
            self.odometry = odometry
        self.take_pace()
        return self.belief

    def take_pace(self) -> None:
        """Where the robot is now, if that is known, is where its pace counts from."""
        best = int(self.belief[:-1].argmax())
        around = self.tree.query_ball_point(self.positions[best], self.config.place_radius)
        belief = self.belief[around]
        if belief.sum() < SURE:
            self.pace.forget()
        else:
            self.pace.add(self.counted_ns, belief @ self.positions[around] / belief.sum(), self.rotations[best])

    def ahead(self, odometry: Pose | None) -> Pose:
        """The way, too short for keyframes to tell it apart, that a robot at ``odometry`` is ahead of the belief."""
        return IDENTITY if odometry is None or self.odometry is None else self.odometry.inverse @ odometry

    def is_contradicted(self, log_odds: np.ndarray) -> bool:
        """Whether the robot is held to be somewhere, and a frame shows another place: it may have been carried."""
        best = int(self.belief.argmax())
        return best < len(log_odds) and bool(log_odds[best] < log_odds.max() - CONTRADICTION)

    def stands(self, news: float, step: Pose | None) -> bool:
        """Whether a frame is the one that counted again: the view says so, or odometry and roughly the view."""
        return news < SAME_VIEW if step is None else not moves(step) and news < OTHER_VIEW

    def has_lost_track(self, stamp_ns: int, odometry: Pose | None) -> bool:
        """Whether the clock has jumped back, or no frame and no odometry says what happened for too long."""
        if self.stamp_ns is None:
            return False
        elapsed = (stamp_ns - self.stamp_ns) * 1e-9
        bridged = odometry is not None and self.odometry is not None
        return elapsed < -LATE or (elapsed > self.config.max_gap and not bridged)

    def step(self, stamp_ns: int, odometry: Pose | None) -> Pose | None:
        """The motion since the belief was moved last, in that base; None where odometry does not say, or jumps."""
        if odometry is None or self.odometry is None:
            return None
        step = self.odometry.inverse @ odometry
        return step if np.linalg.norm(step.position) <= self.reach(stamp_ns) + MIN_STEP else None

    def reach(self, stamp_ns: int) -> float:
        """Metres that the robot can have moved since the last frame that counted.

        A stamp that comes again says nothing about that.
        """
        elapsed = abs(stamp_ns - self.counted_ns) * 1e-9
        if self.undated:
            elapsed = max(elapsed, UNDATED)
        return self.config.max_speed * elapsed + MIN_STEP

    def predict(self, stamp_ns: int, odometry: Pose | None = None) -> np.ndarray:
        """The belief (K + 1,) about where the robot is at ``stamp_ns``, before any frame is seen there."""
        return self.prior(stamp_ns, self.step(stamp_ns, odometry), news=1.0)

    def prior(self, stamp_ns: int, step: Pose | None, news: float) -> np.ndarray:
        """The belief (K + 1,) before a frame's own evidence; ``news`` in [0, 1] is how much the view has changed.

        Without a ``step`` the robot goes on as it did, or anywhere; a view that has not changed was not left either.
        """
        if self.counted_ns is None:
            return self.belief
        on_map = self.belief[:-1]
        if step is not None:
            moved = self.spread(on_map, step=step) if moves(step) else on_map
        else:
            moved = (1 - news) * on_map + news * self.spread(on_map, reach=self.reach(stamp_ns))
            if not self.undated and (pace := self.pace.step(stamp_ns)):
                moved = STEADY * self.spread(on_map, step=pace, error=PACE_ERROR) + (1 - STEADY) * moved
        prior = np.append(moved, 1 - moved.sum())  # who drove off the mapped road is nowhere
        kidnapped = self.config.kidnap_rate * news
        return (1 - kidnapped) * prior.clip(min=0) + kidnapped * self.start

    def spread(self, on_map: np.ndarray, *, step: Pose | None = None, error: float | None = None,
               reach: float = 0.0) -> np.ndarray:
        """(K,) belief after a ``step`` known up to a share ``error`` of it (odometry's), or a move of up to ``reach``
        metres any way.

        What a step leads to where no keyframe is gets lost.
        """
        count = len(on_map)
        sources = np.argpartition(-on_map, MOVED)[:MOVED] if count > MOVED else np.arange(count)
        if step is None:
            pairs = self.tree.sparse_distance_matrix(cKDTree(self.positions[sources]), reach, output_type='coo_matrix')
            weights = np.ones(pairs.nnz)
        else:
            error = self.config.odometry_error if error is None else error
            sigma = error * float(np.linalg.norm(step.position)) + MIN_STEP
            targets = self.positions[sources] + self.rotations[sources].apply(step.position)
            pairs = self.tree.sparse_distance_matrix(cKDTree(targets), 3 * sigma, output_type='coo_matrix')
            headings = (self.rotations[sources] * step.rotation).as_quat()
            cosine = np.abs((self.quaternions[pairs.row] * headings[pairs.col]).sum(1)).clip(max=1)
            weights = np.exp(-((pairs.data / sigma)**2 + (2 * np.arccos(cosine) / TURN_ERROR)**2) / 2)
        moved = coo_matrix((weights, (pairs.row, pairs.col)), (count, len(sources))).tocsr()
        sums = np.asarray(moved.sum(0)).ravel()
        rest = max(float(on_map.sum() - on_map[sources].sum()), 0.0)
        return moved @ (on_map[sources] / np.where(sums > 1e-12, sums, np.inf)) + rest / count


def moves(step: Pose) -> bool:
    """Whether a step is long enough to be told apart by keyframes."""
    return bool(np.linalg.norm(step.position) >= MIN_STEP or step.rotation.magnitude() >= MIN_TURN)


def novelty(log_odds: np.ndarray, before: np.ndarray | None) -> float:
    """How new (K,) log-odds are after those ``before``: the share of their deviation that these do not explain.

    From 0 (the same again) to 1 (nothing in common).
    """
    if before is None or len(log_odds) < FEW or not log_odds.std() or not before.std():
        return 1.0
    correlation = np.corrcoef(log_odds, before)[0, 1]
    return float(np.sqrt(1 - correlation.clip(0, 1)**2))


def even(count: int) -> np.ndarray:
    """(count + 1,) belief before any frame: half of it nowhere, half evenly on the map."""
    return np.append(np.full(count, 0.5 / count), 0.5)


def posterior(prior: np.ndarray, log_likelihood: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """Bayes' rule on (K + 1,) states; no state is excluded by more than SURPRISE, and ``weight`` tempers it all."""
    weights = prior * np.exp(weight * (log_likelihood - log_likelihood.max()).clip(min=-SURPRISE))
    return weights / weights.sum()
