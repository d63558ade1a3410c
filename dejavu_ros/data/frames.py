"""Frames of one camera in their order, each decoded only when it is asked for."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dejavu_ros.data.bags import Bag, Topic, frame_of
from dejavu_ros.image_messages import calibration, image_from_message
from dejavu_ros.images import load_image

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
INFO_TYPES = ('sensor_msgs/msg/CameraInfo',)


@dataclasses.dataclass(frozen=True)
class Frame:
    """One image to be: ``name`` for people, ``frame_id`` of the camera's optical frame and ``topic``, if known.

    ``pose_stamp_ns`` is the stamp by which its pose is asked for, where that is another: see
    :mod:`dejavu_ros.data.frames_in_runs`.
    """

    name: str
    stamp_ns: int
    frame_id: str
    decode: Callable[[], np.ndarray]
    topic: str = ''
    pose_stamp_ns: int | None = None

    @property
    def asked_ns(self) -> int:
        """The stamp by which its pose is asked for."""
        return self.stamp_ns if self.pose_stamp_ns is None else self.pose_stamp_ns

    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB. Raises ImageError."""
        return self.decode()


def find_image_topic(bag: Bag, name: str) -> Topic:
    """The topic ``name``, or the only one with images; raises DataError, naming the topics there."""
    return bag.find(IMAGE_TYPES, 'images', name, '--image-topic')


def bag_frames(bag: Bag, *topics: str, beside: str = '',
               seen: Callable[[int, Any], None] | None = None) -> Iterator[Frame]:
    """The images of one or more topics in the order of recording; one is in memory at a time.

    ``seen`` is called with stamp (ns) and message of what was recorded between them on the topic ``beside``.
    """
    numbers = itertools.count()
    for name, stamp, message in bag.messages([*topics, beside] if beside else topics):
        if name == beside:
            seen(stamp, message)
            continue
        decode = functools.partial(image_from_message, message)
        yield Frame(f'{name} #{next(numbers)}', stamp, frame_of(message), decode, name)


def folder_frames(images: Iterable[Path], stamps_ns: Iterable[int]) -> Iterator[Frame]:
    """Image files with their stamps."""
    for path, stamp in zip(images, stamps_ns, strict=True):
        yield Frame(str(path), stamp, '', functools.partial(load_image, path))


def intrinsics(bag: Bag, image_topic: str) -> dict | None:
    """How the camera of an image topic sees: ``width``, ``height``, ``K``, ``D``, ``model``; None if nothing tells."""
    info = camera_info(bag, image_topic)
    known = calibration(info, image_topic) if info else None
    return known if known and known['K'][0] > 0 else None  # zeros mean uncalibrated


def camera_info(bag: Bag, image_topic: str) -> Any | None:
    """The first CameraInfo beside an image topic; None if there is none."""
    parts = image_topic.split('/')
    for cut in (1, 2):  # beside /cam/image_raw, and of /cam/image_raw/compressed
        topic = bag.topics.get('/'.join([*parts[:-cut], 'camera_info']))
        if topic and topic.type in INFO_TYPES and topic.count:
            return next(bag.messages([topic.name]))[2]
    return None
