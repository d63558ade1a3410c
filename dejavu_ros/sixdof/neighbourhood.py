"""Which keyframes speak for a place together."""

import numpy as np
from scipy.spatial.transform import Rotation

REACH, TURN = 6.0, 45.0  # metres and degrees between keyframes that may see the same points
COUNT = 3                # keyframes whose points are matched together


def neighbours(row: int, positions: np.ndarray, quaternions: np.ndarray) -> np.ndarray:
    """``row`` and the keyframes nearest to it that look its way, COUNT at most: rows of ``positions`` (K, 3) metres.

    ``quaternions`` (K, 4) xyzw.
    """
    distance = np.linalg.norm(positions - positions[row], axis=1)
    near = np.flatnonzero(distance <= REACH)
    turned = (Rotation.from_quat(quaternions[row]).inv() * Rotation.from_quat(quaternions[near])).magnitude()
    near = near[turned <= np.radians(TURN)]
    return near[np.argsort(distance[near], kind='stable')][:COUNT]
