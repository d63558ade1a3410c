"""Recorded poses over time, and what of them cannot be: jumps, contradictions, a clock that was set back."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import median_filter

from dejavu_ros.geometry import Pose, Trajectory

SAME_NS = 1000  # stamps written with six decimals, or kept as floating-point seconds, differ by less
# Two neighbouring poses are a jump if they are farther apart than JUMP_METRES and the speed between them is over
# MAX_SPEED, or stands out by FACTOR and SLACK from the median speed of the poses around them; or if they are turned by
# more than JUMP_ANGLE at more than MAX_TURN.
JUMP_METRES, MAX_SPEED, FACTOR, SLACK, AROUND = 1.0, 100.0, 3.0, 10.0, 11
JUMP_ANGLE, MAX_TURN = 0.5, 20.0
BRIEF_NS = 1_000_000_000  # who jumps back, or on, after no more than that was never there
BACK_NS = 500_000_000  # a message that is older than the one before by more tells of a clock that was set back,
LASTING = 20  # unless one of so many after it is as new as before: it came late, or there are two publishers
RUN_NS = 10**16  # put between the runs of a recording whose clock was set back: 115 days


class Motion:
    """Poses ``(T, 7)`` (position, quaternion xyzw) at stamps (T,) in any order, asked for a moment.

    Of poses with one stamp the last counts, or none if they are apart. What :func:`find_strays` finds is left out.
    ``kept`` are the numbers of the poses that count, by their stamps, ``contradictions`` and ``strays`` how many do
    not; ``jumps`` (len(kept) - 1,) tells after which of them a jump comes. ``clock_ns`` (len(kept),) are the stamps for
    people, where these are of :func:`in_runs`.
    """

    def __init__(self, stamps_ns, poses, clock_ns=None):
        stamps, poses = np.asarray(stamps_ns, np.int64), np.asarray(poses, float).reshape(-1, 7)
        order = np.argsort(stamps, kind='stable')
        stamps, poses = stamps[order], poses[order]
        same = np.diff(stamps) == 0
        metres, radians = steps(poses)
        group = np.cumsum(np.append(0, ~same)) if len(stamps) else np.zeros(0, int)
        apart = np.unique(group[1:][same & ((metres > JUMP_METRES) | (radians > JUMP_ANGLE))])
        last = np.append(~same, True)[:len(stamps)]
        contradicted = np.isin(group, apart)
        self.contradictions = int(contradicted.sum())
        keep = np.flatnonzero(last & ~contradicted)
        stray = find_strays(stamps[keep], poses[keep])
        self.strays = int(stray.sum())
        keep = keep[~stray]
        self.kept, self.jumps = order[keep], find_jumps(stamps[keep], poses[keep])
        self.clock_ns = np.asarray(stamps_ns if clock_ns is None else clock_ns, np.int64)[self.kept]
        self.trajectory = Trajectory(stamps[keep], [Pose(row[:3], row[3:]) for row in poses[keep]])
        self.stamps_ns = self.trajectory.stamps_ns

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def nearest(self, stamp_ns: int) -> int:
        """The index of the pose nearest in time; there must be one."""
        after = min(int(np.searchsorted(self.stamps_ns, stamp_ns)), len(self) - 1)
        return min(max(after - 1, 0), after, key=lambda index: abs(int(self.stamps_ns[index]) - stamp_ns))

    def at(self, stamp_ns: int, max_gap_ns: int) -> Pose | None:
        """The pose then, between two by interpolation; None where :meth:`why_not` has a reason."""
        if not len(self):
            return None
        nearest = int(self.stamps_ns[self.nearest(stamp_ns)])
        if abs(nearest - stamp_ns) <= SAME_NS:
            return self.trajectory.at(nearest, 0)
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if 0 < after < len(self) and self.jumps[after - 1]:
            return None
        return self.trajectory.at(stamp_ns, max_gap_ns)

    def why_not(self, stamp_ns: int, max_gap_ns: int) -> str:
        """In words, why there is no pose at a stamp; empty where there is one."""
        if self.at(stamp_ns, max_gap_ns) is not None:
            return ''
        if not len(self):
            return 'no usable pose'
        if -3 * RUN_NS < 2 * (stamp_ns - int(self.stamps_ns[0])) < -RUN_NS:
            return 'the clock was set back around it'
        if len(self) == 1:
            return f'there is only one, at {seconds(self.clock_ns[0])} s'
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if after == 0:
            return f'before the first one, at {seconds(self.clock_ns[0])} s'
        if after == len(self):
            return f'after the last one, at {seconds(self.clock_ns[-1])} s'
        apart = (self.stamps_ns[after] - self.stamps_ns[after - 1]) / 1e9
        if self.jumps[after - 1]:
            metres = np.linalg.norm(np.diff(self.trajectory.positions[after - 1:after + 1], axis=0))
            return f'a jump of {metres:.1f} m within {apart:.3g} s, after {seconds(self.clock_ns[after - 1])} s'
        return f'between two over {max_gap_ns / 1e9:g} s apart'


def steps(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres and radians (T - 1,) from each of the poses (T, 7) to the next."""
    cosines = np.abs((poses[1:, 3:] * poses[:-1, 3:]).sum(1))
    return np.linalg.norm(np.diff(poses[:, :3], axis=0), axis=1), 2 * np.arccos(np.minimum(cosines, 1))


