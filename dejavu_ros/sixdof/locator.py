"""A frame and the keyframes it may be near to its pose."""

from collections.abc import Sequence

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.lens import Lens
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.sixdof.landmarks import View
from dejavu_ros.sixdof.pnp import PoseFit, pose_covariance, project, refine_pose, robust_pose
from dejavu_ros.sixdof.settings import SixDofSettings
from dejavu_ros.sixdof.windowed import windowed_matches

RATIO = 0.9            # of the first search; within the small windows that follow nearest is enough
REFERENCE_WIDTH = 320  # px of the image that tolerances are meant for
NARROWING = (4.0, 2.0, 1.0)  # windows of the searches around the pose found so far, in tolerances


class Locator:
    """Match, solve, match again around the solution."""

    def __init__(self, settings: SixDofSettings = SixDofSettings()):
        self.settings = settings

    def locate(self, found: LocalDescriptors, lens: Lens, base_T_camera: Pose,
               views: Sequence[View], guess: Pose | None = None) -> PoseFit | None:
        """``map_T_base`` of a frame with keypoints ``found``, from keyframes that may show the same; None without one.

        Points are looked for where a camera at ``guess`` (map_T_camera; without one, at the first view's) would see
        them, within the window of the settings, and matched with each view for itself.
        """
        focal = (lens.K[0] + lens.K[4]) / 2
        tolerance = self.settings.tolerance * lens.width / REFERENCE_WIDTH / focal
        rays = lens.rays_at(found.points)
        seen = LocalDescriptors(rays, found.descriptors)
        guess = guess or views[0].map_T_camera
        points, matched = match_views(views, seen, guess, self.settings.window, RATIO)
        pose = robust_pose(points, matched, tolerance)
        if pose is None:
            return None
        for windows in NARROWING:
            points, matched = match_views(views, seen, pose, windows * tolerance)
            refined = refine_pose(points, matched, pose, windows * tolerance)
            if refined is None:
                return None
            pose, inliers = refined
        if inliers.sum() < self.settings.min_points:
            return None
        covariance = pose_covariance(points[inliers], matched[inliers], pose, base_T_camera, focal)
        return PoseFit(pose @ base_T_camera.inverse, covariance, inliers)


def match_views(views: Sequence[View], seen: LocalDescriptors, map_T_camera: Pose, radius: float,
                ratio: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Points (M, 3) of the map, and rays (M, 2) of the frame that match them, from all views together.

    ``seen`` has rays for points. A camera at ``map_T_camera`` would see each match within ``radius``.
    """
    points, rays = [np.zeros((0, 3))], [np.zeros((0, 2))]
    for view in views:
        own = view.map_T_camera.rotation.apply(view.landmarks.points) + view.map_T_camera.position
        expected, ahead = project(own, map_T_camera)
        pairs = windowed_matches(expected[ahead], view.landmarks.descriptors[:, ahead], seen.points,
                                 seen.descriptors, radius, ratio)
        points.append(own[ahead][pairs[:, 0]])
        rays.append(seen.points[pairs[:, 1]])
    return np.concatenate(points), np.concatenate(rays)
