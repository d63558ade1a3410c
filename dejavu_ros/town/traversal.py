"""One drive round the town: its weather, its traffic, and the way the car is steered."""

import zlib

import numpy as np

from dejavu_ros.errors import ConfigError
from dejavu_ros.geometry import Pose
from dejavu_ros.town.conditions import CONDITIONS, draw_look
from dejavu_ros.town.layout import LANE
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traffic import draw_traffic


class Traversal:
    """Drive number ``seed`` through ``town`` in a ``condition`` of CONDITIONS.

    ``look`` is the weather and light, ``quads`` the cars and people by surface, ``phase`` in [0, 1) tells the shaders
    one drive from another. Raises ConfigError for an unknown condition.
    """

    def __init__(self, town: Town, condition: str, seed: int):
        if condition not in CONDITIONS:
            raise ConfigError(f'no condition {condition!r}; there are: {", ".join(CONDITIONS)}')
        self.town, self.condition, self.seed = town, condition, seed
        rng = np.random.default_rng((town.seed, seed, zlib.crc32(condition.encode())))
        self.look = draw_look(condition, rng)
        self.quads = draw_traffic(town.road, town.textures, rng).arrays()
        self.phase = float(rng.random())
        # steering: the car sways about its lane within some decimetres, over tens of metres
        self._offset = rng.normal(0, 0.15)
        self._waves = [(rng.uniform(15, 60), rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.12)) for _ in range(3)]

    def sway(self, s: float) -> float:
        """Metres left of the lane at ``s``."""
        return self._offset + sum(size * np.sin(2 * np.pi * s / wave + phase) for wave, phase, size in self._waves)

    def pose(self, s: float, left: float = 0.0, yaw: float = 0.0) -> Pose:
        """``map_T_base`` at ``s`` metres along the loop, ``left`` of and turned against the line that is driven."""
        lean = self.sway(s + 0.25) - self.sway(s - 0.25)
        frame = self.town.road.frame(s, LANE + self.sway(s) + left)
        return Pose.planar(*frame.xy, frame.yaw + float(np.arctan2(lean, 0.5)) + yaw)

    def poses(self, start_m: float, length_m: float, step_m: float) -> list[Pose]:
        """Poses of the base (REP-103, z = 0 on the road) every ``step_m`` metres, as often round as it takes."""
        return [self.pose(s) for s in np.arange(start_m, start_m + length_m, step_m)]

    def odometry(self, poses: list[Pose]) -> list[Pose]:
        """``odom_T_base`` of ``poses`` as dead reckoning has it: begins at nought and drifts, 1 or 2 % of the way."""
        rng = np.random.default_rng((self.seed, 5))
        scale, veer = rng.normal(1.0, 0.008), rng.normal(0.0, 0.0003)  # of the way; radians per metre
        reckoned = [Pose.planar(0.0, 0.0, 0.0)]
        for last, pose in zip(poses[:-1], poses[1:]):
            step = last.inverse @ pose
            way = np.linalg.norm(step.position)
            drift = Pose.planar(0.0, 0.0, way * (veer + rng.normal(0.0, 0.0005)))
            reckoned.append(reckoned[-1] @ Pose(step.position * scale, step.quaternion) @ drift)
        return reckoned
