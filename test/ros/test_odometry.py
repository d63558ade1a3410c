import numpy as np
import pytest

from dejavu_ros.geometry import Pose
from dejavu_ros.ros.odometry import OdometryBuffer

SECOND = 10**9


def filled(*seconds):
    buffer = OdometryBuffer()
    for second in seconds:
        buffer.add(int(second * SECOND), Pose.planar(10 * second, 0, 0))
    return buffer


@pytest.mark.parametrize('at, x', [(1.0, 10), (1.25, 12.5), (2.0, 20), (2.2, 20)])
def test_pose_at_a_time(at, x):
    assert np.allclose(filled(1, 1.5, 2).at(int(at * SECOND)).position, (x, 0, 0))


@pytest.mark.parametrize('at', [0.9, 2.21, 100])
def test_outside_there_is_none(at):
    assert filled(1, 2).at(int(at * SECOND)) is None


def test_no_guess_across_a_gap():
    assert filled(1, 2.5).at(2 * SECOND) is None
    assert OdometryBuffer().at(0) is None


def test_it_does_not_grow():
    buffer = filled(*range(100))
    assert buffer.at(50 * SECOND) is None and buffer.at(69 * SECOND) is not None
    assert len(buffer._stamps) == len(buffer._poses) == 31


def test_a_bag_played_again_starts_anew():
    buffer = filled(1, 2, 3)
    buffer.add(SECOND, Pose.planar(-5, 0, 0))
    assert buffer.at(2 * SECOND) is None
    assert buffer.at(SECOND).position[0] == -5
