"""Points of a keyframe in 3-D without depth: from the frames around it, whose poses are known."""

from collections.abc import Sequence

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.optics.lens import Lens
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.matching.neighbours import mutual_matches
from dejavu_ros.sixdof.landmarks import Landmarks, at_depth
from dejavu_ros.sixdof.model import PointModel


def landmarks_from_motion(found: LocalDescriptors, map_T_camera: Pose,
                          others: Sequence[tuple[LocalDescriptors, Pose]], lens: Lens, count: int,
                          max_depth: float, model: PointModel) -> Landmarks:
    """The first ``count`` keypoints of a frame that frames from elsewhere see at one depth, as far as that is sure.

    ``others`` are keypoints and ``map_T_camera`` of frames of the same ``lens``. Each keypoint stays on its ray: only
    the depth is sought, the one that fits all frames that see the point best.
    """
    focal = (lens.K[0] + lens.K[4]) / 2
    agree = model.reprojection_error / focal
    rays = np.insert(lens.rays_of(found.points.astype(float)), 2, 1.0, axis=1)
    information, product = np.zeros(len(rays)), np.zeros(len(rays))
    sightings = []
    for other, pose in others:
        pairs = mutual_matches(found.descriptors, other.descriptors, model.ratio)
        other_T_this = pose.inverse @ map_T_camera
        seen = lens.rays_of(other.points[pairs[:, 1]].astype(float))
        turned = other_T_this.rotation.apply(rays[pairs[:, 0]])
        slope, offset = equations(turned, other_T_this.position, seen)
        depth = -np.sum(slope * offset, 1) / np.square(slope).sum(1).clip(min=1e-12)
        fits = off(turned, other_T_this.position, seen, depth, model.nearest) < agree
        pairs, slope, offset, depth = pairs[fits], slope[fits], offset[fits], depth[fits]
        weight = 1 / np.square(depth)[:, None]  # the equations are in metres at the point, errors in rays
        information[pairs[:, 0]] += np.sum(weight * slope**2, 1)
        product[pairs[:, 0]] += np.sum(weight * slope * offset, 1)
        sightings.append((pairs[:, 0], turned[fits], other_T_this.position, seen[fits]))
    depth = -product / information.clip(min=1e-12)
    usable = (information > 0) & (depth > model.nearest) & (depth <= max_depth)
    usable[usable] &= model.keypoint_error / focal / np.sqrt(information[usable]) < model.depth_error * depth[usable]
    for which, turned, shift, seen in sightings:
        usable[which[off(turned, shift, seen, depth[which], model.nearest) > agree]] = False
    chosen = np.flatnonzero(usable)[:count]
    return at_depth(found, chosen, rays[chosen, :2], depth[chosen])


def equations(turned: np.ndarray, shift: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M, 2) slope and offset of slope * depth + offset = 0: the point depth * turned + shift lies on the ray seen."""
    return turned[:, :2] - seen * turned[:, 2:], shift[:2] - seen * shift[2]


def off(turned: np.ndarray, shift: np.ndarray, seen: np.ndarray, depth: np.ndarray, nearest: float) -> np.ndarray:
    """(M,) how far points at these depths are from where they are seen, in rays; inf nearer than ``nearest`` metres to
    either camera.
    """
    x, y, z = (turned * depth[:, None] + shift).T
    ahead = (z > nearest) & (depth > nearest)
    z = np.where(ahead, z, 1.0)
    return np.where(ahead, np.hypot(x / z - seen[:, 0], y / z - seen[:, 1]), np.inf)
