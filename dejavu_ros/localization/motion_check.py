"""Whether a robot moves by its poses as by its odometry: where a mounting has another heading, it does not.

One picture cannot tell where a camera looks beside the way that the robot drives: a camera that looks back, on a robot
that is turned round, sees the same. The way driven can: a mounting whose heading is off turns every pose, and with it
the direction of the way as the base sees it.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.optics.camera import Sight, is_known
from dejavu_ros.optics.mounting import FAR, heading_beside
from dejavu_ros.troubleshooting import CAMERA_LOOKS_ELSEWHERE, MOVES_OTHERWISE

SPAN = 5.0      # metres from one accepted pose to another that are compared: poses are good to about one
SPANS = 3       # in a row that must agree, or contradict
AS_LONG = 0.67  # the shorter of the two ways beside the longer one; else the robot was carried, or a pose is wrong


class MotionCheck:
    """Takes accepted poses of one camera. ``start`` is where the span began; ``angles`` are those of the last spans."""

    def __init__(self):
        self.start: tuple[Pose, Pose] | None = None
        self.angles: deque[float] = deque(maxlen=SPANS)

    def add(self, map_T_base: Pose, odom_T_base: Pose) -> None:
        """Take a pose and the odometry of then."""
        if self.start is None:
            self.start = map_T_base, odom_T_base
            return
        poses, odometry = ((before.inverse @ now).position[:2] for before, now in zip(
            self.start, (map_T_base, odom_T_base)))
        ways = sorted(float(np.linalg.norm(way)) for way in (poses, odometry))
        if ways[1] < SPAN:
            return
        self.start = map_T_base, odom_T_base
        if ways[0] >= AS_LONG * ways[1]:
            self.angles.append(float(np.angle(complex(*poses) / complex(*odometry))))

    @property
    def agrees(self) -> bool | None:
        """Whether the ways had one direction; None: not known, or not yet."""
        off = np.abs(self.angles) > FAR
        return None if len(off) < SPANS or off.any() != off.all() else not off.any()

    @property
    def problem(self) -> str:
        """That the ways have different directions, in words; empty where they have not, or nobody knows."""
        if self.agrees is not False:
            return ''
        degrees = float(np.degrees(np.angle(np.exp(1j * np.array(self.angles)).sum())))
        return MOVES_OTHERWISE(degrees=abs(degrees), side='left' if degrees > 0 else 'right')


class MountingChecks:
    """One :class:`MotionCheck` for each camera. Until it agrees, a camera that looks elsewhere than all of the map's is
    doubted in the ``doubt`` of its :class:`Sight`, from its first accepted pose on.
    """

    def __init__(self, mapped: Sequence[Pose | None]):
        """``mapped`` are base_T_camera of the map's cameras."""
        self.known = [mounting for mounting in mapped if is_known(mounting)]
        self.of: dict[str, MotionCheck] = {}

    def take(self, camera: str, sight: Sight | None, map_T_base: Pose, odom_T_base: Pose | None) -> str:
        """Take an accepted pose, with odometry where there is any; why no pose of this camera counts, or ''."""
        check = self.of.setdefault(camera, MotionCheck())
        if odom_T_base is not None:
            check.add(map_T_base, odom_T_base)
        if sight is not None:
            sight.doubt = check.problem or ('' if check.agrees else self.looks_elsewhere(sight))
        return check.problem

    def problem(self, camera: str) -> str:
        """Why no pose of this camera counts, in words; empty: nothing speaks against them."""
        return self.of[camera].problem if camera in self.of else ''

    def looks_elsewhere(self, sight: Sight) -> str:
        """That a camera looks elsewhere than all of the map's, in words; empty where it does not, or nobody knows."""
        if sight.base_T_camera is None or not self.known:
            return ''
        degrees = min((heading_beside(sight.base_T_camera, theirs) for theirs in self.known), key=abs)
        if abs(degrees) <= np.degrees(FAR):
            return ''
        named = sight.camera.frame
        frame = f'frame {named!r} of its images' if named else 'its base_T_camera'
        return CAMERA_LOOKS_ELSEWHERE(frame=frame, degrees=abs(degrees), side='left' if degrees > 0 else 'right')
