"""Poses between recorded ones, never beyond the limit, and none from rubbish."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.data.motion import RUN_NS
from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

SECOND = 10**9
UPRIGHT = (0.0, 0.0, 0.0, 1.0)


def track(*samples, unit=1, **options):
    made = PoseTrack('/odom', **options)
    for stamp, *sample in samples:
        made.add(stamp * unit, *sample)
    made.finish()
    return made


def test_interpolation_and_its_limit():
    drive = track((0, (0, 0, 0), UPRIGHT), (SECOND, (2, 0, 0), Pose.planar(0, 0, 1.0).quaternion))
    pose, covariance = drive.at(SECOND // 4, SECOND)
    assert np.allclose(pose.position, [0.5, 0, 0]) and np.isclose(pose.yaw, 0.25) and covariance is None
    assert drive.at(SECOND // 4, SECOND - 1) is None
    assert drive.at(SECOND, 0)[0].position.tolist() == [2, 0, 0]  # exactly at a pose there is no gap
    assert drive.at(-2000, SECOND) is None and drive.at(SECOND + 2000, SECOND) is None


def test_stamps_that_were_rounded_are_the_same():
    """To six decimals, as many programs write them."""
    drive = track((1403636579763556000, (0, 0, 0), UPRIGHT), (1403636580263556000, (1, 0, 0), UPRIGHT))
    assert drive.at(1403636579763555584, 0)[0].position[0] == 0
    assert drive.at(1403636580263556416, 0)[0].position[0] == 1


@given(stamps=st.lists(st.integers(0, 10**12), min_size=2, max_size=20, unique=True), share=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_interpolated_poses_lie_on_the_way(stamps, share):
    """On a line driven at constant speed, whatever the order of arrival, x is the time."""
    drive = track(*((stamp, (stamp / 1e9, 0, 0), UPRIGHT) for stamp in stamps))
    assert not drive.skipped
    asked = int(min(stamps) + share * (max(stamps) - min(stamps)))
    pose, _ = drive.at(asked, 10**12)
    assert abs(pose.position[0] - asked / 1e9) < 2e-6


def test_unusable_poses_are_counted_and_never_used():
    drive = track((0, (0, 0, 0), UPRIGHT), (1, (np.nan, 0, 0), UPRIGHT), (2, (9, 9, 9), (0, 0, 0, 0)),
                  (3, (9, 9, 9), (np.inf, 0, 0, 1)), (4, (4, 0, 0), UPRIGHT), unit=SECOND)
    assert drive.skipped == 3
    assert [drive.at(stamp * SECOND, 4 * SECOND)[0].position[0] for stamp in range(5)] == [0, 1, 2, 3, 4]


def test_only_unusable_poses():
    with pytest.raises(DataError, match='all 2 are bad, the first for: pose with a zero quaternion'):
        track((0, (0, 0, 0), (0, 0, 0, 0)), (1, (np.nan, 0, 0), UPRIGHT))
    with pytest.raises(DataError, match='/odom has no usable pose'):
        track()


@pytest.mark.parametrize('bad', [np.zeros(36), np.full(36, np.nan), -np.eye(6), np.diag([-1, 0, 0, 0, 0, 0])])
def test_a_covariance_that_says_nothing_is_unknown(bad):
    assert track((0, (0, 0, 0), UPRIGHT, bad)).at(0, 0)[1] is None


def test_the_nearest_covariance_counts():
    drive = track((0, (0, 0, 0), UPRIGHT, np.eye(6)), (10, (1, 0, 0), UPRIGHT, 4 * np.eye(6)), unit=SECOND)
    assert [drive.at(stamp * SECOND, 10 * SECOND)[1][0, 0] for stamp in (0, 4, 6, 10)] == [1, 1, 4, 4]


def test_from_the_recorded_frame_to_the_base():
    behind = Pose.planar(-1, 0, 0)
    drive = track((0, (5, 5, 0), Pose.planar(0, 0, np.pi / 2).quaternion), child_T_base=behind)
    assert np.allclose(drive.at(0, 0)[0].position, [5, 4, 0])


def drive_along(count, x=lambda i: 0.2 * i, step=SECOND // 10, yaw=lambda i: 0.0):
    return track(*((i * step, (x(i), 0, 0), Pose.planar(0, 0, yaw(i)).quaternion) for i in range(count)))


@pytest.mark.parametrize('jump, step, speed', [
    (100.0, SECOND // 10, 2.0), (3.0, SECOND // 10, 2.0), (3.0, SECOND // 10, 0.0), (300.0, SECOND, 10.0),
    (2.0, SECOND // 50, 1.0), (1000.0, SECOND // 10, 30.0)])
def test_nobody_was_within_a_jump(jump, step, speed):
    drive = drive_along(40, lambda i: speed * i * step / SECOND + jump * (i >= 20), step)
    assert drive.at(19 * step + step // 2, SECOND) is None
    assert 'a jump of' in drive.why_not(19 * step + step // 2, SECOND)
    for i in (*range(19), *range(20, 39)):
        pose, _ = drive.at(i * step + step // 2, SECOND)
        assert pose.position[0] == pytest.approx(speed * (i + 0.5) * step / SECOND + jump * (i >= 20), abs=1e-6)


def test_nobody_was_within_a_turn_that_is_a_jump():
    drive = drive_along(20, yaw=lambda i: 0.05 * i + 3.0 * (i >= 10))
    assert [drive.at(int((i + 0.5) * SECOND / 10), SECOND) is None for i in range(19)] == [i == 9 for i in range(19)]


@pytest.mark.parametrize('x', [
    lambda i: 0.5 * 3.0 * max(0, i - 20)**2 / 100,  # from rest with 3 m/s^2
    lambda i: 0.2 * i + 0.3 * (i % 3),  # noise
    lambda i: 4.0 * i,  # 40 m/s
    lambda i: 0.4 * (i >= 20)])  # a correction of less than a metre
def test_driving_is_no_jump(x):
    drive = drive_along(60, x)
    assert drive.skipped == 0
    assert all(drive.at(int((i + 0.5) * SECOND / 10), SECOND) for i in range(59))


def test_a_pose_apart_from_both_its_neighbours_is_left_out():
    drive = drive_along(20, lambda i: 50.0 if i == 7 else 0.2 * i)
    assert drive.skipped == 1 and drive.at(7 * SECOND // 10, SECOND)[0].position[0] == pytest.approx(1.4)


@pytest.mark.parametrize('wild', [[20, 21], range(20, 25), [0], range(3), [39], [0, 20, 39]])
def test_who_is_elsewhere_for_a_moment_was_never_there(wild):
    drive = drive_along(40, lambda i: 500.0 + i * (i in wild) if i in wild else 0.2 * i)
    assert drive.skipped == len(wild)
    poses = [drive.at(i * SECOND // 10, SECOND) for i in range(40)]
    assert all(pose is None or abs(pose[0].position[0] - 0.2 * i) < 1e-6 for i, pose in enumerate(poses))


def test_who_is_elsewhere_and_stays_was_there():
    drive = drive_along(40, lambda i: 0.2 * i + 500.0 * (i >= 20))
    assert drive.skipped == 0 and drive.at(2 * SECOND, 0)[0].position[0] == pytest.approx(504.0)


def test_two_sources_on_one_topic():
    with pytest.raises(DataError, match='two sources share the topic'):
        track(*((i * SECOND // 10, (40.0 * one, 0, 0), UPRIGHT) for i in range(20) for one in (0, 1)))
    drive = drive_along(40, lambda i: 40.0 * (i % 2))
    assert all(drive.at(int((i + 0.5) * SECOND / 10), SECOND // 2) is None for i in range(39))


def test_why_there_is_no_pose():
    drive = track((SECOND, (0, 0, 0), UPRIGHT), (4 * SECOND, (1, 0, 0), UPRIGHT))
    assert drive.why_not(0, SECOND) == 'before the first one, at 1.000 s'
    assert drive.why_not(5 * SECOND, SECOND) == 'after the last one, at 4.000 s'
    assert drive.why_not(-170 * RUN_NS, SECOND) == 'before the first one, at 1.000 s'  # a clock of its own
    assert drive.why_not(2 * SECOND - RUN_NS, SECOND) == 'the clock was set back around it'
    assert drive.why_not(2 * SECOND, SECOND) == 'between two over 1 s apart'
    assert drive.why_not(2 * SECOND, 3 * SECOND) == ''
    assert track((SECOND, (0, 0, 0), UPRIGHT)).why_not(0, SECOND) == 'there is only one, at 1.000 s'


def test_quaternions_far_from_unit_length_are_unusable():
    drive = track((0, (0, 0, 0), UPRIGHT), (SECOND, (9, 9, 9), (0, 0, 0.5, 0.5)))
    assert drive.skipped == 1 and 'length 0.707' in drive.reason


@given(starts=st.lists(st.integers(8, 30), max_size=3))
@settings(max_examples=30, deadline=None)
def test_a_clock_that_was_set_back_parts_the_runs(starts):
    """Runs of 0.1 s steps, each on a line of its own; poses in the wrong order within a run change nothing."""
    lengths = [*starts, 20]
    made = PoseTrack('/odom')
    for run, length in enumerate(lengths):
        order = list(range(length))
        order[1:3] = order[2:0:-1]  # two arrive in the wrong order
        for i in order:
            made.add(5 * SECOND + i * SECOND // 10, (0.1 * i, 40.0 * run, 0), UPRIGHT)
    made.finish(recorded=True)
    assert made.starts == np.cumsum(lengths)[:-1].tolist()
    for run, length in enumerate(lengths):
        pose, _ = made.at(5 * SECOND + 3 * SECOND // 10 + RUN_NS * run, SECOND)
        assert np.allclose(pose.position, [0.3, 40.0 * run, 0])
        assert made.at(5 * SECOND + length * SECOND // 10 + RUN_NS * run, SECOND) is None
