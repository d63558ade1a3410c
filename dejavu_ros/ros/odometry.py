"""Where odometry says the robot was when the image was taken."""

import bisect
import collections
import threading

from dejavu_ros.geometry import Pose, Trajectory
from dejavu_ros.ros.stamps import STEP_BACK

KEEP_NS = 30 * 10**9
MAX_GAP_NS = 10**9
MAX_LAG_NS = 2 * 10**8


class OdometryBuffer:
    """The last 30 s of odom_T_base. A step back in time (a bag played again) starts it anew; a message that is only out
    of order, or comes twice, is left aside.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._stamps: collections.deque[int] = collections.deque()
        self._poses: collections.deque[Pose] = collections.deque()

    def add(self, stamp_ns: int, odom_T_base: Pose) -> None:
        with self._lock:
            if self._stamps and stamp_ns <= self._stamps[-1]:
                if self._stamps[-1] - stamp_ns <= STEP_BACK:
                    return
                self._stamps.clear()
                self._poses.clear()
            self._stamps.append(stamp_ns)
            self._poses.append(odom_T_base)
            while self._stamps[-1] - self._stamps[0] > KEEP_NS:
                self._stamps.popleft()
                self._poses.popleft()

    @property
    def newest_ns(self) -> int | None:
        """The stamp of the newest one; None while there is none."""
        with self._lock:
            return self._stamps[-1] if self._stamps else None

    def clear(self) -> None:
        with self._lock:
            self._stamps.clear()
            self._poses.clear()

    def at(self, stamp_ns: int) -> Pose | None:
        """Interpolated over at most 1 s; the newest one for an image up to 0.2 s ahead of it; else None."""
        with self._lock:
            after = bisect.bisect_left(self._stamps, stamp_ns)
            if after == len(self._stamps):
                newest = self._stamps[-1] if self._stamps else None
                return self._poses[-1] if newest is not None and stamp_ns - newest <= MAX_LAG_NS else None
            around = range(max(after - 1, 0), after + 1)
            stamps, poses = [self._stamps[i] for i in around], [self._poses[i] for i in around]
        return Trajectory(stamps, poses).at(stamp_ns, MAX_GAP_NS)
