"""How fast a robot goes that has no odometry: as it went in the last seconds."""

from collections import deque

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import Pose
from dejavu_ros.localization.model import MotionModel


class Pace:
    """Where the robot was last, and its mean velocity in its own frame since the oldest of these places.

    On a bend the velocity turns with the robot, so ways are taken in the frame that they began in.
    """

    def __init__(self, max_speed: float, jump: float, motion: MotionModel = MotionModel()):
        """Who is further than ``max_speed`` (m/s) and ``jump`` (m) allow was carried, and his pace is unknown."""
        self.max_speed, self.jump, self.motion = max_speed, jump, motion
        self.past: deque[tuple[int, np.ndarray, Rotation]] = deque()

    def forget(self) -> None:
        self.past.clear()

    def add(self, stamp_ns: int, position: np.ndarray, rotation: Rotation) -> None:
        """The robot was at ``position`` (3,) m, with ``rotation`` of its base in the map."""
        if self.past and self.past[-1][0] == stamp_ns:  # another camera knows more
            self.past.pop()
        if self.past:
            before_ns, before, _ = self.past[-1]
            seconds = (stamp_ns - before_ns) * 1e-9
            bound = self.max_speed * seconds + self.jump
            if not 0 < seconds <= self.motion.pace_holds or np.linalg.norm(position - before) > bound:
                self.forget()
        self.past.append((stamp_ns, position, rotation))
        while (stamp_ns - self.past[0][0]) * 1e-9 > self.motion.pace_window:
            self.past.popleft()

    def step(self, stamp_ns: int) -> Pose | None:
        """The motion since the last place, in its frame; None where the pace is not known, or too long ago."""
        if not self.past:
            return None
        stamps, positions, rotations = zip(*self.past)
        known, ahead = (stamps[-1] - stamps[0]) * 1e-9, (stamp_ns - stamps[-1]) * 1e-9
        if known < self.motion.pace_known or not 0 <= ahead <= self.motion.pace_holds:
            return None
        ways = Rotation.concatenate(rotations[:-1]).apply(np.diff(positions, axis=0), inverse=True)
        return Pose.make(ways.sum(0) * ahead / known)
