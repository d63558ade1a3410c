"""Which keyframes speak for a place together."""

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.sixdof.model import PnPModel


def neighbours(row: int, positions: np.ndarray, quaternions: np.ndarray, model: PnPModel) -> np.ndarray:
    """``row`` and the keyframes nearest to it that look its way, a few: rows of ``positions`` (K, 3) metres.

    ``quaternions`` (K, 4) xyzw.
    """
    distance = np.linalg.norm(positions - positions[row], axis=1)
    near = np.flatnonzero(distance <= model.reach)
    turned = (Rotation.from_quat(quaternions[row]).inv() * Rotation.from_quat(quaternions[near])).magnitude()
    near = near[turned <= np.radians(model.turn)]
    return near[np.argsort(distance[near], kind='stable')][:model.keyframes]
