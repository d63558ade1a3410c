"""Frames of one camera in their order, each decoded only when it is asked for."""

import contextlib
import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dejavu_ros.data.bags import Bag, Topic, frame_of
from dejavu_ros.errors import ConfigError, DataError, ImageError
from dejavu_ros.image_messages import image_from_message
from dejavu_ros.images import load_image
from dejavu_ros.intrinsics import calibration, numbers
from dejavu_ros.tones import ToneRange

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
VIDEO_TYPES = ('foxglove_msgs/msg/CompressedVideo', 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket',
               'theora_image_transport/msg/Packet')
SAMPLES = 16  # pictures of a camera that tell what it uses of 16 bits
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
    topics = (bag.topics.get(name) or bag.topics.get(f'/{name}'),) if name else bag.topics.values()
    videos = [str(topic) for topic in topics if topic and topic.type in VIDEO_TYPES and topic.count]
    if videos and (name or not any(topic.type in IMAGE_TYPES and topic.count for topic in bag.topics.values())):
        raise DataError(f'{", ".join(videos)} of bag {bag.path} holds a video stream, which is not read: decode it '
                        'once to Image or CompressedImage (ros2 run image_transport republish, with the transport that '
                        'recorded it), record that topic and take it')
    return bag.find(IMAGE_TYPES, 'images', name, '--image-topic')


def bag_frames(bag: Bag, *topics: str, beside: str = '',
               seen: Callable[[int, Any], None] | None = None) -> Iterator[Frame]:
    """The images of one or more topics in the order of recording; one is in memory at a time.

    ``seen`` is called with stamp (ns) and message of what was recorded between them on the topic ``beside``.
    """
    for name in topics:
        if name not in bag.streams:
            bag.streams[name] = _Stream(f'{name} of {bag.path}', image_from_message,
                                        functools.partial(bag.sample, name, SAMPLES))
    numbers = itertools.count()
    for name, stamp, message in bag.messages([*topics, beside] if beside else topics):
        if name == beside:
            seen(stamp, message)
            continue
        decode = functools.partial(bag.streams[name], message)
        yield Frame(f'{name} #{next(numbers)}', stamp, frame_of(message), decode, name)


def folder_frames(images: Iterable[Path], stamps_ns: Iterable[int]) -> Iterator[Frame]:
    """Image files with their stamps."""
    images = list(images)
    decode = _Stream(str(images[0].parent) if images else '', load_image,
                     lambda: images[::len(images) // SAMPLES + 1])
    for path, stamp in zip(images, stamps_ns, strict=True):
        yield Frame(str(path), stamp, '', functools.partial(decode, path))


class _Stream:
    """Decodes the pictures of one camera; if they are of 16 bits, by what a sample of all of them uses of these."""

    def __init__(self, name: str, decode: Callable[[Any, ToneRange], np.ndarray], sample: Callable[[], Iterable[Any]]):
        self.name, self.decode, self.sample, self.tones = name, decode, sample, ToneRange()

    def __call__(self, item: Any) -> np.ndarray:
        image = self.decode(item, self.tones)
        if not self.tones.used or self.tones.fixed:
            return image
        self.tones = ToneRange()
        for other in self.sample():
            with contextlib.suppress(ImageError):
                self.decode(other, self.tones)
        if not self.tones.used:
            self.decode(item, self.tones)
        self.tones.fixed = True
        logging.getLogger(__name__).warning('%s: 16 bits a pixel, of which %.0f is shown as black and %.0f as white',
                                            self.name, self.tones.black, self.tones.white)
        return self.decode(item, self.tones)


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
