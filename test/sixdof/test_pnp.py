import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import Pose
from dejavu_ros.sixdof.model import PnPModel
from dejavu_ros.sixdof.pnp import pose_covariance, project, refine_pose, reprojection, robust_pose

FOCAL = 200.0
BASE_T_CAMERA = Pose.make((0.3, 0.1, 1.2), Rotation.from_euler('xyz', [-100, 5, -80], degrees=True).as_quat())
TRUTH = Pose.make((10.0, -4.0, 2.0), Rotation.from_euler('xyz', [-85, 3, -40], degrees=True).as_quat())
MODEL = PnPModel()


def scene(count=80, noise=0.0, wrong=0, seed=0):
    """Points of the map and the rays that a camera at TRUTH sees them by, noise in pixels, ``wrong`` of them random."""
    rng = np.random.default_rng(seed)
    rays = rng.uniform(-0.7, 0.7, (count, 2))
    points = TRUTH.rotation.apply(np.insert(rays, 2, 1.0, axis=1) * rng.uniform(4, 30, (count, 1))) + TRUTH.position
    rays = rays + rng.normal(0, noise / FOCAL, rays.shape)
    rays[:wrong] = rng.uniform(-0.7, 0.7, (wrong, 2))
    return points, rays


def test_pose_is_found_among_mostly_wrong_matches():
    points, rays = scene(wrong=50, noise=0.3)
    start = robust_pose(points, rays, 2 / FOCAL, MODEL)
    pose, inliers = refine_pose(points, rays, start, 2 / FOCAL, MODEL)
    metres, radians = pose.distance(TRUTH)
    assert metres < 0.05 and np.degrees(radians) < 0.3
    assert inliers[50:].mean() > 0.9 and inliers[:50].mean() < 0.1


def test_matches_that_agree_with_nothing_have_no_pose():
    points, rays = scene(wrong=80)
    start = robust_pose(points, rays, 1e-4, MODEL)
    assert start is None or refine_pose(points, rays, start, 1e-4, MODEL) is None


@pytest.mark.parametrize('count', [0, 1, 5])
def test_too_few_matches_have_no_pose(count):
    points, rays = scene(count)
    assert robust_pose(points, rays, 0.01, MODEL) is None
    assert refine_pose(points, rays, TRUTH, 0.01, MODEL) is None


def test_points_behind_the_camera_are_never_inliers():
    behind = TRUTH.rotation.apply([[0.1, 0.1, -5.0]]) + TRUTH.position
    assert not project(behind, TRUTH, MODEL.nearest)[1][0]
    assert reprojection(behind, np.array([[-0.02, -0.02]]), TRUTH, MODEL.nearest)[0] == np.inf


def test_covariance_is_the_scatter_of_poses_under_noise():
    base = TRUTH @ BASE_T_CAMERA.inverse
    points, exact = scene(60)
    errors, stated = [], []
    rng = np.random.default_rng(1)
    for _ in range(300):
        rays = exact + rng.normal(0, 1.0 / FOCAL, exact.shape)
        pose, inliers = refine_pose(points, rays, TRUTH, 10 / FOCAL, MODEL)
        found = pose @ BASE_T_CAMERA.inverse
        errors.append(np.concatenate([found.position - base.position,
                                      (found.rotation * base.rotation.inv()).as_rotvec()]))
        stated.append(pose_covariance(points[inliers], rays[inliers], pose, BASE_T_CAMERA, FOCAL, MODEL.pixel_error))
    scatter, mean = np.cov(np.array(errors).T), np.mean(stated, 0)
    np.testing.assert_allclose(np.sqrt(np.diag(mean)), np.sqrt(np.diag(scatter)), rtol=0.15)
    np.testing.assert_allclose(correlation(mean), correlation(scatter), atol=0.15)


def correlation(covariance):
    deviation = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviation, deviation)
