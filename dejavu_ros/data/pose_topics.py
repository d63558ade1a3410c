"""Poses out of a bag: Odometry, stamped poses and transforms, a path, NavSatFix, or a chain of TF."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from dejavu_ros.data.bags import Bag, Topic, frame_of, stamp_of
from dejavu_ros.data.fixes import Origin, fix_from_message, flaw, track_from_fixes
from dejavu_ros.data.motion import find_runs, in_runs
from dejavu_ros.data.pose_choice import (FIX, ODOMETRY, PATH, POSE, POSE_WITH_COVARIANCE, TF_TYPES, TRANSFORM,
                                         is_static, tf_topics)
from dejavu_ros.data.poses import UNIT_LENGTH, PoseSource, PoseTrack, TransformPoses
from dejavu_ros.data.transforms import TransformBuffer
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import IDENTITY, Pose

BASE_FRAMES = ('base_link', 'base_footprint')
MAP_FRAMES = ('map', 'odom')
MOUNTING_GAP_NS = 10 * 10**9


def read_transforms(bag: Bag, topics: Iterable[Topic], *, moving: bool) -> tuple[TransformBuffer, int]:
    """The static transforms of a tree's topics, with the moving ones if asked for, and the number of unusable ones."""
    buffer, skipped, number = TransformBuffer(), 0, -1
    names = [topic.name for topic in topics if moving or is_static(topic.name)]
    for name, recorded, message in bag.messages(names) if names else ():
        number += not is_static(name)
        for item in message.transforms:
            stamp = None if is_static(name) else stamp_of(item) or recorded
            try:
                pose = _pose(item.transform.translation, item.transform.rotation)
            except DataError:
                skipped += 1
                continue
            buffer.add(frame_of(item), item.child_frame_id.lstrip('/'), pose, stamp, number)
    return buffer, skipped


def read_poses(bag: Bag, topic: Topic, *, base_frame: str, map_frame: str, min_speed: float,
               heading_sigma: float, origin: Origin | None = None) -> tuple[PoseSource, str]:
    """All poses of a topic as those of the robot's base, and the name of the base frame ('' where nobody says it).

    An empty ``base_frame`` is the child frame of Odometry or TransformStamped, or base_link or base_footprint where TF
    has it. An empty ``map_frame`` (TF only) is map, or odom where there is no map. ``min_speed`` (m/s),
    ``heading_sigma`` (rad) and ``origin`` are for NavSatFix. Of TF, only the tree of the topic's namespace is read.
    Raises DataError where no pose is usable or frames are not connected.
    """
    source = f'{topic.name} of {bag.path}'
    tree = tf_topics(bag, topic.name)
    if topic.type in TF_TYPES:
        chosen = [other for other in tree if other.name == topic.name or is_static(other.name)]
        buffer, skipped = read_transforms(bag, chosen, moving=True)
        base = base_frame or _first(BASE_FRAMES, buffer, 'base frame', '--base-frame')
        top = map_frame or _first(MAP_FRAMES, buffer, 'map frame', '--map-frame')
        return TransformPoses(source, buffer, top, base, skipped), base
    static, _ = read_transforms(bag, tree, moving=False)
    if topic.type == FIX:
        return _fixes(bag, topic.name, source, static, base_frame, min_speed, heading_sigma, origin)
    child, track = None, PoseTrack(source)
    for stamp, message in _path(bag, topic) if topic.type == PATH else (
            (stamp, message) for _, stamp, message in bag.messages([topic.name])):
        if child is None:
            child = getattr(message, 'child_frame_id', '').lstrip('/')
            base = base_frame or child or next((frame for frame in BASE_FRAMES if frame in static.frames), '')
            # a PoseStamped does not say whose pose it is: taken for that of the base
            track.child_T_base = _static_pose(static, child, base) if child else IDENTITY
        point, quaternion, covariance = UNWRAP[topic.type](message)
        track.add(stamp, (point.x, point.y, point.z), _xyzw(quaternion), covariance)
    track.finish(recorded=topic.type != PATH)
    return track, base


