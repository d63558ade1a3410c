"""Whose the poses of a recording are, and whether they can be: axes that are mistaken lay a robot on its side."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.data.poses import PoseSource
from dejavu_ros.geometry import BASE_R_OPTICAL, IDENTITY, Pose
from dejavu_ros.optics.mounting import BODY_T_OPTICAL

ALONG = 0.8     # share of the way along one axis of the body from which the robot is said to move along it
LEAST = 2.0     # metres of way that say something
UPRIGHT = np.cos(np.radians(45.0))


class PosesOfCamera:
    """The poses of a base, from those of its camera. As :class:`dejavu_ros.data.poses.PoseTrack` to whoever asks."""

    def __init__(self, poses: PoseSource, base_T_camera: Pose, map_T_world: Pose = IDENTITY, body: bool = False):
        """``poses`` are world_T_camera of the optical frame, or of the camera's body frame if ``body``."""
        self.poses, self.map_T_world = poses, map_T_world
        self.camera_T_base = (BODY_T_OPTICAL if body else IDENTITY) @ base_T_camera.inverse
        self.source, self.skipped, self.stamps_ns = poses.source, poses.skipped, poses.stamps_ns
        self.starts, self.span_ns, self.why_not = poses.starts, poses.span_ns, poses.why_not
        self.origin, self.reason = getattr(poses, 'origin', None), getattr(poses, 'reason', '')

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, np.ndarray | None] | None:
        """map_T_base and its covariance (6, 6), None where not known; None without poses around the stamp."""
        found = self.poses.at(stamp_ns, max_gap_ns)
        if found is None:
            return None
        pose, covariance = self.map_T_world @ found[0], found[1]
        if covariance is not None:
            turn = np.kron(np.eye(2), self.map_T_world.rotation.as_matrix())
            x, y, z = pose.rotation.apply(self.camera_T_base.position)
            turn[:3, 3:] = np.array([[0, z, -y], [-z, 0, x], [y, -x, 0]]) @ turn[3:, 3:]
            covariance = turn @ covariance @ turn.T
        return pose @ self.camera_T_base, covariance


def poses_of_base(poses: PoseSource, base_T_camera: Pose | None, poses_of: str, axes: str,
                  convention: str = 'auto') -> PoseSource:
    """Poses as a map wants them, from those of ``poses_of`` in a frame with ``axes``.

    ``base_T_camera`` is of the optical frame; None: at the base, looking ahead.
    """
    map_T_world = Pose.from_matrix(np.column_stack([BASE_R_OPTICAL, np.zeros(3)])) if axes == 'optical' else IDENTITY
    if poses_of == 'camera':
        return PosesOfCamera(poses, base_T_camera or BODY_T_OPTICAL, map_T_world, convention == 'body')
    return poses if axes == 'ros' else PosesOfCamera(poses, IDENTITY, map_T_world)


def doubts(poses: Sequence[Pose], poses_of: str = 'base') -> list[str]:
    """What is strange about map_T_base of keyframes in their order, in words; ``poses_of`` is what was said of them."""
    if len(poses) < 2:
        return []
    turns = Rotation.from_quat(np.array([pose.quaternion for pose in poses]))
    moves = np.diff(np.array([pose.position for pose in poses]), axis=0)
    way = float(np.linalg.norm(moves, axis=1).sum())
    y, z = (turns.apply(axis) for axis in np.eye(3)[1:])
    along = np.abs(turns[:-1].inv().apply(moves)).sum(0) / max(way, 1e-9)
    if way >= LEAST and along[2] > ALONG and poses_of == 'base':
        down = (y[:, 1] > UPRIGHT).mean() > 0.5
        return [f'the poses move along their own z axis ({min(1.0, along[2]):.0%} of the way), so they look like those '
                'of the camera (z ahead), as trajectories of TUM, KITTI and COLMAP are, and the map takes them for '
                'those of the base: say --poses-of camera' + (' --pose-axes optical' if down else '') +
                ', with --base-T-camera where the base is not at the camera']
    lying = z[:, 2] < UPRIGHT
    if lying.mean() > 0.5:
        down = (z[:, 1] < -UPRIGHT).mean() > 0.5
        return [f'in {lying.mean():.0%} of the keyframes the base lies on its side or on its head: the z axis of the '
                'map is not up, or these are not the poses of the base' +
                ('. Its y axis points down, as in the first camera of KITTI: say --pose-axes optical' if down else
                 '. Headings and poses from this map are wrong then: see --poses-of and --pose-axes')]
    if poses_of == 'camera' and way >= LEAST and along[1] > ALONG:
        return [f'with --poses-of camera the robot moves sideways ({min(1.0, along[1]):.0%} of the way): are the poses '
                'those of the base?']
    return []
