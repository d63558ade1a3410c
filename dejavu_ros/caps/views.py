"""Posed pictures, and which of them see the same."""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from dejavu_ros.caps.settings import CapsConfig
from dejavu_ros.geometry import Pose
from dejavu_ros.images import resize

TURNED = 80.0  # degrees: pictures turned further against each other have little in common (so the authors' training)


@dataclasses.dataclass(frozen=True)
class View:
    """A picture to be loaded, (H, W, 3) uint8 RGB; its pinhole matrix (3, 3) in pixels of it; ``map_T_camera`` of the
    optical frame.
    """

    load: Callable[[], np.ndarray]
    camera: np.ndarray
    map_T_camera: Pose

    def at(self, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture and pinhole matrix at that size, pixel centres at whole numbers."""
        picture = self.load()
        scale = np.array([width / picture.shape[1], height / picture.shape[0], 1.0])
        camera = np.diag(scale) @ self.camera
        camera[:2, 2] += scale[:2] / 2 - 0.5
        return resize(picture, width, height), camera


@dataclasses.dataclass(frozen=True)
class PosedSet:
    """``views`` of one still world and the ``pairs`` (P, 2) of them that see the same."""

    name: str
    views: list[View]
    pairs: np.ndarray


def near(views: list[View], config: CapsConfig) -> np.ndarray:
    """Pairs (P, 2) of views that stand near each other and look the same way."""
    if not views:
        return np.zeros((0, 2), int)
    positions = np.array([view.map_T_camera.position for view in views])
    pairs = cKDTree(positions).query_pairs(config.distance, output_type='ndarray')
    apart = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    pairs = pairs[apart >= config.min_distance]
    ahead = np.array([view.map_T_camera.rotation.as_matrix()[:, 2] for view in views])
    return pairs[(ahead[pairs[:, 0]] * ahead[pairs[:, 1]]).sum(1) >= np.cos(np.radians(config.angle))]


def little_turned(views: list[View], pairs: np.ndarray) -> np.ndarray:
    """Those of the pairs (P, 2) whose cameras are turned, about any axis, by at most TURNED degrees."""
    if not len(pairs):
        return pairs
    first, second = (Rotation.from_quat([views[view].map_T_camera.quaternion for view in side]) for side in pairs.T)
    return pairs[(first.inv() * second).magnitude() <= np.radians(TURNED)]
