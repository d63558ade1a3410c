"""The pace of a robot without odometry: what it was in the last seconds, or unknown."""

import numpy as np
import pytest

from dejavu_ros.geometry import Pose
from dejavu_ros.localization.pace import Pace

SECOND = 10**9


def driven(poses, seconds=0.2):
    """A pace after ``poses``, one every so many seconds, and the stamp of the last one."""
    pace = Pace(max_speed=15.0, jump=1.0)
    for number, pose in enumerate(poses):
        pace.add(round(number * seconds * SECOND), pose.position, pose.rotation)
    return pace, round((len(poses) - 1) * seconds * SECOND)


def around(speed, radius, count, seconds=0.2):
    angles = speed * seconds / radius * np.arange(count)
    return [Pose.planar(radius * np.sin(angle), radius * (1 - np.cos(angle)), angle) for angle in angles]


@pytest.mark.parametrize('speed', [6.0, -3.0, 0.0])
@pytest.mark.parametrize('radius', [1e6, 15.0])
def test_a_steady_robot_goes_on_on_the_straight_and_on_a_bend(speed, radius):
    pace, now = driven(around(speed, radius, 30))
    assert pace.step(now + SECOND // 2).position == pytest.approx([speed / 2, 0.0, 0.0], abs=0.3)


def test_it_is_the_pace_of_the_last_seconds():
    pace, now = driven([Pose.planar(6.0 * min(tick, 20) * 0.2, 0, 0) for tick in range(40)])  # stands for four seconds
    assert pace.step(now + SECOND // 2).position == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_several_cameras_that_see_at_once_are_one_place():
    twice = Pace(max_speed=15.0, jump=1.0)
    for number, pose in enumerate(around(6.0, 15.0, 30)):
        for error in (0.8, 0.0):
            twice.add(number * SECOND // 5, pose.position + error, pose.rotation)
    once, now = driven(around(6.0, 15.0, 30))
    assert twice.step(now + SECOND // 5).position == pytest.approx(once.step(now + SECOND // 5).position)


def test_what_is_not_known_is_not_said():
    pace, now = driven(around(6.0, 1e6, 4))
    assert pace.step(now + SECOND // 5) is None, 'half a second is too little'
    pace, now = driven(around(6.0, 1e6, 30))
    assert pace.step(now + 2 * SECOND) is None and pace.step(now - SECOND) is None
    pace.forget()
    assert pace.step(now) is None


@pytest.mark.parametrize('carried, seconds', [(40.0, 0.2), (6.0, 5.0)])
def test_who_was_carried_or_not_seen_for_long_has_no_pace(carried, seconds):
    pace, now = driven(around(6.0, 1e6, 30))
    last = 6.0 * 0.2 * 29
    now += round(seconds * SECOND)
    pace.add(now, np.array([last + carried, 0.0, 0.0]), Pose.planar(0, 0, 0).rotation)
    assert pace.step(now + SECOND // 5) is None
