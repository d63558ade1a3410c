"""Recordings to map from: frames of one camera with the poses of the robot, out of a bag or a folder."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from dejavu_ros.data.bags import Bag, open_bag
from dejavu_ros.data.camera_file import read_camera
from dejavu_ros.data.depth import PictureTrack, bag_depth, folder_depth
from dejavu_ros.data.fixes import parse_origin
from dejavu_ros.data.folders import folder_stamps, list_images, read_tum
from dejavu_ros.data.frames import Frame, bag_frames, camera_info, find_image_topic, folder_frames, intrinsics
from dejavu_ros.data.frames_in_runs import frames_in_runs
from dejavu_ros.data.pose_choice import find_pose_topic
from dejavu_ros.data.pose_topics import mounting, read_poses
from dejavu_ros.data.poses import PoseSource, runs_in_words
from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.intrinsics import calibration, numbers
from dejavu_ros.mapping.config import MappingConfig
from dejavu_ros.mapping.stereo import bag_stereo, folder_stereo
from dejavu_ros.mapping.trajectories import poses_of_base
from dejavu_ros.optics.lens import Lens
from dejavu_ros.optics.mounting import before_the_map, parse_mounting


MOMENTS = 8  # of a recording at which stamps are compared
CLOCKS_APART = 1.0  # seconds by which those of images and poses may differ
REGISTERED = 0.15  # relative difference of focal lengths and centres of one view: rectified and raw ones differ


@dataclasses.dataclass(frozen=True)
class Recording:
    """``frames`` (``count`` of them) can be gone through once; what nobody recorded about the camera is None.

    ``depth`` of a stamp (ns) and the image (H, W, 3) of then is (h, w) float32 metres, 0 where not known, or None;
    images must come in their order. ``notes`` are lines for people about what was taken for what; ``warnings`` say in
    words what of it cannot be used.
    """

    name: str
    source: str
    frames: Iterable[Frame]
    count: int
    poses: PoseSource
    intrinsics: dict | None = None
    base_T_camera: Pose | None = None
    depth: Callable[[int, np.ndarray], np.ndarray | None] | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@contextlib.contextmanager
def bag_recording(path: str | Path, image_topic: str, pose_topic: str, config: MappingConfig,
                  depth_topic: str = '', right_topic: str = '') -> Iterator[Recording]:
    """Open a bag; an empty topic is the only one of its kind, or for poses the best. Poses are read at once, images as
    they are asked for.

    Depth is that of a topic, of the right camera of a rectified pair, or neither.
    """
    with open_bag(path) as bag:
        images = find_image_topic(bag, image_topic)
        topic, why = find_pose_topic(bag, pose_topic)
        poses, base_frame = read_poses(bag, topic, base_frame=config.base_frame, map_frame=config.map_frame,
                                       min_speed=config.min_speed, heading_sigma=math.radians(config.angle_sigma),
                                       origin=parse_origin(config.gps_origin))
        camera_frame = next(bag_frames(bag, images.name)).frame_id
        path = Path(path).resolve()
        path = path.parent if path.name == 'metadata.yaml' else path
        warnings: tuple[str, ...] = ()
        try:
            known = intrinsics(bag, images.name)
            if known:
                Lens.of(known)
        except (DataError, ConfigError) as error:  # a map of places needs no calibration
            said = str(error) if isinstance(error, DataError) else f'camera_info of {images.name}: {error}'
            known, warnings = None, (f'not used: {said}',)
        if depth_topic and known:
            check_registered(bag, depth_topic, images.name, known)
        base_T_camera, doubt = mounted(mounting(bag, base_frame, camera_frame, topic.name), config,
                                      camera_frame)
        apart = '' if poses.starts else _clocks_apart(bag, images.name, topic.name)
        warnings += tuple(words for words in (doubt, apart) if words)
        yield Recording(path.name if path.is_dir() else path.stem, f'{images.name} of {bag.path}',
                        frames_in_runs(bag, images.name, topic.name, poses.starts), images.count,
                        poses_of_base(poses, base_T_camera, config.poses_of, config.pose_axes,
                                      config.camera_frame_convention), known, base_T_camera,
                        recorded(bag_depth(bag, depth_topic)) if depth_topic else
                        bag_stereo(bag, images.name, right_topic) if right_topic else None,
                        tuple(note for note in (why, runs_in_words(poses)) if note), warnings)


def folder_recording(folder: str | Path, poses: str | Path, camera: str | Path = '',
                     depth: str | Path = '', right: tuple[str | Path, str | Path] | None = None,
                     config: MappingConfig = MappingConfig()) -> Recording:
    """A folder of images with a TUM trajectory; perhaps a camera file, and a folder of depth pictures.

    ``right`` are the folder of the right camera's images of a rectified pair and its camera file.
    """
    images, track = list_images(folder), read_tum(poses)
    # in the order of time, whatever the names
    stamps, images = zip(*sorted(zip(folder_stamps(images, track), images), key=lambda pair: pair[0]))
    path = Path(folder).resolve()
    # every drive has a folder called images, so that one says nothing
    name = path.parent.name if path.name == 'images' else path.name
    intrinsics, base_T_camera = read_camera(camera) if camera else (None, None)
    base_T_camera, doubt = mounted(base_T_camera, config)
    return Recording(name, str(folder), folder_frames(images, stamps), len(images),
                     poses_of_base(track, base_T_camera, config.poses_of, config.pose_axes,
                                   config.camera_frame_convention), intrinsics, base_T_camera,
                     depth=recorded(folder_depth(depth)) if depth else folder_stereo(*right) if right else None,
                     warnings=(doubt,) if doubt else ())


def check_registered(bag: Bag, depth_topic: str, image_topic: str, known: dict) -> None:
    """Raises DataError where a CameraInfo beside the depth says that it shows another view than the images.

    ``known`` are the intrinsics of the images. Depth without a CameraInfo is taken to be registered.
    """
    info = camera_info(bag, depth_topic)
    if info is None or not numbers(info, 'k')[0] > 0:
        return
    try:
        own = calibration(info, depth_topic, (known['width'], known['height']))
    except ConfigError as error:
        raise DataError(f'depth of {depth_topic} in {bag.path} is not registered to {image_topic}: {error}') from None
    size, (fx, _, cx, _, fy, cy, *_) = (known['width'], known['height']), known['K']
    off = np.abs(np.array([own['K'][i] for i in (0, 4, 2, 5)]) - (fx, fy, cx, cy)) / (fx, fy, *size)
    if off.max() > REGISTERED:
        raise DataError(f'depth of {depth_topic} in {bag.path} is not registered to {image_topic}: its camera_info has '
                        f'a focal length of {own["K"][0]:.0f} where that of the images has {fx:.0f} (centre '
                        f'{own["K"][2]:.0f}, {own["K"][5]:.0f} and {cx:.0f}, {cy:.0f}), at {size[0]}x{size[1]}: '
                        'record depth aligned to the images, or map with --triangulate')


def mounted(told: Pose | None, config: MappingConfig, frame: str = '') -> tuple[Pose | None, str]:
    """base_T_camera of the optical frame: the configured one, else what TF or a camera file told of ``frame``; and a
    warning about it, empty if there is none."""
    given = parse_mounting(config.base_T_camera)
    if given is not None or told is None:
        told, frame = given, ''
    return before_the_map(told, config.camera_frame_convention, frame) if told is not None else (None, '')


def _clocks_apart(bag: Bag, images: str, poses: str) -> str:
    """A warning where images and poses that were recorded together have stamps that are apart."""
    ahead = bag.stamps_ahead(images, poses, MOMENTS)
    seconds = float(np.median(ahead)) / 1e9 if ahead else 0.0
    if abs(seconds) < CLOCKS_APART:
        return ''
    return (f'the stamps of {images} are {abs(seconds):.1f} s {"ahead of" if seconds > 0 else "behind"} those of '
            f'{poses} that were recorded at the same time: if their clocks differ, each pose is of another moment')


def recorded(track: PictureTrack) -> Callable[[int, np.ndarray], np.ndarray | None]:
    """Depth that need not be made of the image."""
    return lambda stamp_ns, image: track.at(stamp_ns)