def mounting(bag: Bag, base_frame: str, camera_frame: str, beside: str = '') -> Pose | None:
    """``base_T_camera`` of the optical frame ``camera_frame``; None where TF does not say, or the camera moves.

    Of several trees that of the topic ``beside`` is asked. Fixed mountings are also looked for in /tf, where many
    robots repeat them.
    """
    if not base_frame or not camera_frame or base_frame == camera_frame:
        return None
    for moving in (False, True):
        buffer, _ = read_transforms(bag, tf_topics(bag, beside), moving=moving)
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


# message -> position, quaternion, covariance or None
UNWRAP: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {
    ODOMETRY: lambda message: (message.pose.pose.position, message.pose.pose.orientation, message.pose.covariance),
    POSE: lambda message: (message.pose.position, message.pose.orientation, None),
    POSE_WITH_COVARIANCE: lambda message: (message.pose.pose.position, message.pose.pose.orientation,
                                           message.pose.covariance),
    TRANSFORM: lambda message: (message.transform.translation, message.transform.rotation, None),
    PATH: lambda message: (message.pose.position, message.pose.orientation, None)}


def _path(bag: Bag, topic: Topic) -> list[tuple[int, Any]]:
    """(stamp, PoseStamped) of all paths, ascending: the newest path knows best. Raises DataError for a plan."""
    latest: dict[int, Any] = {}
    clock = []
    for _, stamp, message in bag.messages([topic.name]):
        clock.append(stamp)
        latest.update({stamp_of(item): item for item in message.poses})
    starts = find_runs(clock)
    if starts:
        raise DataError(f'{topic.name} of bag {bag.path}: the clock goes back at message {starts[0] + 1}, and paths '
                        'cannot be told apart by it: make a bag of each run')
    latest.pop(0, None)
    if len(latest) < 2:
        raise DataError(f'{topic.name} of bag {bag.path} says where the robot is to go, not when it was where: its '
                        'poses have no stamps of their own')
    return sorted(latest.items())


def _fixes(bag: Bag, name: str, source: str, static: TransformBuffer, base_frame: str, min_speed: float,
           heading_sigma: float, origin: Origin | None) -> tuple[PoseSource, str]:
    found, clock, antenna, reason = [], [], '', ''
    for _, stamp, message in bag.messages([name]):
        antenna = antenna or frame_of(message)
        clock.append(stamp)
        found.append(fix_from_message(stamp, message))
        if found[-1] is None:
            reason = reason or flaw(message)
    starts = find_runs(clock)
    fixes = [dataclasses.replace(fix, stamp_ns=int(stamp)) for fix, stamp in zip(found, in_runs(clock, starts)) if fix]
    base = base_frame or next((frame for frame in BASE_FRAMES if frame in static.frames), '')
    lever = IDENTITY
    if base and antenna in static.frames and base != antenna:
        # the track gives base's axes at the antenna's place
        lever = Pose.make(-_static_pose(static, base, antenna).position)
    track = track_from_fixes(source, fixes, min_speed, heading_sigma, len(found) - len(fixes), reason, lever,
                             origin)
    track.starts, track.span_ns = starts, (min(clock), max(clock))
    return track, base


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


def _pose(translation, rotation) -> Pose:
    """Raises DataError for a transform that is none."""
    pose = Pose.make((translation.x, translation.y, translation.z), _xyzw(rotation))
    length = float(np.linalg.norm(_xyzw(rotation)))
    if abs(length - 1) > UNIT_LENGTH:
        raise DataError(f'transform with a quaternion of length {length:.3g}')
    return pose


def _xyzw(quaternion) -> tuple[float, float, float, float]:
    return quaternion.x, quaternion.y, quaternion.z, quaternion.w
