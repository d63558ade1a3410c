"""Poses between recorded ones, never beyond the limit, and none from rubbish."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

SECOND = 10**9
UPRIGHT = (0.0, 0.0, 0.0, 1.0)


def track(*samples, **options):
    made = PoseTrack('/odom', **options)
    for sample in samples:
        made.add(*sample)
    made.finish()
    return made


def test_interpolation_and_its_limit():
    drive = track((0, (0, 0, 0), UPRIGHT), (SECOND, (2, 0, 0), Pose.planar(0, 0, 1.0).quaternion))
    pose, covariance = drive.at(SECOND // 4, SECOND)
    assert np.allclose(pose.position, [0.5, 0, 0]) and np.isclose(pose.yaw, 0.25) and covariance is None
    assert drive.at(SECOND // 4, SECOND - 1) is None
    assert drive.at(SECOND, 0)[0].position.tolist() == [2, 0, 0]  # exactly at a pose there is no gap
    assert drive.at(-1, SECOND) is None and drive.at(SECOND + 1, SECOND) is None


@given(stamps=st.lists(st.integers(0, 10**12), min_size=2, max_size=20, unique=True), share=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_interpolated_poses_lie_on_the_way(stamps, share):
    """On a line driven at constant speed, whatever the order of arrival, x is the time."""
    drive = track(*((stamp, (stamp / 1e9, 0, 0), UPRIGHT) for stamp in stamps))
    asked = int(min(stamps) + share * (max(stamps) - min(stamps)))
    pose, _ = drive.at(asked, 10**12)
    assert abs(pose.position[0] - asked / 1e9) < 1e-6


def test_unusable_poses_are_counted_and_never_used():
    drive = track((0, (0, 0, 0), UPRIGHT), (1, (np.nan, 0, 0), UPRIGHT), (2, (9, 9, 9), (0, 0, 0, 0)),
                  (3, (9, 9, 9), (np.inf, 0, 0, 1)), (4, (4, 0, 0), UPRIGHT))
    assert drive.skipped == 3
    assert [drive.at(stamp, 4)[0].position[0] for stamp in range(5)] == [0, 1, 2, 3, 4]


def test_only_unusable_poses():
    with pytest.raises(DataError, match='all 2 are bad, the first for: pose with a zero quaternion'):
        track((0, (0, 0, 0), (0, 0, 0, 0)), (1, (np.nan, 0, 0), UPRIGHT))
    with pytest.raises(DataError, match='/odom has no usable pose'):
        track()


@pytest.mark.parametrize('bad', [np.zeros(36), np.full(36, np.nan), -np.eye(6), np.diag([-1, 0, 0, 0, 0, 0])])
def test_a_covariance_that_says_nothing_is_unknown(bad):
    assert track((0, (0, 0, 0), UPRIGHT, bad)).at(0, 0)[1] is None


def test_the_nearest_covariance_counts():
    drive = track((0, (0, 0, 0), UPRIGHT, np.eye(6)), (10, (1, 0, 0), UPRIGHT, 4 * np.eye(6)))
    assert [drive.at(stamp, 10)[1][0, 0] for stamp in (0, 4, 6, 10)] == [1, 1, 4, 4]


def test_from_the_recorded_frame_to_the_base():
    behind = Pose.planar(-1, 0, 0)
    drive = track((0, (5, 5, 0), Pose.planar(0, 0, np.pi / 2).quaternion), child_T_base=behind)
    assert np.allclose(drive.at(0, 0)[0].position, [5, 4, 0])
