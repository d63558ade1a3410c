"""Where the camera sits on the car, and its pinhole model."""

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.town.config import MOUNTS

HEIGHT = 1.5  # metres above the ground
PITCH_UP = 5.0  # degrees: more of the houses, less of the asphalt


def camera_mount(name: str = 'ahead', yaw_deg: float = 0.0, pitch_deg: float = PITCH_UP) -> Pose:
    """``base_T_camera`` of an optical frame (x right, y down, z ahead), turned further left by ``yaw_deg``.

    ``name`` is one of MOUNTS.
    """
    turn = Rotation.from_euler('ZY', [MOUNTS[name] + yaw_deg, -pitch_deg], degrees=True)
    rotation = turn * Rotation.from_matrix(BASE_R_OPTICAL)
    return Pose(np.array([0.0, 0.0, HEIGHT]), rotation.as_quat())


def intrinsics(width: int, height: int, hfov_deg: float) -> np.ndarray:
    """Pinhole matrix (3, 3) in pixels; the centre of the first pixel is (0, 0)."""
    focal = width / 2 / np.tan(np.radians(hfov_deg) / 2)
    return np.array([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])
