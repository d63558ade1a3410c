"""Whose poses a recording has: told, or noticed."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.mapping.trajectories import doubts, poses_of_base
from dejavu_ros.optics.mounting import BODY_T_OPTICAL

SECOND = 10**9
OPTICAL = Pose.from_matrix(np.column_stack([BASE_R_OPTICAL, np.zeros(3)]))
MOUNT = Pose(np.array([0.6, 0.1, 1.4]),
             (Rotation.from_euler('ZY', (30, 10), degrees=True) * OPTICAL.rotation).as_quat())


def drive(count=20):
    """map_T_base around a bend, x ahead."""
    yaws = np.linspace(0, 1.5, count)
    return [Pose.planar(10 * np.sin(yaw), 10 - 10 * np.cos(yaw), yaw) for yaw in yaws]


def track(poses, covariance=None):
    made = PoseTrack('poses.txt')
    for stamp, pose in enumerate(poses):
        made.add(stamp * SECOND, pose.position, pose.quaternion, covariance)
    made.finish()
    return made


@pytest.mark.parametrize('mount', [MOUNT, None])
@pytest.mark.parametrize('axes', ['ros', 'optical'])
@pytest.mark.parametrize('convention', ['optical', 'body'])
def test_poses_of_the_camera_become_those_of_the_base(mount, axes, convention):
    world_T_map = OPTICAL.inverse if axes == 'optical' else Pose.planar(0, 0, 0)
    frame = BODY_T_OPTICAL.inverse if convention == 'body' else Pose.planar(0, 0, 0)
    given = [world_T_map @ pose @ (mount or OPTICAL) @ frame for pose in drive()]
    found = poses_of_base(track(given), mount, 'camera', axes, convention)
    for stamp, pose in enumerate(drive()):
        at, covariance = found.at(stamp * SECOND, 0)
        np.testing.assert_allclose(at.matrix, pose.matrix, atol=1e-9)
        assert covariance is None
    assert found.source == 'poses.txt' and found.skipped == 0 and found.at(99 * SECOND, 0) is None
    assert found.why_not(99 * SECOND, 0)


def test_poses_of_the_base_stay_as_they_are():
    poses = track(drive())
    assert poses_of_base(poses, MOUNT, 'base', 'ros') is poses


def test_a_covariance_goes_along():
    """Against poses drawn from it."""
    rng = np.random.default_rng(0)
    root = 0.01 * rng.normal(size=(6, 6))
    camera = drive()[7] @ MOUNT
    found, covariance = poses_of_base(track([camera], root @ root.T), MOUNT, 'camera', 'optical').at(0, 0)
    errors = []
    for draw in rng.normal(size=(4000, 6)) @ root.T:
        other = Pose(camera.position + draw[:3], (Rotation.from_rotvec(draw[3:]) * camera.rotation).as_quat())
        base = OPTICAL @ other @ MOUNT.inverse
        errors.append([*(base.position - found.position), *(base.rotation * found.rotation.inv()).as_rotvec()])
    np.testing.assert_allclose(np.cov(np.array(errors).T), covariance, atol=0.08 * np.abs(covariance).max())


def test_a_drive_raises_no_doubt():
    assert doubts(drive()) == [] and doubts(drive()[:1]) == []
    up = [Pose.make((9, 0, z)) for z in range(6)]  # in a lift
    assert doubts([Pose.make((x, 0, 0)) for x in range(9)] + up) == []
    assert doubts([Pose.make((0, y, 0)) for y in range(9)]) == []  # a robot that can move sideways
    assert doubts([Pose.make((-x, 0, 0)) for x in range(9)]) == []


def test_a_trajectory_of_a_camera_is_noticed():
    text, = doubts([pose @ OPTICAL for pose in drive()])
    assert 'move along their own z axis (100% of the way)' in text and '--poses-of camera' in text
    assert '--pose-axes' not in text
    text, = doubts([OPTICAL.inverse @ pose @ OPTICAL for pose in drive()])  # KITTI
    assert '--poses-of camera --pose-axes optical' in text
    text, = doubts([OPTICAL.inverse @ Pose.make((x, 0, 0)) @ OPTICAL for x in range(9)])
    assert '--poses-of camera --pose-axes optical' in text


def test_a_map_that_lies_on_its_side_is_noticed():
    text, = doubts([OPTICAL.inverse @ pose for pose in drive()])
    assert 'in 100% of the keyframes the base lies on its side' in text and '--pose-axes optical' in text
    text, = doubts([Pose(pose.position, (pose.rotation * Rotation.from_euler('x', 180, degrees=True)).as_quat())
                    for pose in drive()])
    assert 'on its head' in text and '--pose-axes optical' not in text


def test_poses_that_are_not_the_cameras_are_noticed():
    found = poses_of_base(track(drive()), None, 'camera', 'ros')
    text, = doubts([found.at(stamp * SECOND, 0)[0] for stamp in range(20)], 'camera')
    assert 'on its side' in text or 'moves sideways' in text
