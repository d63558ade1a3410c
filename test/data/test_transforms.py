"""Chains of transforms, as tf2 would answer for the same tree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.data.transforms import TransformBuffer
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

SECOND = 10**9


@pytest.fixture
def robot():
    """A robot driving along x at 1 m/s in odom, which jumps to (10, 0) in the map at second 2, and two cameras."""
    buffer = TransformBuffer()
    buffer.add('base_link', 'front', Pose.planar(0.5, 0, 0, z=1.0))
    buffer.add('base_link', 'left', Pose.planar(0, 0.2, np.pi / 2))
    for second in range(5):
        buffer.add('odom', 'base_link', Pose.planar(second, 0, 0), second * SECOND)
        buffer.add('map', 'odom', Pose.planar(0 if second < 2 else 10, 0, 0), second * SECOND)
    return buffer


def test_a_chain_at_a_stamp_and_between_stamps(robot):
    assert robot.lookup('map', 'base_link', 1 * SECOND, 0).position.tolist() == [1, 0, 0]
    assert robot.lookup('map', 'base_link', 3 * SECOND + SECOND // 2, SECOND).position.tolist() == [13.5, 0, 0]
    assert robot.lookup('map', 'front', 3 * SECOND, 0).position.tolist() == [13.5, 0, 1]


def test_down_and_across_the_tree(robot):
    assert np.allclose(robot.lookup('left', 'front').position, [-0.2, -0.5, 1.0])
    assert robot.lookup('base_link', 'map', 1 * SECOND, 0).position.tolist() == [-1, 0, 0]
    assert robot.lookup('map', 'map').position.tolist() == [0, 0, 0]


def test_nothing_is_made_up(robot):
    assert robot.lookup('map', 'base_link', SECOND // 2, SECOND // 2) is None  # samples a second apart
    assert robot.lookup('map', 'base_link', 5 * SECOND, SECOND) is None  # after the end
    assert robot.lookup('map', 'base_link') is None  # not static


def test_frames_that_are_not_connected(robot):
    robot.add('world', 'crane', Pose.planar(0, 0, 0))
    with pytest.raises(DataError, match="'map' and 'crane' are not connected: their roots are 'map' and 'world'"):
        robot.lookup('map', 'crane')
    with pytest.raises(DataError, match="no frame 'nose'.*base_link, crane, front"):
        robot.lookup('map', 'nose')


def test_a_circle_is_told(robot):
    robot.add('base_link', 'map', Pose.planar(0, 0, 0))
    with pytest.raises(DataError, match='circle'):
        robot.lookup('map', 'front')


def test_stamps_of_a_chain(robot):
    assert robot.stamps('map', 'front') == [second * SECOND for second in range(5)]
    assert robot.stamps('left', 'front') == []


finite = st.floats(-50, 50)
poses = st.builds(lambda x, y, z, *q: Pose.make((x, y, z), q), finite, finite, finite,
                  *[st.floats(0.1, 1.0) | st.floats(-1.0, -0.1)] * 4)


@given(a=poses, b=poses, c=poses)
@settings(max_examples=30, deadline=None)
def test_lookups_compose_and_invert(a, b, c):
    buffer = TransformBuffer()
    for parent, child, pose in (('map', 'odom', a), ('odom', 'base', b), ('map', 'tower', c)):
        buffer.add(parent, child, pose)
    there = buffer.lookup('tower', 'base')
    assert np.allclose(there.matrix, np.linalg.inv(c.matrix) @ a.matrix @ b.matrix, atol=1e-6)
    assert np.allclose((there @ buffer.lookup('base', 'tower')).matrix, np.eye(4), atol=1e-6)
