"""Points of a keyframe in 3-D: from its depth."""

import dataclasses

import cv2
import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.intrinsics import scale_of
from dejavu_ros.optics.lens import Lens
from dejavu_ros.matching.features import LocalDescriptors


@dataclasses.dataclass(frozen=True)
class Landmarks:
    """``points`` (N, 3) float32 in the camera's optical frame in metres, ``descriptors`` (n, N) of unit length."""

    points: np.ndarray
    descriptors: np.ndarray

    def __len__(self) -> int:
        return len(self.points)


@dataclasses.dataclass(frozen=True)
class View:
    """Landmarks as one keyframe of the map saw them."""

    map_T_camera: Pose
    landmarks: Landmarks


def landmarks_from_depth(found: LocalDescriptors, depth: np.ndarray, lens: Lens, count: int,
                         max_depth: float, edge: float) -> Landmarks:
    """The first ``count`` keypoints whose depth is known, even around them, and at most ``max_depth`` metres.

    Where the depth around a keypoint differs by more than the share ``edge``, nobody knows whose it is.

    ``depth`` (h, w) in metres along the optical axis, of the same view as the image of ``lens`` though perhaps
    smaller; 0, infinite and NaN are unknown. Raises ConfigError for depth of another shape.
    """
    kernel = np.ones((3, 3), np.uint8)
    known = np.where(np.isfinite(depth) & (depth > 0), depth, 0).astype(np.float32)
    low, high = cv2.erode(known, kernel), cv2.dilate(known, kernel)
    scale = np.array(scale_of((lens.width, lens.height), depth.shape[::-1], 'depth'))
    x, y = ((found.points + 0.5) * scale - 0.5).round().astype(int).clip(0, np.array(depth.shape[::-1]) - 1).T
    usable = (low[y, x] > 0) & (high[y, x] <= max_depth) & (high[y, x] - low[y, x] <= edge * high[y, x])
    rays = lens.rays_of(found.points.astype(float))
    chosen = np.flatnonzero(usable & np.isfinite(rays).all(1))[:count]
    return at_depth(found, chosen, rays[chosen], known[y, x][chosen])


def at_depth(found: LocalDescriptors, chosen: np.ndarray, rays: np.ndarray, depth: np.ndarray) -> Landmarks:
    """Landmarks of the keypoints ``chosen`` (N,), on their rays (N, 2) at their depth (N,) in metres."""
    points = np.insert(rays, 2, 1.0, axis=1) * depth[:, None]
    return Landmarks(points.astype(np.float32), found.descriptors[:, chosen])