def find_jumps(stamps_ns: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """(T - 1,) whether no robot gets from a pose (T, 7) to the next; stamps (T,) ascend."""
    if len(stamps_ns) < 2:
        return np.zeros(0, bool)
    metres, radians = steps(poses)
    apart = np.diff(stamps_ns) / 1e9
    speeds = metres / apart
    usual = median_filter(speeds, AROUND, mode='nearest')
    far = (metres > JUMP_METRES) & (speeds > np.minimum(MAX_SPEED, FACTOR * usual + SLACK))
    return far | (radians > JUMP_ANGLE) & (radians / apart > MAX_TURN)


def find_strays(stamps_ns: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """(T,) whether a pose (T, 7) is one of a few, within BRIEF_NS, with a jump before and after; stamps (T,) ascend.

    At the beginning and at the end one jump is enough where what is beyond it lasts longer.
    """
    jumps = find_jumps(stamps_ns, poses)
    if not jumps.any():
        return np.zeros(len(stamps_ns), bool)
    first = np.append(0, np.flatnonzero(jumps) + 1)  # of each piece between jumps
    last = np.append(first[1:], len(stamps_ns)) - 1
    brief = stamps_ns[last] - stamps_ns[first] <= BRIEF_NS
    stray = brief.copy()
    stray[0] &= not brief[1]
    stray[-1] &= not brief[-2]
    return np.repeat(stray, last - first + 1)


def find_runs(stamps_ns: Sequence[int]) -> list[int]:
    """The indices at which a clock was set back, of stamps (T,) in the order of recording."""
    apart = np.diff(np.asarray(stamps_ns, np.int64))
    usual = np.median(apart[apart > 0]) if (apart > 0).any() else 0
    found = []
    for index in np.flatnonzero(apart < -BACK_NS).tolist():
        after = apart[index + 1:index + 1 + LASTING]
        if len(after) and after.max() <= max(3 * usual, -apart[index] / 2):
            found.append(index + 1)
    return found


def in_runs(stamps_ns, starts: Sequence[int]) -> np.ndarray:
    """Stamps (T,) made to ascend over all runs, which begin at the indices ``starts``: RUN_NS is put between them."""
    stamps = np.array(stamps_ns, np.int64)
    return stamps + RUN_NS * np.searchsorted(np.asarray(starts, np.int64), np.arange(len(stamps)), 'right')


def seconds(stamp_ns: int) -> str:
    """A stamp for people."""
    return f'{int(stamp_ns) / 1e9:.3f}'
