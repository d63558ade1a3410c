"""A frame and the keyframes it may be near to its pose."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.optics.lens import Lens
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.sixdof.landmarks import View
from dejavu_ros.sixdof.model import PnPModel
from dejavu_ros.sixdof.pnp import PoseFit, pose_covariance, project, refine_pose, reprojection, robust_pose
from dejavu_ros.sixdof.settings import SixDofSettings
from dejavu_ros.sixdof.windowed import windowed_matches

REFERENCE_WIDTH = 320  # px of the image that tolerances are meant for: a matter of the setting's unit, not of a fit


class Matches(NamedTuple):
    """``points`` (M, 3) of the map, ``rays`` (M, 2) where they are seen, by which ``keypoints`` (M,) of the frame."""

    points: np.ndarray
    rays: np.ndarray
    keypoints: np.ndarray


class Locator:
    """Match, solve, match again around the solution."""

    def __init__(self, settings: SixDofSettings = SixDofSettings(), model: PnPModel = PnPModel()):
        self.settings, self.model = settings, model

    def locate(self, found: LocalDescriptors, lens: Lens, base_T_camera: Pose, views: Sequence[View]) -> PoseFit | None:
        """``map_T_base`` of a frame with keypoints ``found``, from keyframes that may show the same; None without one.

        Points are looked for where a camera at the first view would see them, within the window of the settings, and
        matched with each view for itself. A pose counts only if keypoints enough of this first search agree with it:
        in the small windows that follow, some point always does.
        """
        focal = (lens.K[0] + lens.K[4]) / 2
        tolerance = self.settings.tolerance * lens.width / REFERENCE_WIDTH / focal
        rays = lens.rays_of(found.points.astype(float))
        known = np.isfinite(rays).all(1)
        seen = LocalDescriptors(rays[known], found.descriptors[:, known])
        first = match_views(views, seen, views[0].map_T_camera, self.settings.window, self.model, self.model.ratio)
        pose = robust_pose(first.points, first.rays, tolerance, self.model)
        if pose is None:
            return None
        for windows in (self.model.second_window, 1.0):  # in small windows nearest is enough: no ratio is asked
            matches = match_views(views, seen, pose, windows * tolerance, self.model)
            refined = refine_pose(matches.points, matches.rays, pose, windows * tolerance, self.model)
            if refined is None:
                return None
            pose, inliers = refined
        support = distinct(first, reprojection(first.points, first.rays, pose, self.model.nearest) < tolerance)
        if support < self.settings.min_points:
            return None
        covariance = pose_covariance(matches.points[inliers], matches.rays[inliers], pose, base_T_camera, focal,
                                     self.model.pixel_error)
        # what was sought around the pose agrees with it anyway, and points of several views may share a keypoint
        covariance *= self.model.variance_factor * inliers.sum() / support
        return PoseFit(pose @ base_T_camera.inverse, covariance, support)


def match_views(views: Sequence[View], seen: LocalDescriptors, map_T_camera: Pose, radius: float, model: PnPModel,
                ratio: float | None = None) -> Matches:
    """Matches of a frame with all views together. ``seen`` has rays for points.

    A camera at ``map_T_camera`` would see each match within ``radius``.
    """
    found = [Matches(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0, int))]
    for view in views:
        if not len(view.landmarks):
            continue
        points = view.map_T_camera.rotation.apply(view.landmarks.points) + view.map_T_camera.position
        expected, ahead = project(points, map_T_camera, model.nearest)
        pairs = windowed_matches(expected[ahead], view.landmarks.descriptors[:, ahead], seen.points,
                                 seen.descriptors, radius, ratio)
        found.append(Matches(points[ahead][pairs[:, 0]], seen.points[pairs[:, 1]], pairs[:, 1]))
    return Matches(*map(np.concatenate, zip(*found)))


def distinct(matches: Matches, chosen: np.ndarray) -> int:
    """How many keypoints of the frame the ``chosen`` (M,) bool matches use."""
    return len(np.unique(matches.keypoints[chosen]))
