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
TRUTH_TOPIC = '/ground_truth/odom'
ODOMETRY_TOPIC = '/odom'
MAP, ODOM, BASE, CAMERA = 'map', 'odom', 'base_link', 'camera_optical_frame'
JPEG_QUALITY = 92
FARTHEST = 65.535  # metres that a 16-bit picture of millimetres can hold


@dataclasses.dataclass(frozen=True)
class Frame:
    """One moment of a drive: ``rgb`` (H, W, 3) uint8, ``depth`` (H, W) float32 metres, exact and dead-reckoned pose."""

    stamp_ns: int
    rgb: np.ndarray
    depth: np.ndarray
    map_T_base: Pose
    odom_T_base: Pose

    @property
    def seconds(self) -> str:
        """The stamp as text, exact to the nanosecond."""
        return f'{self.stamp_ns // 10**9}.{self.stamp_ns % 10**9:09d}'


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
            yield Frame(round(self.config.stamp * 1e9) + round(index * seconds * 1e9), rgb, depth, pose, odometry)


def write_folder(path: str | Path, config: TownConfig, progress=iter) -> int:
    """Write ``images/``, ``depth/``, ``poses.txt`` and ``camera.yaml`` to the new folder ``path``; return the frames.

    Pictures are named by their stamp in seconds. Depth is 16-bit PNG in millimetres along the optical axis, 0 for
    the sky and beyond 65 m. Poses are TUM lines of ``map_T_base``. ``progress`` wraps the drive. Raises DataError
    where the folder cannot be made, RenderError where nothing can be rendered.
    """
    with new_folder(path) as folder, Drive(config) as drive:
        (folder / 'images').mkdir()
        (folder / 'depth').mkdir()
        lines = ['# seconds x y z qx qy qz qw (map_T_base, metres)']
        for frame in progress(drive):
            if config.transport == 'compressed':
                (folder / f'images/{frame.seconds}.jpg').write_bytes(encode_jpeg(frame.rgb, JPEG_QUALITY))
            else:
                (folder / f'images/{frame.seconds}.png').write_bytes(encode_png(frame.rgb))
            millimetres = np.where(frame.depth <= FARTHEST, frame.depth * 1000, 0).astype(np.uint16)
            (folder / f'depth/{frame.seconds}.png').write_bytes(encode_png(millimetres))
            numbers = (*frame.map_T_base.position, *frame.map_T_base.quaternion)
            lines.append(' '.join([frame.seconds, *(f'{number:.9f}' for number in numbers)]))
        (folder / 'poses.txt').write_text('\n'.join(lines) + '\n')
        (folder / 'camera.yaml').write_text(yaml.safe_dump(describe(drive), sort_keys=False))
    return len(drive)


def write_bag(path: str | Path, config: TownConfig, progress=iter) -> int:
    """Write a rosbag2 of pictures, CameraInfo, exact and drifting Odometry and the transforms; return the frames.

    ``progress`` wraps the drive. Raises DataError where the bag cannot be made, RenderError where nothing can be
    rendered.
    """
    with BagWriter(path, storage=config.storage) as bag, Drive(config) as drive:
        for index, frame in enumerate(progress(drive)):
            stamp = frame.stamp_ns
            if index == 0:
                bag.transforms(stamp, [(BASE, CAMERA, drive.base_T_camera)], static=True)
            bag.transforms(stamp, [(MAP, ODOM, frame.map_T_base @ frame.odom_T_base.inverse),
                                   (ODOM, BASE, frame.odom_T_base)])
            bag.odometry(TRUTH_TOPIC, stamp, MAP, BASE, frame.map_T_base)
            bag.odometry(ODOMETRY_TOPIC, stamp, ODOM, BASE, frame.odom_T_base)
            bag.camera_info(CAMERA_INFO_TOPIC, stamp, CAMERA, config.width, config.height, drive.intrinsics)
            if config.transport == 'compressed':
                bag.compressed_image(COMPRESSED_TOPIC, stamp, CAMERA, encode_jpeg(frame.rgb, JPEG_QUALITY))
            else:
                bag.image(IMAGE_TOPIC, stamp, CAMERA, frame.rgb)
    return len(drive)


def describe(drive: Drive) -> dict:
    """The camera in the format of camera_calibration_parsers, with its mount and the drive it was on."""
    config, K = drive.config, drive.intrinsics
    return {
        'image_width': config.width, 'image_height': config.height, 'camera_name': CAMERA,
        'camera_matrix': {'rows': 3, 'cols': 3, 'data': K.ravel().tolist()},
        'distortion_model': 'plumb_bob', 'distortion_coefficients': {'rows': 1, 'cols': 5, 'data': [0.0] * 5},
        'rectification_matrix': {'rows': 3, 'cols': 3, 'data': np.eye(3).ravel().tolist()},
        'projection_matrix': {'rows': 3, 'cols': 4, 'data': np.c_[K, np.zeros(3)].ravel().tolist()},
        'base_T_camera': {'position': drive.base_T_camera.position.tolist(),
                          'quaternion_xyzw': drive.base_T_camera.quaternion.tolist()},
        'traversal': dataclasses.asdict(config)}
