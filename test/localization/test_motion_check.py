"""Poses and odometry of one way: of one direction as the base sees it, or not."""

import numpy as np
import pytest

from dejavu_ros.geometry import Pose
from dejavu_ros.localization.motion_check import MotionCheck


def way(count, step=1.0, turn=0.05):
    """Poses along a bend."""
    poses = [Pose.planar(3, 4, 1.0)]
    for _ in range(count - 1):
        poses.append(poses[-1] @ Pose.planar(step, 0, turn))
    return poses


def fed(map_T_base, odom_T_base):
    check = MotionCheck()
    for pose, odometry in zip(map_T_base, odom_T_base):
        check.add(pose, odometry)
    return check


@pytest.mark.parametrize('degrees', [0, 30, -30])
def test_a_way_that_agrees_whatever_its_frame(degrees):
    turned = [pose @ Pose.planar(0, 0, np.radians(degrees)) for pose in way(30)]
    check = fed(turned, [Pose.planar(-7, 2, 2.5) @ pose for pose in way(30)])
    assert check.agrees and check.problem == ''


@pytest.mark.parametrize('degrees, words', [(90, '90 degrees to the left'), (-120, '120 degrees to the right')])
def test_a_turned_base_moves_otherwise(degrees, words):
    turned = [pose @ Pose.planar(0, 0, np.radians(-degrees)) for pose in way(30)]
    check = fed(turned, way(30))
    assert check.agrees is False and words in check.problem


def test_too_short_a_way_says_nothing():
    turned = [pose @ Pose.planar(0, 0, np.pi) for pose in way(12)]
    assert fed(turned, way(12)).agrees is None and fed(turned * 9, [Pose.planar(0, 0, 0)] * 108).agrees is None


def test_a_robot_that_was_carried_or_a_wrong_pose_among_right_ones_says_nothing():
    poses = way(40)
    poses[20:] = [Pose.planar(50, -20, 2.0) @ pose for pose in poses[20:]]
    check = fed(poses, way(40))
    assert check.agrees and len(check.angles) == 3
