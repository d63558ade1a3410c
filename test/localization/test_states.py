"""Where the robot may be when a camera mounted in some way sees what a keyframe shows."""

import types

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.localization import LocalizerConfig
from dejavu_ros.localization.states import States
from dejavu_ros.optics.camera import LOOKING_AHEAD, Camera, Sight

SPREAD = np.diag([0.1, 0.2, 0.3, 0.01, 0.02, 0.03])
AHEAD = Pose(np.array([0.5, 0.0, 0.0]), Rotation.from_matrix(BASE_R_OPTICAL).as_quat())
BACK = Pose.planar(0, 0, np.pi) @ AHEAD


class Street:
    """Stands in for KeyframeMap: these base poses, keyframe i of camera cameras[i]."""

    def __init__(self, poses, mountings=None, cameras=None):
        mountings = mountings or {'front': AHEAD}
        self.cameras = [types.SimpleNamespace(name=name, base_T_camera=pose) for name, pose in mountings.items()]
        self.camera_index = np.array(cameras or [0] * len(poses))
        self.keyframes = types.SimpleNamespace(covariances=np.array([SPREAD] * len(poses)))
        self.positions = np.array([pose.position for pose in poses])
        self.quaternions = np.array([pose.quaternion for pose in poses])

    def __len__(self):
        return len(self.positions)


def states_of(keyframes, **mountings):
    sights = {name: Sight(Camera(name, base_T_camera=pose), None, (3, 4)) for name, pose in mountings.items()}
    return States(keyframes, LocalizerConfig(), sights)


def pose_of(states, row):
    return Pose(states.positions[row], states.quaternions[row])


def test_mounted_as_that_of_the_map_the_states_are_the_keyframes():
    keyframes = Street([Pose.planar(10, 5, 0.7)])
    for states in (states_of(keyframes), states_of(keyframes, front=None), states_of(keyframes, other=AHEAD)):
        np.testing.assert_allclose(pose_of(states, 0).matrix, Pose.planar(10, 5, 0.7).matrix, atol=1e-12)
        np.testing.assert_allclose(states.covariances[0], SPREAD)


def test_a_camera_further_ahead_means_a_base_further_back():
    ours = Pose(np.array([2.0, 0, 0]), AHEAD.quaternion)
    pose = pose_of(states_of(Street([Pose.planar(10, 5, np.pi / 2)]), front=ours), 0)
    assert np.allclose(pose.position, (10, 3.5, 0)) and np.isclose(pose.yaw, np.pi / 2)


def test_a_camera_to_the_left_means_a_base_turned_right():
    ours = Pose.planar(0, 0, np.pi / 2) @ AHEAD  # now half a metre to the left of the base
    pose = pose_of(states_of(Street([Pose.planar(10, 5, 0)]), front=ours), 0)
    assert np.allclose(pose.position, (10, 5, 0)) and np.isclose(pose.yaw, -np.pi / 2)


def test_covariance_is_that_of_samples():
    there = Pose.planar(10, 5, 0.4)
    ours = Pose(np.array([2.0, 1.0, -0.5]), AHEAD.quaternion)
    keyframes = Street([there])
    states = states_of(keyframes, front=ours)
    rng = np.random.default_rng(0)
    samples = rng.multivariate_normal(np.zeros(6), SPREAD, 20000)
    moved = [Pose(there.position + sample[:3], (Rotation.from_rotvec(sample[3:]) * there.rotation).as_quat())
             @ AHEAD @ ours.inverse for sample in samples]
    mean = pose_of(states, 0)
    errors = np.array([np.concatenate([pose.position - mean.position,
                                       (pose.rotation * mean.rotation.inv()).as_rotvec()]) for pose in moved])
    np.testing.assert_allclose(states.covariances[0], np.cov(errors.T), atol=0.02)


def test_mounting_that_nobody_told():
    keyframes = Street([Pose.planar(10, 5, 0.7)], {'front': LOOKING_AHEAD})
    states = states_of(keyframes, front=Pose(np.array([2.0, 0, 0]), AHEAD.quaternion))
    np.testing.assert_allclose(pose_of(states, 0).matrix, Pose.planar(10, 5, 0.7).matrix, atol=1e-12)


def test_cameras_mounted_alike_share_their_states():
    keyframes = Street([Pose.planar(x, 0, 0) for x in range(5)])
    assert len(states_of(keyframes, left=AHEAD, right=Pose(AHEAD.position + 0.01, AHEAD.quaternion))) == 5
    two = states_of(keyframes, front=AHEAD, rear=BACK)
    assert len(two) == 10 and two.of('front') == slice(0, 5) and two.of('rear') == slice(5, 10)
    assert two.keyframe(7) == 2 and np.isclose(abs(pose_of(two, 7).yaw), np.pi)


def test_what_a_camera_cannot_judge_it_leaves_alone():
    """On a map of one direction, a camera that looks back speaks for a robot that drives the other way, only."""
    keyframes = Street([Pose.planar(2.0 * x, 0, 0) for x in range(5)])
    states = states_of(keyframes, front=AHEAD, rear=BACK)
    log_odds = np.array([-3.0, 8.0, -2.0, -4.0, -5.0])
    np.testing.assert_allclose(states.spread('front', log_odds), [*log_odds, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(states.spread('rear', log_odds), [0, 0, 0, 0, 0, *log_odds])


def test_cameras_of_one_map_speak_of_the_same_places():
    """Mapped with two cameras at a time, a frame of either supports the keyframes of both."""
    poses = [Pose.planar(4.0 * x, 0, 0) for x in range(3)]
    keyframes = Street([*poses, *poses], {'front': AHEAD, 'rear': BACK}, [0, 0, 0, 1, 1, 1])
    states = states_of(keyframes, front=AHEAD, rear=BACK)
    log_odds = np.array([-1.0, 7.0, -2.0, -8.0, -8.0, -8.0])  # of a frame of the front camera, at the second place
    spread = states.spread('front', log_odds)
    here = [row for row in range(len(states)) if np.allclose(pose_of(states, row).matrix, poses[1].matrix, atol=1e-6)]
    assert len(here) == 2 and [spread[row] for row in here] == [7.0, 7.0]


@pytest.mark.parametrize('name', ['front', 'unheard of'])
def test_one_camera_changes_no_number(name):
    keyframes = Street([Pose.planar(x, 0, 0) for x in range(5)])
    log_odds = np.arange(5.0)
    assert states_of(keyframes, front=AHEAD).spread(name, log_odds) is log_odds
