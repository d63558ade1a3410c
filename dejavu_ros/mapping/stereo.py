"""Depth of a recording that has a second camera beside the first: a rectified pair."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dejavu_ros.data.bags import Bag
from dejavu_ros.data.camera_file import read_camera, read_projection
from dejavu_ros.data.depth import PictureTrack, stamped_files
from dejavu_ros.data.frames import bag_frames, camera_info, find_image_topic
from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.images import load_image
from dejavu_ros.intrinsics import calibration, is_rectified, numbers, resized
from dejavu_ros.sixdof.stereo import depth_from_stereo

TOGETHER_NS = 5_000_000  # between the two pictures of a pair, at most: at 10 m/s they are 5 cm apart then
SIDEWAYS = 0.05  # share of the baseline by which the right camera may be higher or farther ahead


class StereoDepth:
    """Depth as the left camera sees it, of pairs with the pictures of the right one."""

    def __init__(self, right: PictureTrack, P: np.ndarray, intrinsics: Mapping, name: str):
        """``P`` (12,) of the right camera as in CameraInfo; ``intrinsics`` of its pictures; ``name`` is for people.

        Raises DataError where P tells no baseline.
        """
        self.right, self.name, self.intrinsics = right, name, intrinsics
        focal, across, down, ahead = P[0], P[3], P[7], P[11]
        if focal <= 0 or not across:
            raise DataError(f'{name}: its P tells no baseline: it must be that of the right camera of a rectified pair')
        self.baseline = -across / focal
        if self.baseline < 0:
            raise DataError(f'{name} is the left camera by its P: exchange the two')
        if max(abs(down / focal), abs(ahead)) > SIDEWAYS * self.baseline:
            raise DataError(f'{name}: by its P the cameras are not side by side, as those of a rectified pair are')

    def __call__(self, stamp_ns: int, left: np.ndarray) -> np.ndarray | None:
        """(H, W) float32 metres of the left picture (H, W, 3) taken then, 0 where not known; None without its other.

        Raises DataError for pictures of two sizes or not of the calibrated shape, ImageError where the right one is
        damaged.
        """
        right = self.right.at(stamp_ns)
        if right is None:
            return None
        if left.shape != right.shape:
            raise DataError(f'{self.name} has pictures of {right.shape[1]}x{right.shape[0]}, the left camera of '
                            f'{left.shape[1]}x{left.shape[0]}: a rectified pair has one size')
        height, width, _ = left.shape
        try:
            focal = resized(self.intrinsics, width, height)['K'][0]
        except ConfigError as error:
            raise DataError(f'{self.name}: {error}') from None
        return depth_from_stereo(left, right, focal, self.baseline)


def bag_stereo(bag: Bag, left_topic: str, right_topic: str) -> StereoDepth:
    """Of two image topics with their CameraInfo. Raises DataError."""
    right_topic = find_image_topic(bag, right_topic).name
    infos = {topic: camera_info(bag, topic) for topic in (left_topic, right_topic)}
    for topic, info in infos.items():
        if info is None:
            raise DataError(f'bag {bag.path} has no camera_info beside {topic}: both cameras of a pair need theirs')
        if not is_rectified(topic) and not needs_no_rectifying(info):
            raise DataError(f'{topic} of bag {bag.path} is not rectified: record image_rect of stereo_image_proc, or '
                            'map with --triangulate')
    track = PictureTrack(((frame.stamp_ns, frame.image) for frame in bag_frames(bag, right_topic)), TOGETHER_NS)
    info = infos[right_topic]
    name = f'{right_topic} of {bag.path}'
    try:
        return StereoDepth(track, numbers(info, 'p'), calibration(info, right_topic), name)
    except ConfigError as error:
        raise DataError(f'{name}: {error}') from None


def needs_no_rectifying(info: Any) -> bool:
    """Whether a CameraInfo says that its raw images are those of a rectified camera."""
    P, K = numbers(info, 'p').reshape(3, 4), numbers(info, 'k').reshape(3, 3)
    return not numbers(info, 'd').any() and np.allclose(numbers(info, 'r').reshape(3, 3), np.eye(3), atol=1e-6) and \
        np.allclose(P[:, :3], K, rtol=1e-3)


def folder_stereo(folder: str | Path, camera: str | Path) -> StereoDepth:
    """Of a folder with the right camera's pictures, named by their stamps, and its camera file.

    Raises ConfigError, DataError.
    """
    track = PictureTrack(((stamp, functools.partial(load_image, path)) for stamp, path in stamped_files(folder)),
                         TOGETHER_NS)
    P = np.array(read_projection(camera))
    rectified = {**read_camera(camera)[0], 'K': P.reshape(3, 4)[:, :3].ravel().tolist(), 'D': [], 'model': ''}
    return StereoDepth(track, P, rectified, str(camera))
