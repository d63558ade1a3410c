"""Rigid poses and their interpolation.

A name ``a_T_b`` is the pose of frame b in frame a: ``p_a = a_T_b @ p_b``. Metres, radians, quaternions
xyzw (REP-103), stamps in nanoseconds.
"""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from dejavu_ros.errors import DataError


FARTHEST = 1e9  # metres from an origin; beyond is no place, and squares of what is far beyond overflow


@dataclasses.dataclass(frozen=True)
class Pose:
    """A rigid transform: ``position`` (3,) metres and ``quaternion`` (4,) xyzw, unit length."""

    position: np.ndarray
    quaternion: np.ndarray

    @classmethod
    def make(cls, position, quaternion=(0.0, 0.0, 0.0, 1.0)) -> 'Pose':
        """Check and normalise. Raises DataError for NaN, infinite, absurdly far or zero-length input."""
        position, quaternion = np.asarray(position, float), np.asarray(quaternion, float)
        norm = np.linalg.norm(quaternion)
        if not np.isfinite(position).all() or not np.isfinite(norm):
            raise DataError(f'pose with numbers that are not finite: {position.tolist()} {quaternion.tolist()}')
        if np.abs(position).max() > FARTHEST:
            raise DataError(f'pose over {FARTHEST:g} m from its origin: {position.tolist()}')
        if norm < 1e-6:
            raise DataError('pose with a zero quaternion: the publisher left its orientation unset')
        return cls(position, quaternion / norm)

    @classmethod
    def planar(cls, x: float, y: float, yaw: float, z: float = 0.0) -> 'Pose':
        return cls(np.array([x, y, z], float), Rotation.from_euler('z', yaw).as_quat())

    @classmethod
    def from_matrix(cls, matrix: np.ndarray) -> 'Pose':
        """From a (4, 4) homogeneous or (3, 4) matrix."""
        return cls(np.asarray(matrix[:3, 3], float), Rotation.from_matrix(matrix[:3, :3]).as_quat())

    @property
    def rotation(self) -> Rotation:
        return Rotation.from_quat(self.quaternion)

    @property
    def matrix(self) -> np.ndarray:
        """The (4, 4) homogeneous matrix."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation.as_matrix(), self.position
        return matrix

    @property
    def yaw(self) -> float:
        """Heading about the z axis in radians, in [-pi, pi]."""
        x, y, z, w = self.quaternion
        return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))

    @property
    def inverse(self) -> 'Pose':
        rotation = self.rotation.inv()
        return Pose(-rotation.apply(self.position), rotation.as_quat())

    def __matmul__(self, other: 'Pose') -> 'Pose':
        """``a_T_b @ b_T_c`` is ``a_T_c``."""
        rotation = self.rotation
        return Pose(self.position + rotation.apply(other.position), (rotation * other.rotation).as_quat())

    def distance(self, other: 'Pose') -> tuple[float, float]:
        """Metres and radians between two poses of one frame."""
        angle = (self.rotation.inv() * other.rotation).magnitude()
        return float(np.linalg.norm(self.position - other.position)), float(angle)


# camera axes (x right, y down, z ahead) in base axes (x ahead, y left, z up): REP-103
BASE_R_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])

IDENTITY = Pose.make((0.0, 0.0, 0.0))


class Trajectory:
    """Poses over time: ``stamps_ns`` (T,) int64, sorted here; of equal stamps the last one counts."""

    def __init__(self, stamps_ns, poses: list[Pose]):
        stamps = np.asarray(stamps_ns, np.int64)
        keep = {int(stamp): index for index, stamp in enumerate(stamps)}
        order = [keep[stamp] for stamp in sorted(keep)]
        self.stamps_ns = stamps[order]
        self.positions = np.array([poses[i].position for i in order]).reshape(-1, 3)
        self.quaternions = np.array([poses[i].quaternion for i in order]).reshape(-1, 4)

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def at(self, stamp_ns: int, max_gap_ns: int) -> Pose | None:
        """Linear and spherical interpolation; None outside, or where the neighbours are over ``max_gap_ns`` apart."""
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if after < len(self) and self.stamps_ns[after] == stamp_ns:
            return Pose(self.positions[after], self.quaternions[after])
        if after == 0 or after == len(self):
            return None
        start, end = int(self.stamps_ns[after - 1]), int(self.stamps_ns[after])
        if end - start > max_gap_ns:
            return None
        share = (stamp_ns - start) / (end - start)
        position = (1 - share) * self.positions[after - 1] + share * self.positions[after]
        turn = Slerp([0.0, 1.0], Rotation.from_quat(self.quaternions[after - 1:after + 1]))
        return Pose(position, turn(share).as_quat())
