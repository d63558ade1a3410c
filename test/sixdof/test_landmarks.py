"""Points in 3-D from depth, from motion and from two cameras lie where they were put."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import Pose
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.optics.lens import Lens
from dejavu_ros.sixdof.landmarks import landmarks_from_depth
from dejavu_ros.sixdof.model import PointModel
from dejavu_ros.sixdof.stereo import depth_from_stereo
from dejavu_ros.sixdof.triangulation import landmarks_from_motion

LENS = Lens(320, 240, (200.0, 0, 159.5, 0, 200.0, 119.5, 0, 0, 1.0), (), '')
BENT = Lens(320, 240, (200.0, 0, 159.5, 0, 200.0, 119.5, 0, 0, 1.0), (-0.2, 0.05, 0.001, 0.0), 'plumb_bob')
MODEL = PointModel()


def unit(count, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(32, count)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=0)


def keypoints(count=60, seed=0):
    pixels = np.random.default_rng(seed).uniform((20, 20), (300, 220), (count, 2)).astype(np.float32)
    return LocalDescriptors(pixels, unit(count, seed))


@pytest.mark.parametrize('lens', [LENS, BENT], ids=['pinhole', 'distorted'])
def test_depth_puts_points_on_their_rays(lens):
    found = keypoints()
    landmarks = landmarks_from_depth(found, np.full((240, 320), 7.0, np.float32), lens, 50, 80.0, MODEL.depth_edge)
    assert len(landmarks) == 50 and landmarks.points.dtype == np.float32
    np.testing.assert_allclose(landmarks.points[:, 2], 7.0, rtol=1e-6)
    rays = (landmarks.points[:, :2] / landmarks.points[:, 2:]).astype(float)
    np.testing.assert_allclose(lens.pixels(rays), found.points[:50], atol=0.05)
    np.testing.assert_array_equal(landmarks.descriptors, found.descriptors[:, :50])


def test_depth_of_another_size_is_looked_up_at_the_same_place():
    depth = np.full((120, 160), 5.0, np.float32)
    depth[:, 80:] = 20.0
    found = LocalDescriptors(np.float32([[40, 100], [280, 100]]), unit(2))
    landmarks = landmarks_from_depth(found, depth, LENS, 10, 80.0, MODEL.depth_edge)
    np.testing.assert_allclose(landmarks.points[:, 2], [5, 20])


@pytest.mark.parametrize('value', [0.0, np.nan, np.inf, -1.0, 90.0])
def test_points_without_a_usable_depth_are_left_out(value):
    depth = np.full((240, 320), value, np.float32)
    assert not len(landmarks_from_depth(keypoints(), depth, LENS, 50, 80.0, MODEL.depth_edge))


def test_points_at_the_edge_of_something_near_are_left_out():
    depth = np.full((240, 320), 30.0, np.float32)
    depth[:, 160:] = 5.0
    found = LocalDescriptors(np.float32([[159, 100], [160, 100], [100, 100]]), unit(3))
    assert len(landmarks_from_depth(found, depth, LENS, 10, 80.0, MODEL.depth_edge)) == 1


def frame(points, pose, noise, seed):
    """What a camera at ``pose`` sees of ``points`` of the map, with descriptors that know them apart."""
    rays = pose.inverse.rotation.apply(points - pose.position)
    pixels = rays[:, :2] / rays[:, 2:] * 200.0 + (159.5, 119.5)
    pixels += np.random.default_rng(seed).normal(0, noise, pixels.shape)
    return LocalDescriptors(pixels.astype(np.float32), unit(len(points)))


def test_motion_finds_depth_and_leaves_out_what_moved_or_lies_ahead():
    rng = np.random.default_rng(3)
    points = rng.uniform((-8, -3, 8), (8, 3, 25), (80, 3))
    points[0] = (0.02, 0.01, 60.0)  # straight ahead: no parallax
    poses = [Pose.make((0.05 * i, 0, 1.2 * i), Rotation.from_euler('y', 1.0 * i, degrees=True).as_quat())
             for i in range(3)]
    moved = points.copy()
    moved[1] += (3.0, 0, 0)
    found = frame(points, poses[1], 0.2, 1)
    others = [(frame(points, poses[0], 0.2, 0), poses[0]), (frame(moved, poses[2], 0.2, 2), poses[2])]
    landmarks = landmarks_from_motion(found, poses[1], others, LENS, 200, 80.0, MODEL)
    truth = poses[1].inverse.rotation.apply(points - poses[1].position)
    kept = [int(np.argmax(column @ found.descriptors)) for column in landmarks.descriptors.T]
    assert len(kept) > 40 and 0 not in kept
    assert np.median(np.abs(landmarks.points[:, 2] / truth[kept, 2] - 1)) < 0.03


def test_no_motion_gives_no_points():
    points = np.random.default_rng(3).uniform((-8, -3, 8), (8, 3, 25), (40, 3))
    pose = Pose.make((0.0, 0.0, 0.0))
    same = frame(points, pose, 0.1, 0)
    assert not len(landmarks_from_motion(same, pose, [(frame(points, pose, 0.1, 1), pose)], LENS, 200, 80.0, MODEL))
    assert not len(landmarks_from_motion(same, pose, [], LENS, 200, 80.0, MODEL))


def test_stereo_measures_a_wall():
    texture = np.random.default_rng(0).integers(0, 255, (120, 260, 3), np.uint8)
    texture = cv2.GaussianBlur(texture, (3, 3), 0)
    left, right = texture[:, :200], texture[:, 10:210]  # 10 px of disparity
    depth = depth_from_stereo(left, right, focal=200.0, baseline=0.5)
    inside = depth[20:100, 60:180]
    assert (inside > 0).mean() > 0.9
    np.testing.assert_allclose(np.median(inside[inside > 0]), 10.0, rtol=0.02)
