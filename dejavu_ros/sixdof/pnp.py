"""The pose of a camera from points of the map and where it sees them: PnP, with a covariance."""

import dataclasses

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import Pose
from dejavu_ros.sixdof.model import PnPModel


@dataclasses.dataclass(frozen=True)
class PoseFit:
    """``map_T_base`` with ``covariance`` (6, 6) of x, y, z and rotation about x, y, z of the map (m, rad).

    ``inliers`` keypoints of the frame agree with it that were not sought around it.
    """

    map_T_base: Pose
    covariance: np.ndarray
    inliers: int


def robust_pose(points: np.ndarray, rays: np.ndarray, tolerance: float, model: PnPModel) -> Pose | None:
    """``map_T_camera`` that most of the matches agree with (RANSAC); None where too few do.

    ``points`` (M, 3) of the map in metres, ``rays`` (M, 2) where they are seen (at a distance of 1), ``tolerance`` in
    the units of the rays: pixels over the focal length.
    """
    if len(points) < model.min_points:
        return None
    found, rotation, shift, inliers = cv2.solvePnPRansac(
        points, rays, np.eye(3), None, iterationsCount=model.rounds, reprojectionError=tolerance,
        confidence=model.confidence, flags=cv2.SOLVEPNP_AP3P)
    if not found or inliers is None or len(inliers) < model.min_points:
        return None
    return _from_opencv(rotation, shift)


def refine_pose(points: np.ndarray, rays: np.ndarray, start: Pose, tolerance: float,
                model: PnPModel) -> tuple[Pose, np.ndarray] | None:
    """The ``map_T_camera`` that fits the matches within ``tolerance`` of ``start`` best, and which (M,) bool they are.

    Least squares (Levenberg and Marquardt), twice, as the first makes others agree. None where too few do.
    """
    pose = start
    for _ in range(2):
        inliers = reprojection(points, rays, pose, model.nearest) < tolerance
        if inliers.sum() < model.min_points:
            return None
        camera = pose.inverse
        rotation, shift = cv2.solvePnPRefineLM(points[inliers], rays[inliers], np.eye(3), None,
                                               camera.rotation.as_rotvec()[:, None], camera.position[:, None].copy())
        pose = _from_opencv(rotation, shift)
    inliers = reprojection(points, rays, pose, model.nearest) < tolerance
    return (pose, inliers) if inliers.sum() >= model.min_points else None


def reprojection(points: np.ndarray, rays: np.ndarray, map_T_camera: Pose, nearest: float) -> np.ndarray:
    """(M,) distances between where points are seen and should be, in the units of the rays; inf behind the camera."""
    expected, ahead = project(points, map_T_camera, nearest)
    return np.where(ahead, np.linalg.norm(expected - rays, axis=1), np.inf)


def project(points: np.ndarray, map_T_camera: Pose, nearest: float) -> tuple[np.ndarray, np.ndarray]:
    """Rays (M, 2) to points (M, 3), and whether they are ``nearest`` metres ahead or more (M,)."""
    seen = map_T_camera.inverse.rotation.apply(points - map_T_camera.position)
    ahead = seen[:, 2] > nearest
    return seen[:, :2] / np.where(ahead, seen[:, 2], 1.0)[:, None], ahead


def pose_covariance(points: np.ndarray, rays: np.ndarray, map_T_camera: Pose, base_T_camera: Pose,
                    focal: float, pixel_error: float) -> np.ndarray:
    """(6, 6) of ``map_T_base`` in geometry_msgs' order from the refined fit of M inliers: s^2 (J^T J)^-1.

    s is the scatter of the rays themselves, at least ``pixel_error`` pixels of ``focal`` length. What the map's own
    poses are off comes on top.
    """
    map_T_base = map_T_camera @ base_T_camera.inverse
    arms = points - map_T_base.position
    seen = map_T_camera.inverse.rotation.apply(points - map_T_camera.position)
    x, y, z = seen.T
    zero = np.zeros_like(z)
    by_point = np.stack([np.stack([1 / z, zero, -x / z**2], 1), np.stack([zero, 1 / z, -y / z**2], 1)], 1)  # (M, 2, 3)
    by_point = by_point @ map_T_camera.rotation.as_matrix().T
    # the base moved by t and turned by r about the map's axes sees the point moved by -t + arm x r
    turned = np.cross(arms[:, None], np.eye(3)[None]).transpose(0, 2, 1)  # (M, 3, 3), columns arm x e_i
    jacobian = np.concatenate([-by_point, by_point @ turned], 2).reshape(-1, 6)
    residuals = (rays - seen[:, :2] / z[:, None]).ravel()
    variance = max(residuals @ residuals / max(1, residuals.size - 6), (pixel_error / focal)**2)
    return variance * np.linalg.pinv(jacobian.T @ jacobian)


def _from_opencv(rotation: np.ndarray, shift: np.ndarray) -> Pose:
    """OpenCV's camera_T_map to ``map_T_camera``."""
    return Pose(shift[:, 0].astype(float), Rotation.from_rotvec(rotation[:, 0]).as_quat()).inverse
