"""Where the robot may be, given what its cameras can see of a map.

The map says where its own base was when its camera saw a keyframe. Ours is elsewhere when a camera of ours, mounted
otherwise, sees the same: one that looks back means a robot that is turned round. So the belief is over blocks of K
states, a block for each way in which a camera of ours is mounted beside those of the map: where our base is if such a
camera sees what the keyframe shows. With one camera, mounted as that of the map, the states are the keyframes.
"""

from collections.abc import Mapping

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import IDENTITY, Pose
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.optics.camera import Sight, is_known

SAME_PLACE, SAME_ANGLE = 0.1, np.radians(2.0)  # metres, between mountings that count as one


class States:
    """``positions`` (S, 3) m, ``quaternions`` (S, 4) xyzw and ``covariances`` (S, 6, 6) of map_T_base in each."""

    def __init__(self, keyframes: KeyframeMap, config: LocalizerConfig, sights: Mapping[str, Sight]):
        """``sights`` are those of our cameras, by their names."""
        self.keyframes, self.count = keyframes, len(keyframes)
        self.scale = np.array([config.place_radius] * 3 + [np.radians(config.place_angle)] * 6)
        self.mountings: list[list[Pose]] = []  # mapped_T_base of a block, for each camera of the map
        self.blocks: dict[str, int] = {}
        for name, sight in sights.items():
            own = self._mounting(sight)
            same = (block for block, other in enumerate(self.mountings) if is_same(own, other))
            self.blocks[name] = next(same, len(self.mountings))
            if self.blocks[name] == len(self.mountings):
                self.mountings.append(own)
        self.mountings = self.mountings or [[IDENTITY] * len(keyframes.cameras)]
        parts = [self._block(mounting) for mounting in self.mountings]
        self.positions, self.quaternions, self.covariances = map(np.concatenate, zip(*parts))
        self._nearest: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.positions)

    def mounted_as(self, other: 'States') -> bool:
        """Whether the states are the same."""
        return len(self.mountings) == len(other.mountings) and all(map(is_same, self.mountings, other.mountings))

    def of(self, camera: str) -> slice:
        """The block of a camera; an unknown one is mounted as that of the map."""
        start = self.blocks.get(camera, 0) * self.count
        return slice(start, start + self.count)

    def keyframe(self, state: int) -> int:
        """The row of the keyframe that a state belongs to."""
        return state % self.count

    def spread(self, camera: str, log_likelihood: np.ndarray) -> np.ndarray:
        """(K,) log-likelihood of the keyframes, as seen by a camera, against that of an unmapped place, to the (S,) one
        of all states.

        A state of another block takes those of the nearest one of the camera's own. Where the map does not show what
        this camera would see there, that is an unmapped place.
        """
        own = self.of(camera)
        if len(self) == self.count:
            return log_likelihood
        nearest = self._nearest_of(own)
        return np.where(nearest < 0, 0.0, log_likelihood[nearest])

    def _nearest_of(self, own: slice) -> np.ndarray:
        """(S,) keyframe whose state of this block is nearest to each state, -1 where none is at the same place."""
        if own.start not in self._nearest:
            axes = Rotation.from_quat(self.quaternions).as_matrix().reshape(-1, 9)[:, :6]
            points = np.concatenate([self.positions, axes], 1) / self.scale
            distance, nearest = cKDTree(points[own]).query(points)
            self._nearest[own.start] = np.where(distance <= 1, nearest, -1)
            self._nearest[own.start][own] = np.arange(self.count)
        return self._nearest[own.start]

    def _mounting(self, sight: Sight) -> list[Pose]:
        """mapped_T_base for each camera of the map."""
        cameras = self.keyframes.cameras
        known = (row.base_T_camera for row in cameras if row.name == sight.camera.name)
        ours = sight.base_T_camera or next(filter(is_known, known), None)
        return [mapped.base_T_camera @ ours.inverse if ours and is_known(mapped.base_T_camera) else IDENTITY
                for mapped in cameras]

    def _block(self, mounting: list[Pose]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions, quaternions and covariances of K states."""
        keyframes, which = self.keyframes, self.keyframes.camera_index
        rotations = Rotation.from_quat(keyframes.quaternions)
        arms = rotations.apply(np.array([pose.position for pose in mounting])[which])
        turned = rotations * Rotation.from_quat(np.array([pose.quaternion for pose in mounting])[which])
        # a small rotation r about the map's axes moves the end of an arm by r x arm
        jacobian = np.tile(np.eye(6), (len(arms), 1, 1))
        x, y, z = arms.T
        jacobian[:, 0, 4], jacobian[:, 0, 5], jacobian[:, 1, 5] = z, -y, x
        jacobian[:, 1, 3], jacobian[:, 2, 3], jacobian[:, 2, 4] = -z, y, -x
        covariances = jacobian @ keyframes.keyframes.covariances @ jacobian.transpose(0, 2, 1)
        return keyframes.positions + arms, turned.as_quat(), covariances


def is_same(a: list[Pose], b: list[Pose]) -> bool:
    """Whether two mountings are one, beside every camera of the map."""
    distances = [one.distance(other) for one, other in zip(a, b)]
    return all(metres <= SAME_PLACE and radians <= SAME_ANGLE for metres, radians in distances)
