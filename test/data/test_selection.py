"""Keyframes by distance and angle."""

import numpy as np
import pytest

from dejavu_ros.data.selection import KeyframeSelector
from dejavu_ros.geometry import Pose


def kept(selector, poses, usable=lambda index: True):
    indices = []
    for index, pose in enumerate(poses):
        if selector.wants(pose) and usable(index):
            selector.keep(pose)
            indices.append(index)
    return indices


@pytest.mark.parametrize('distance, expected', [(0.0, list(range(9))), (1.0, [0, 2, 4, 6, 8]), (1.2, [0, 3, 6])])
def test_by_distance(distance, expected):
    poses = [Pose.planar(0.5 * i, 0, 0) for i in range(9)]
    assert kept(KeyframeSelector(distance, np.radians(15)), poses) == expected


def test_by_angle_while_turning_on_the_spot():
    poses = [Pose.planar(0, 0, np.radians(10 * i)) for i in range(7)]
    assert kept(KeyframeSelector(1.0, np.radians(19.9)), poses) == [0, 2, 4, 6]


def test_standing_still_adds_nothing():
    assert kept(KeyframeSelector(1.0, np.radians(15)), [Pose.planar(3, 0, 0)] * 20) == [0]


def test_an_unusable_frame_does_not_use_up_its_place():
    poses = [Pose.planar(0.5 * i, 0, 0) for i in range(7)]
    assert kept(KeyframeSelector(1.0, np.radians(15)), poses, lambda index: index != 2) == [0, 3, 5]
