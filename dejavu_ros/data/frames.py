"""Frames of one camera in their order, each decoded only when it is asked for."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dejavu_ros.data.bags import Bag, Topic, frame_of
from dejavu_ros.errors import ConfigError, DataError, ImageError
from dejavu_ros.image_messages import image_from_message
from dejavu_ros.images import load_image
from dejavu_ros.intrinsics import calibration, numbers

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
INFO_TYPES = ('sensor_msgs/msg/CameraInfo',)


@dataclasses.dataclass(frozen=True)
class Frame:
    """One image to be: ``name`` for people, ``frame_id`` of the camera's optical frame and ``topic``, if known."""

    name: str
    stamp_ns: int
    frame_id: str
    decode: Callable[[], np.ndarray]
    topic: str = ''

    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB. Raises ImageError."""
        return self.decode()


def find_image_topic(bag: Bag, name: str) -> Topic:
    """The topic ``name``, or the only one with images; raises DataError, naming the topics there."""
    return bag.find(IMAGE_TYPES, 'images', name, '--image-topic')


def bag_frames(bag: Bag, *topics: str) -> Iterator[Frame]:
    """The images of one or more topics in the order of recording; one is in memory at a time."""
    for number, (name, stamp, message) in enumerate(bag.messages(topics)):
        yield Frame(f'{name} #{number}', stamp, frame_of(message), functools.partial(image_from_message, message), name)


def folder_frames(images: Iterable[Path], stamps_ns: Iterable[int]) -> Iterator[Frame]:
    """Image files with their stamps."""
    for path, stamp in zip(images, stamps_ns, strict=True):
        yield Frame(str(path), stamp, '', functools.partial(load_image, path))


def intrinsics(bag: Bag, image_topic: str) -> dict | None:
    """How the camera of an image topic sees: ``width``, ``height``, ``K``, ``D``, ``model``; None if nothing tells.

    It is that of the topic's pictures, which may be binned, cut or smaller than the sensor. Raises DataError where
    their size does not fit what the CameraInfo says.
    """
    info = camera_info(bag, image_topic)
    if info is None or not numbers(info, 'k')[0] > 0:  # zeros mean uncalibrated
        return None
    try:
        return calibration(info, image_topic, first_size(bag_frames(bag, image_topic)))
    except ConfigError as error:
        raise DataError(f'camera_info of {image_topic} in {bag.path}: {error}') from None


def first_size(frames: Iterable[Frame]) -> tuple[int, int] | None:
    """Width and height of the first picture that can be decoded; None where there is none."""
    for frame in frames:
        try:
            height, width, _ = frame.image().shape
            return width, height
        except ImageError:
            continue
    return None


def camera_info(bag: Bag, image_topic: str) -> Any | None:
    """The first CameraInfo beside an image topic; None if there is none."""
    parts = image_topic.split('/')
    for cut in (1, 2):  # beside /cam/image_raw, and of /cam/image_raw/compressed
        topic = bag.topics.get('/'.join([*parts[:-cut], 'camera_info']))
        if topic and topic.type in INFO_TYPES and topic.count:
            return next(bag.messages([topic.name]))[2]
    return None
