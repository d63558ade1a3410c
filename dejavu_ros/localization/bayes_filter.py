"""A discrete Bayes filter: where on the map, given that the robot is on it.

Whether it is on the map at all is asked beside it (:mod:`dejavu_ros.localization.on_map`), so that doubt about the map
does not erase what is known of the place.
"""

import dataclasses

import numpy as np
from scipy.sparse import coo_matrix
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from dejavu_ros.errors import DataError
from dejavu_ros.geometry import FARTHEST, IDENTITY, Pose
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.model import MotionModel
from dejavu_ros.localization.pace import Pace

MOVED = 1000  # keyframes that are moved one by one; what is left of the belief is spread over the map


@dataclasses.dataclass(frozen=True)
class Update:
    """What a frame did to the belief (S,): ``novelty`` in [0, 1], how new it was; ``counted``: it was more than the
    view before again; ``departed``: share of the belief that motion led off the map; ``forgot``: the frames before it
    were forgotten; ``predicted``: log of how much likelier the frame was by the belief before it than by an even one.
    """

    belief: np.ndarray
    novelty: float
    counted: bool
    departed: float
    forgot: bool
    predicted: float


class DiscreteBayesFilter:
    """Belief over S states, which sums to 1.

    Frames of one camera resemble each other, and the same view seen again proves nothing new: a frame counts by how
    little what it says correlates with what that camera's last one said. Frames of several cameras update one belief.
    """

    def __init__(self, positions: np.ndarray, quaternions: np.ndarray, config: LocalizerConfig,
                 motion: MotionModel = MotionModel()):
        """``positions`` (S, 3) metres and ``quaternions`` (S, 4) xyzw of map_T_base."""
        self.config, self.motion, self.positions, self.quaternions = config, motion, positions, quaternions
        self.rotations = Rotation.from_quat(quaternions)
        self.ahead_axis = self.rotations.apply([1.0, 0.0, 0.0])
        self.tree = cKDTree(positions)
        self.pace = Pace(config.max_speed, motion.min_step, motion)
        self.uniform_prior = np.full(len(positions), 1 / len(positions))
        self.reset()

    def reset(self) -> None:
        """Forget all frames: the belief is even on the map."""
        self.belief = self.start = self.uniform_prior
        self.stamp_ns: int | None = None       # of the last frame, and of the last one that counted
        self.counted_ns: int | None = None
        self.odometry: Pose | None = None      # where the belief was moved to last
        self.views: dict[str, np.ndarray] = {}  # what each camera's last one said
        self.stamps: dict[str, int] = {}        # of each camera's last one
        self.undated = False                   # the last one had the stamp of the one before it
        self.pace.forget()

    def expect(self, position: np.ndarray, covariance: np.ndarray) -> None:
        """Begin anew from a prior: ``position`` (3,) m in the map, ``covariance`` (3, 3) m^2.

        Some of the belief stays where it was at the start, since a prior may be wrong. Raises DataError for a
        covariance that is none, and then changes nothing.
        """
        size = np.abs(covariance).max()  # NaN where one of them is
        if not size <= FARTHEST**2 or np.abs(covariance - covariance.T).max() > 1e-6 * size \
                or np.linalg.eigvalsh(covariance).min() < -1e-6 * size:
            raise DataError('covariance that is none: it must be finite, symmetric and not negative')
        self.reset()
        spread = covariance + np.eye(3) * self.motion.min_step**2
        offset = self.positions - position
        distance = np.einsum('ki,ij,kj->k', offset, np.linalg.inv(spread), offset)
        near = np.exp(-(distance - distance.min()) / 2)
        wrong = self.motion.wrong_prior
        self.belief = wrong * self.start + (1 - wrong) * near / near.sum()

    def update(self, log_likelihood: np.ndarray, stamp_ns: int, odometry: Pose | None = None,
               camera: str = 'camera') -> Update:
        """Take in a frame's (S,) log-likelihood of the states, up to a constant.

        The first frame, and one after a gap, counts in full; a later one by ``frame_weight``, by what is new in it, and
        less without odometry.
        """
        forgot = self.has_lost_track(stamp_ns, odometry)
        if forgot:
            self.reset()
        self.undated, self.stamps[camera] = self.stamps.get(camera) == stamp_ns, stamp_ns
        news = novelty(log_likelihood, self.views.get(camera), self.motion.few_states)
        step = self.step(stamp_ns, odometry)
        if self.is_contradicted(log_likelihood):
            news = max(news, self.motion.contradicted)
        elif self.is_stationary(news, step):
            self.stamp_ns = max(stamp_ns, self.stamp_ns)
            if step is None:
                self.odometry = odometry  # which has jumped or begun while the robot stood
            return Update(self.belief, news, False, 0.0, forgot, 0.0)
        weight = 1.0
        if self.views:
            weight = self.config.frame_weight * news * (self.motion.unknown_way if step is None else 1.0)
        prior, departed = self.prior(stamp_ns, step, news)
        self.belief = posterior(prior, log_likelihood, weight, self.motion.surprise)
        self.counted_ns = self.stamp_ns = max(stamp_ns, self.stamp_ns or stamp_ns)
        self.views[camera] = log_likelihood
        if step is None or self.moves(step):
            self.odometry = odometry
        self.take_pace()
        return Update(self.belief, news, True, departed, forgot, predicted(prior, log_likelihood))

    def take_pace(self) -> None:
        """Where the robot is now, if that is known, is where its pace counts from."""
        best = int(self.belief.argmax())
        around = self.tree.query_ball_point(self.positions[best], self.config.place_radius)
        belief = self.belief[around]
        if belief.sum() < self.motion.sure:
            self.pace.forget()
        else:
            self.pace.add(self.counted_ns, belief @ self.positions[around] / belief.sum(), self.rotations[best])

    def ahead(self, odometry: Pose | None) -> Pose:
        """The way, too short for keyframes to tell it apart, that a robot at ``odometry`` is ahead of the belief."""
        return IDENTITY if odometry is None or self.odometry is None else self.odometry.inverse @ odometry

    def is_contradicted(self, log_likelihood: np.ndarray) -> bool:
        """Whether the robot is held to be somewhere, and a frame shows another place: it may have been carried."""
        best = int(self.belief.argmax())
        return bool(self.views) and bool(log_likelihood[best] < log_likelihood.max() - self.motion.contradiction)

    def is_stationary(self, news: float, step: Pose | None) -> bool:
        """Whether a frame is the one that counted again: the view says so, or odometry and roughly the view."""
        if step is None:
            return news < self.motion.same_view
        return not self.moves(step) and news < self.motion.other_view

    def has_lost_track(self, stamp_ns: int, odometry: Pose | None) -> bool:
        """Whether the clock has jumped back, or no frame and no odometry says what happened for too long."""
        if self.stamp_ns is None:
            return False
        elapsed = (stamp_ns - self.stamp_ns) * 1e-9
        bridged = odometry is not None and self.odometry is not None
        return elapsed < -self.motion.late or (elapsed > self.config.max_gap and not bridged)

    def step(self, stamp_ns: int, odometry: Pose | None) -> Pose | None:
        """The motion since the belief was moved last, in that base; None where odometry does not say, or jumps."""
        if odometry is None or self.odometry is None:
            return None
        step = self.odometry.inverse @ odometry
        return step if np.linalg.norm(step.position) <= self.reach(stamp_ns) + self.motion.min_step else None

    def moves(self, step: Pose) -> bool:
        """Whether a step is long enough to be told apart by keyframes."""
        return bool(np.linalg.norm(step.position) >= self.motion.min_step
                    or step.rotation.magnitude() >= np.radians(self.motion.min_turn))

    def reach(self, stamp_ns: int) -> float:
        """Metres that the robot can have moved since the last frame that counted.

        A stamp that comes again says nothing about that.
        """
        elapsed = abs(stamp_ns - self.counted_ns) * 1e-9
        if self.undated:
            elapsed = max(elapsed, self.motion.undated)
        return self.config.max_speed * elapsed + self.motion.min_step

    def predict(self, stamp_ns: int, odometry: Pose | None = None) -> np.ndarray:
        """The belief (S,) about where the robot is at ``stamp_ns``, before any frame is seen there."""
        return self.prior(stamp_ns, self.step(stamp_ns, odometry), news=1.0)[0]

    def prior(self, stamp_ns: int, step: Pose | None, news: float) -> tuple[np.ndarray, float]:
        """The belief (S,) before a frame's own evidence, and the share of it that motion has led off the map.

        ``news`` in [0, 1] is how much the view has changed. Without a ``step`` the robot goes on as it did, or
        anywhere; a view that has not changed was not left either.
        """
        if self.counted_ns is None:
            return self.belief, 0.0
        if step is not None:
            moved = self.spread(self.belief, step=step) if self.moves(step) else self.belief
        else:
            moved = (1 - news) * self.belief + news * self.spread(self.belief, reach=self.reach(stamp_ns))
            if not self.undated and (pace := self.pace.step(stamp_ns)):
                steady = self.spread(self.belief, step=pace, error=self.motion.pace_error)
                moved = self.motion.steady * steady + (1 - self.motion.steady) * moved
        total = float(moved.sum())
        kidnapped = self.config.kidnap_rate * news
        # who drove off the mapped road may come back anywhere
        moved = moved.clip(min=0) + max(1 - total, 0.0) * self.uniform_prior
        prior = (1 - kidnapped) * moved / moved.sum() + kidnapped * self.start
        return prior, min(max(1 - total, 0.0), 1.0) if step is not None else 0.0

    def spread(self, belief: np.ndarray, *, step: Pose | None = None, error: float | None = None,
               reach: float = 0.0) -> np.ndarray:
        """(S,) belief after a ``step`` known up to a share ``error`` of it (odometry's), or a move of up to ``reach``
        metres any way, where a shorter one is likelier by as much as it is shorter, and one without a turn.

        What a step leads to where no keyframe is gets lost.
        """
        count = len(belief)
        sources = np.argpartition(-belief, MOVED)[:MOVED] if count > MOVED else np.arange(count)
        if step is None:
            pairs = self.tree.sparse_distance_matrix(cKDTree(self.positions[sources]), reach, output_type='coo_matrix')
            turned = 1 - (self.ahead_axis[pairs.row] * self.ahead_axis[sources][pairs.col]).sum(1)
            weights = 1 / (pairs.data + self.motion.min_step + self.motion.turn_way * turned)
        else:
            error = self.config.odometry_error if error is None else error
            sigma = error * float(np.linalg.norm(step.position)) + self.motion.min_step
            targets = self.positions[sources] + self.rotations[sources].apply(step.position)
            pairs = self.tree.sparse_distance_matrix(cKDTree(targets), 3 * sigma, output_type='coo_matrix')
            headings = (self.rotations[sources] * step.rotation).as_quat()
            cosine = np.abs((self.quaternions[pairs.row] * headings[pairs.col]).sum(1)).clip(max=1)
            turned = 2 * np.arccos(cosine) / np.radians(self.motion.turn_error)
            weights = np.exp(-((pairs.data / sigma)**2 + turned**2) / 2)
        moved = coo_matrix((weights, (pairs.row, pairs.col)), (count, len(sources))).tocsr()
        sums = np.asarray(moved.sum(0)).ravel()
        rest = max(float(belief.sum() - belief[sources].sum()), 0.0)
        return moved @ (belief[sources] / np.where(sums > 1e-12, sums, np.inf)) + rest / count


def novelty(log_likelihood: np.ndarray, before: np.ndarray | None,
            few: int = MotionModel.few_states) -> float:
    """How new a (S,) log-likelihood is after the one ``before``: the share of its deviation that this does not explain.

    From 0 (the same again) to 1 (nothing in common, or fewer than ``few`` states to tell by).
    """
    if before is None or len(log_likelihood) < few or not log_likelihood.std() or not before.std():
        return 1.0
    correlation = np.corrcoef(log_likelihood, before)[0, 1]
    return float(np.sqrt(1 - correlation.clip(0, 1)**2))


def predicted(prior: np.ndarray, log_likelihood: np.ndarray) -> float:
    """Log of how much likelier a frame is by a belief (S,) than by an even one."""
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    return float(np.log(max(prior @ likelihood, 1e-12) / likelihood.mean()))


def posterior(prior: np.ndarray, log_likelihood: np.ndarray, weight: float = 1.0,
              surprise: float = np.inf) -> np.ndarray:
    """Bayes' rule on (S,) states; none is excluded by more than ``surprise``, and ``weight`` tempers it all."""
    weights = prior * np.exp(weight * (log_likelihood - log_likelihood.max()).clip(min=-surprise))
    return weights / weights.sum()
