"""Traversals written to disk as folders or as rosbag2, whole or not at all."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.files import new_folder
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg, encode_png
from dejavu_ros.town.camera import camera_mount
from dejavu_ros.town.config import TownConfig
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal

IMAGE_TOPIC = '/camera/image_raw'
COMPRESSED_TOPIC = '/camera/image_raw/compressed'
CAMERA_INFO_TOPIC = '/camera/camera_info'
RIGHT_TOPIC = '/right/image_raw'
RIGHT_COMPRESSED_TOPIC = '/right/image_raw/compressed'
RIGHT_INFO_TOPIC = '/right/camera_info'
DEPTH_TOPIC = '/camera/depth_registered/image_raw/compressedDepth'
TRUTH_TOPIC = '/ground_truth/odom'
ODOMETRY_TOPIC = '/odom'
MAP, ODOM, BASE, CAMERA = 'map', 'odom', 'base_link', 'camera_optical_frame'
RIGHT_CAMERA = 'right_optical_frame'
JPEG_QUALITY = 92
FARTHEST = 65.535  # metres that a 16-bit picture of millimetres can hold


@dataclasses.dataclass(frozen=True)
class Frame:
    """One moment of a drive: ``rgb`` (H, W, 3) uint8, ``depth`` (H, W) float32 metres, exact and dead-reckoned pose.

    ``right`` is what the second camera sees, None without one.
    """

    stamp_ns: int
    rgb: np.ndarray
    depth: np.ndarray
    map_T_base: Pose
    odom_T_base: Pose
    right: np.ndarray | None = None

    @property
    def seconds(self) -> str:
        """The stamp as text, exact to the nanosecond."""
        return f'{self.stamp_ns // 10**9}.{self.stamp_ns % 10**9:09d}'

    @property
    def millimetres(self) -> bytes:
        """The depth as 16-bit PNG, 0 for the sky and beyond FARTHEST."""
        return encode_png(np.where(self.depth <= FARTHEST, self.depth * 1000, 0).astype(np.uint16))


class Drive:
    """A traversal as its configuration asks for it, rendered frame by frame as it is iterated over."""

    def __init__(self, config: TownConfig):
        self.config = config
        self.town = Town(config.town_seed, config.quarters)
        self.traversal = Traversal(self.town, config.condition, config.traversal_seed)
        self.base_T_camera = camera_mount(config.mount, pitch_deg=config.pitch)
        length = config.length or self.town.road.length
        self.poses = self.traversal.poses(config.start, length, config.metres_per_frame)
        self._renderer = Renderer(self.town, config.width, config.height, config.hfov)

    @property
    def intrinsics(self) -> np.ndarray:
        return self._renderer.intrinsics

    def __enter__(self) -> 'Drive':
        return self

    def __exit__(self, *_) -> None:
        self._renderer.close()

    def __len__(self) -> int:
        return len(self.poses)

    def __iter__(self) -> Iterator[Frame]:
        seconds = self.config.metres_per_frame / self.config.speed
        for index, (pose, odometry) in enumerate(zip(self.poses, self.traversal.odometry(self.poses))):
            rgb, depth = self._renderer.render(self.traversal, pose, self.base_T_camera, index)
            right = self._right(pose, index) if self.config.baseline else None
            stamp_ns = round(self.config.stamp * 1e9) + round(index * seconds * 1e9)
            yield Frame(stamp_ns, rgb, depth, pose, odometry, right)

    def _right(self, map_T_base: Pose, index: int) -> np.ndarray:
        """What the second camera sees; its grain is its own."""
        mount = beside(self.base_T_camera, self.config.baseline)
        return self._renderer.render(self.traversal, map_T_base, mount, index + len(self.poses))[0]


def beside(base_T_camera: Pose, baseline: float) -> Pose:
    """The mounting of a camera that looks the same way from ``baseline`` metres further right."""
    return base_T_camera @ Pose.make((baseline, 0.0, 0.0))


def write_folder(path: str | Path, config: TownConfig, progress=iter) -> int:
    """Write ``images/``, ``depth/``, ``poses.txt`` and ``camera.yaml`` to the new folder ``path``; return the frames.

    Pictures are named by their stamp in seconds. Depth is 16-bit PNG in millimetres along the optical axis, 0 for
    the sky and beyond 65 m. Poses are TUM lines of ``map_T_base``. A second camera adds ``right/`` and ``right.yaml``.
    ``progress`` wraps the drive. Raises DataError where the folder cannot be made, RenderError where nothing can be
    rendered.
    """
    with new_folder(path) as folder, Drive(config) as drive:
        for name in ('images', 'depth', *(('right',) if config.baseline else ())):
            (folder / name).mkdir()
        lines = ['# seconds x y z qx qy qz qw (map_T_base, metres)']
        for frame in progress(drive):
            for name, picture in (('images', frame.rgb), ('right', frame.right)):
                if picture is not None and config.transport == 'compressed':
                    (folder / f'{name}/{frame.seconds}.jpg').write_bytes(encode_jpeg(picture, JPEG_QUALITY))
                elif picture is not None:
                    (folder / f'{name}/{frame.seconds}.png').write_bytes(encode_png(picture))
            (folder / f'depth/{frame.seconds}.png').write_bytes(frame.millimetres)
            numbers = (*frame.map_T_base.position, *frame.map_T_base.quaternion)
            lines.append(' '.join([frame.seconds, *(f'{number:.9f}' for number in numbers)]))
        (folder / 'poses.txt').write_text('\n'.join(lines) + '\n')
        (folder / 'camera.yaml').write_text(yaml.safe_dump(describe(drive), sort_keys=False))
        if config.baseline:
            (folder / 'right.yaml').write_text(yaml.safe_dump(describe(drive, config.baseline), sort_keys=False))
    return len(drive)


def write_bag(path: str | Path, config: TownConfig, progress=iter) -> int:
    """Write a rosbag2 of pictures, CameraInfo, exact and drifting Odometry and the transforms; return the frames.

    Depth and a second camera are there if the configuration says so. ``progress`` wraps the drive. Raises DataError
    where the bag cannot be made, RenderError where nothing can be rendered.
    """
    cameras = {CAMERA: 0.0} | ({RIGHT_CAMERA: config.baseline} if config.baseline else {})
    with BagWriter(path, storage=config.storage) as bag, Drive(config) as drive:
        for index, frame in enumerate(progress(drive)):
            stamp = frame.stamp_ns
            if index == 0:
                bag.transforms(stamp, [(BASE, name, beside(drive.base_T_camera, aside)) for name, aside in
                                       cameras.items()], static=True)
            bag.transforms(stamp, [(MAP, ODOM, frame.map_T_base @ frame.odom_T_base.inverse),
                                   (ODOM, BASE, frame.odom_T_base)])
            bag.odometry(TRUTH_TOPIC, stamp, MAP, BASE, frame.map_T_base)
            bag.odometry(ODOMETRY_TOPIC, stamp, ODOM, BASE, frame.odom_T_base)
            for picture, right in ((frame.rgb, False), (frame.right, True)):
                if picture is not None:
                    _write_picture(bag, drive, stamp, picture, right)
            if config.depth:
                # compressed_depth_image_transport puts 12 bytes before the PNG
                bag.compressed_image(DEPTH_TOPIC, stamp, CAMERA, bytes(12) + frame.millimetres,
                                     '16UC1; compressedDepth png')
    return len(drive)


def _write_picture(bag: BagWriter, drive: Drive, stamp_ns: int, picture: np.ndarray, right: bool) -> None:
    config = drive.config
    raw, compressed, info = ((RIGHT_TOPIC, RIGHT_COMPRESSED_TOPIC, RIGHT_INFO_TOPIC) if right else
                             (IMAGE_TOPIC, COMPRESSED_TOPIC, CAMERA_INFO_TOPIC))
    frame = RIGHT_CAMERA if right else CAMERA
    bag.camera_info(info, stamp_ns, frame, config.width, config.height, drive.intrinsics,
                    config.baseline if right else 0.0)
    if config.transport == 'compressed':
        bag.compressed_image(compressed, stamp_ns, frame, encode_jpeg(picture, JPEG_QUALITY))
    else:
        bag.image(raw, stamp_ns, frame, picture)


def describe(drive: Drive, baseline: float = 0.0) -> dict:
    """The camera in the format of camera_calibration_parsers, with its mount and the drive it was on.

    With a ``baseline`` it is the second one.
    """
    config, K = drive.config, drive.intrinsics
    mount = beside(drive.base_T_camera, baseline)
    return {
        'image_width': config.width, 'image_height': config.height, 'camera_name': RIGHT_CAMERA if baseline else CAMERA,
        'camera_matrix': {'rows': 3, 'cols': 3, 'data': K.ravel().tolist()},
        'distortion_model': 'plumb_bob', 'distortion_coefficients': {'rows': 1, 'cols': 5, 'data': [0.0] * 5},
        'rectification_matrix': {'rows': 3, 'cols': 3, 'data': np.eye(3).ravel().tolist()},
        'projection_matrix': {'rows': 3, 'cols': 4, 'data': np.c_[K, (-K[0, 0] * baseline, 0, 0)].ravel().tolist()},
        'base_T_camera': {'position': mount.position.tolist(), 'quaternion_xyzw': mount.quaternion.tolist()},
        'traversal': dataclasses.asdict(config)}
