"""Poses out of a bag: Odometry, PoseStamped, PoseWithCovarianceStamped, NavSatFix or a chain of TF."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dejavu_ros.data.bags import Bag, Topic, frame_of, stamp_of
from dejavu_ros.data.fixes import Origin, fix_from_message, track_from_fixes
from dejavu_ros.data.poses import PoseSource, PoseTrack, TransformPoses
from dejavu_ros.data.transforms import TransformBuffer
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import IDENTITY, Pose

ODOMETRY = 'nav_msgs/msg/Odometry'
POSE = 'geometry_msgs/msg/PoseStamped'
POSE_WITH_COVARIANCE = 'geometry_msgs/msg/PoseWithCovarianceStamped'
FIX = 'sensor_msgs/msg/NavSatFix'
TF_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')
TRACK_TYPES = (ODOMETRY, POSE, POSE_WITH_COVARIANCE, FIX)
BASE_FRAMES = ('base_link', 'base_footprint')
MAP_FRAMES = ('map', 'odom')
MOUNTING_GAP_NS = 10 * 10**9


def read_transforms(bag: Bag, *, moving: bool) -> tuple[TransformBuffer, int]:
    """The static transforms of a bag, with the moving ones if asked for, and the number of unusable ones."""
    buffer, skipped = TransformBuffer(), 0
    topics = [topic.name for topic in bag.topics.values()
              if topic.type in TF_TYPES and (moving or _is_static(topic.name))]
    for name, recorded, message in bag.messages(topics) if topics else ():
        for item in message.transforms:
            stamp = None if _is_static(name) else stamp_of(item) or recorded
            move = item.transform.translation
            try:
                pose = Pose.make((move.x, move.y, move.z), _xyzw(item.transform.rotation))
            except DataError:
                skipped += 1
                continue
            buffer.add(frame_of(item), item.child_frame_id.lstrip('/'), pose, stamp)
    return buffer, skipped


def find_pose_topic(bag: Bag, name: str) -> Topic:
    """The topic ``name``, or the only one with poses, or TF where nothing else has any. Raises DataError."""
    what, flag = 'poses', '--pose-topic'
    if not name and not any(topic.type in TRACK_TYPES and topic.count for topic in bag.topics.values()):
        moving = [topic for topic in bag.topics.values()
                  if topic.type in TF_TYPES and topic.count and not _is_static(topic.name)]
        if moving:
            return moving[0]
    return bag.find(TRACK_TYPES + TF_TYPES if name else TRACK_TYPES, what, name, flag)


def read_poses(bag: Bag, topic: Topic, *, base_frame: str, map_frame: str, min_speed: float,
               heading_sigma: float, origin: Origin | None = None) -> tuple[PoseSource, str]:
    """All poses of a topic as those of the robot's base, and the name of the base frame ('' where nobody says it).

    An empty ``base_frame`` is Odometry's child frame, or base_link or base_footprint where TF has it. An empty
    ``map_frame`` (TF only) is map, or odom where there is no map. ``min_speed`` (m/s), ``heading_sigma`` (rad)
    and ``origin`` are for NavSatFix. Raises DataError where no pose is usable or frames are not connected.
    """
    source = f'{topic.name} of {bag.path}'
    if topic.type in TF_TYPES:
        buffer, skipped = read_transforms(bag, moving=True)
        base = base_frame or _first(BASE_FRAMES, buffer, 'base frame', '--base-frame')
        top = map_frame or _first(MAP_FRAMES, buffer, 'map frame', '--map-frame')
        return TransformPoses(source, buffer, top, base, skipped), base
    static, _ = read_transforms(bag, moving=False)
    if topic.type == FIX:
        return _fixes(bag, topic.name, source, static, base_frame, min_speed, heading_sigma, origin)
    child, track = None, PoseTrack(source)
    unwrap = UNWRAP[topic.type]
    for _, stamp, message in bag.messages([topic.name]):
        if child is None:
            child = message.child_frame_id.lstrip('/') if topic.type == ODOMETRY else ''
            base = base_frame or child or next((frame for frame in BASE_FRAMES if frame in static.frames), '')
            # a PoseStamped does not say whose pose it is: taken for that of the base
            track.child_T_base = _static_pose(static, child, base) if child else IDENTITY
        pose, covariance = unwrap(message)
        point = pose.position
        track.add(stamp, (point.x, point.y, point.z), _xyzw(pose.orientation), covariance)
    track.finish()
    return track, base


def mounting(bag: Bag, base_frame: str, camera_frame: str) -> Pose | None:
    """``base_T_camera`` of the optical frame ``camera_frame``; None where TF does not say, or the camera moves.

    Fixed mountings are also looked for in /tf, where many robots repeat them.
    """
    if not base_frame or not camera_frame or base_frame == camera_frame:
        return None
    for moving in (False, True):
        buffer, _ = read_transforms(bag, moving=moving)
        try:
            stamps = buffer.stamps(base_frame, camera_frame)
            asked = stamps[::len(stamps) // 20 + 1] or [None]
            found = [buffer.lookup(base_frame, camera_frame, stamp, MOUNTING_GAP_NS) for stamp in asked]
        except DataError:
            continue
        poses = [pose for pose in found if pose is not None]
        if poses and all(np.less(poses[0].distance(pose), (0.01, 0.01)).all() for pose in poses):
            return poses[0]
    return None


UNWRAP: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    ODOMETRY: lambda message: (message.pose.pose, message.pose.covariance),
    POSE: lambda message: (message.pose, None),
    POSE_WITH_COVARIANCE: lambda message: (message.pose.pose, message.pose.covariance)}


def _fixes(bag: Bag, name: str, source: str, static: TransformBuffer, base_frame: str, min_speed: float,
           heading_sigma: float, origin: Origin | None) -> tuple[PoseSource, str]:
    fixes, skipped, antenna = [], 0, ''
    for _, stamp, message in bag.messages([name]):
        antenna = antenna or frame_of(message)
        fix = fix_from_message(stamp, message)
        if fix is None:
            skipped += 1
        else:
            fixes.append(fix)
    base = base_frame or next((frame for frame in BASE_FRAMES if frame in static.frames), '')
    lever = IDENTITY
    if base and antenna in static.frames and base != antenna:
        # the track gives base's axes at the antenna's place
        lever = Pose.make(-_static_pose(static, base, antenna).position)
    return track_from_fixes(source, fixes, min_speed, heading_sigma, skipped, lever, origin), base


def _static_pose(static: TransformBuffer, target: str, source: str) -> Pose:
    if target == source:
        return IDENTITY
    pose = static.lookup(target, source)
    if pose is None:
        raise DataError(f'frame {source!r} is not fixed to {target!r}: choose another --base-frame')
    return pose


def _first(names: tuple[str, ...], buffer: TransformBuffer, what: str, flag: str) -> str:
    for name in names:
        if name in buffer.frames:
            return name
    raise DataError(f'the transforms have no {what} {" or ".join(names)}: choose one by {flag} from '
                    f'{", ".join(buffer.frames) or "none"}')


def _is_static(topic: str) -> bool:
    return topic.rsplit('/', 1)[-1] == 'tf_static'


def _xyzw(quaternion) -> tuple[float, float, float, float]:
    return quaternion.x, quaternion.y, quaternion.z, quaternion.w
