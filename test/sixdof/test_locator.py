"""A frame beside keyframes with points becomes a pose, or nothing."""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import Pose
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.optics.lens import Lens
from dejavu_ros.sixdof.landmarks import Landmarks, View
from dejavu_ros.sixdof.locator import Locator
from dejavu_ros.sixdof.windowed import windowed_matches

LENS = Lens(320, 240, (200.0, 0, 159.5, 0, 200.0, 119.5, 0, 0, 1.0), (), '')
BASE_T_CAMERA = Pose.make((0.4, 0.0, 1.5), Rotation.from_euler('xyz', [-90, 0, -90], degrees=True).as_quat())


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=0)).astype(np.float32)


def world(noise=0.5, seed=0, count=150):
    """Two views of points around a street, and what a robot 1.5 m and 5 degrees away from the first sees of them."""
    rng = np.random.default_rng(seed)
    points = rng.uniform((6, -8, 0), (30, 8, 6), (count, 3))
    descriptors = unit(rng.normal(size=(64, count)))
    views = []
    for x in (0.0, 1.0):
        camera = Pose.planar(x, 0, 0) @ BASE_T_CAMERA
        own = camera.inverse.rotation.apply(points - camera.position).astype(np.float32)
        views.append(View(camera, Landmarks(own, descriptors)))
    truth = Pose.planar(1.4, 0.4, np.radians(5))
    camera = truth @ BASE_T_CAMERA
    rays = camera.inverse.rotation.apply(points - camera.position)
    pixels = rays[:, :2] / rays[:, 2:] * 200.0 + (159.5, 119.5) + rng.normal(0, 0.3, (count, 2))
    inside = (pixels > 0).all(1) & (pixels < (319, 239)).all(1)
    seen = unit(descriptors + noise * rng.normal(size=descriptors.shape) / 8)
    return views, LocalDescriptors(pixels[inside].astype(np.float32), seen[:, inside]), truth


def test_frame_is_located_to_centimetres():
    views, found, truth = world()
    fit = Locator().locate(found, LENS, BASE_T_CAMERA, views)
    metres, radians = fit.map_T_base.distance(truth)
    assert metres < 0.05 and np.degrees(radians) < 0.3
    off = np.append(fit.map_T_base.position - truth.position,
                    (fit.map_T_base.rotation * truth.rotation.inv()).as_rotvec())
    assert off @ np.linalg.solve(fit.covariance, off) < 22.5  # 99.9 % of chi-squared with 6 degrees of freedom
    assert 20 <= fit.inliers <= found.points.shape[0]


def test_other_place_has_no_pose():
    views, _, _ = world(seed=0)
    _, found, _ = world(seed=1)
    assert Locator().locate(found, LENS, BASE_T_CAMERA, views) is None


def test_frame_without_keypoints_has_no_pose():
    views, found, _ = world()
    empty = LocalDescriptors(np.zeros((0, 2), np.float32), found.descriptors[:, :0])
    assert Locator().locate(empty, LENS, BASE_T_CAMERA, views) is None


def test_same_scene_at_twice_the_size_has_the_same_pose():
    views, found, truth = world()
    large = Lens(640, 480, (400.0, 0, 319.5, 0, 400.0, 239.5, 0, 0, 1.0), (), '')
    twice = dataclasses.replace(found, points=(found.points + 0.5) * 2 - 0.5)
    fit = Locator().locate(twice, large, BASE_T_CAMERA, views)
    assert fit.map_T_base.distance(truth)[0] < 0.05


def test_matches_are_sought_in_their_window_only():
    descriptors = np.eye(3, dtype=np.float32)
    points = np.array([[0.0, 0], [10, 0], [20, 0]])
    keypoints = np.array([[20.0, 1], [10, 1], [0, 1]])  # the first and last have changed places
    pairs = windowed_matches(points, descriptors, keypoints, descriptors, 2.0)
    assert [1, 1] in pairs.tolist() and [0, 0] not in pairs.tolist() and [2, 2] not in pairs.tolist()
    assert windowed_matches(points, descriptors, keypoints, descriptors, 30.0).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_ratio_refuses_what_could_be_two():
    points, keypoints = np.zeros((1, 2)), np.array([[0.0, 1], [1, 0]])
    alike = unit(np.array([[1.0, 1.0], [0.1, 0.11]]))
    wanted = np.array([[1.0], [0.0]], np.float32)
    assert len(windowed_matches(points, wanted, keypoints, alike, 5.0)) == 1
    assert not len(windowed_matches(points, wanted, keypoints, alike, 5.0, ratio=0.8))
