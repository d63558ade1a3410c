import types

import numpy as np
import pytest

from dejavu_ros.errors import ConfigError
from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.localization import Estimate, Hypothesis
from dejavu_ros.ros.config import parse_mounting
from dejavu_ros.ros.mounting import remount

AHEAD = np.eye(4)
AHEAD[:3, :3] = BASE_R_OPTICAL
AT_BASE = Pose.from_matrix(AHEAD)
AHEAD = Pose(np.array([0.5, 0.0, 0.0]), AT_BASE.quaternion)
SPREAD = np.diag([0.1, 0.2, 0.3, 0.01, 0.02, 0.03])


def keyframes(mounting):
    camera = types.SimpleNamespace(session='summer', name='front', base_T_camera=mounting)
    return types.SimpleNamespace(cameras=[camera], keyframes=[types.SimpleNamespace(camera='front')])


def estimate(map_T_base):
    return Estimate(0, True, '', [Hypothesis(0, 'summer', 'sun', 0.5, 1.0, 9, map_T_base, SPREAD)], 1.0)


@pytest.mark.parametrize('text', ['1 2 3', '1 2 3 0 0 0 0', 'a b c d e f g', '1 2 3 0 0 0 nan', '1 2 3 0 0 0 1 5'])
def test_text_that_is_no_mounting(text):
    with pytest.raises(ConfigError, match='seven numbers'):
        parse_mounting(text)


def test_text():
    assert parse_mounting(' ') is None
    mounting = parse_mounting('1 2 3 0 0 0 2')
    assert mounting.position.tolist() == [1, 2, 3] and mounting.quaternion.tolist() == [0, 0, 0, 1]


def test_same_mounting_changes_nothing():
    there = Pose.planar(10, 5, 0.7)
    moved = remount(estimate(there), keyframes(AHEAD), AHEAD).hypotheses[0]
    assert np.allclose(moved.map_T_base.matrix, there.matrix) and np.allclose(moved.covariance, SPREAD)


def test_camera_further_ahead_means_base_further_back():
    ours = Pose(np.array([2.0, 0, 0]), AHEAD.quaternion)
    moved = remount(estimate(Pose.planar(10, 5, np.pi / 2)), keyframes(AHEAD), ours).hypotheses[0]
    assert np.allclose(moved.map_T_base.position, (10, 3.5, 0)) and np.isclose(moved.map_T_base.yaw, np.pi / 2)


def test_camera_to_the_left_means_base_turned_right():
    ours = Pose.planar(0, 0, np.pi / 2) @ AHEAD  # now half a metre to the left of the base
    moved = remount(estimate(Pose.planar(10, 5, 0)), keyframes(AHEAD), ours).hypotheses[0]
    assert np.allclose(moved.map_T_base.position, (10, 5, 0)) and np.isclose(moved.map_T_base.yaw, -np.pi / 2)


def test_covariance_is_that_of_samples():
    there = Pose.planar(10, 5, 0.4)
    ours = Pose(np.array([2.0, 1.0, -0.5]), AHEAD.quaternion)
    moved = remount(estimate(there), keyframes(AHEAD), ours).hypotheses[0]
    generator = np.random.default_rng(0)
    small = 1e-3 * generator.multivariate_normal(np.zeros(6), SPREAD, 40000)
    arm = there.rotation.apply((AHEAD @ ours.inverse).position)
    samples = np.hstack([small[:, :3] + np.cross(small[:, 3:], arm), small[:, 3:]])
    assert np.allclose(np.cov(samples.T) * 1e6, moved.covariance, atol=0.01)


@pytest.mark.parametrize('mounting', [None, AT_BASE])
def test_mounting_that_the_map_does_not_know_changes_nothing(mounting):
    before = estimate(Pose.planar(10, 5, 0))
    assert remount(before, keyframes(mounting), AHEAD).hypotheses == before.hypotheses
