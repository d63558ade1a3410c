"""Which frames become keyframes: those far enough, or turned enough, from the one kept before."""

from dejavu_ros.geometry import Pose


class KeyframeSelector:
    """``distance`` in metres and ``angle`` in radians, each counted from the last kept pose; distance 0 keeps all."""

    def __init__(self, distance: float, angle: float):
        self.distance = distance
        self.angle = angle
        self._last: Pose | None = None

    def wants(self, pose: Pose) -> bool:
        if self._last is None or self.distance == 0:
            return True
        moved, turned = self._last.distance(pose)
        return moved >= self.distance or turned >= self.angle

    def keep(self, pose: Pose) -> None:
        """Count from ``pose`` on; not called for a frame that turned out to be unusable."""
        self._last = pose
