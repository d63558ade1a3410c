"""Pictures that were recorded beside images, such as depth: of a topic, or in a folder."""

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dejavu_ros.data.bags import Bag
from dejavu_ros.data.folders import image_stamps, list_images
from dejavu_ros.errors import DataError, ImageError

TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
APART_NS = 50_000_000  # between an image and what belongs to it, at most
COMPRESSED_HEADER = 12  # bytes that compressed_depth_image_transport puts before the PNG


class PictureTrack:
    """Pictures over time, read as far as they are asked for: images must be asked for in their order."""

    def __init__(self, frames: Iterable[tuple[int, Callable[[], np.ndarray]]], apart_ns: int = APART_NS):
        """``frames`` are stamps (ns), ascending, and what decodes the picture there."""
        self._frames, self._apart_ns = iter(frames), apart_ns
        self._pair = [next(self._frames, None), next(self._frames, None)]  # around where we are

    def at(self, stamp_ns: int) -> np.ndarray | None:
        """The picture nearest to a stamp; None if there is none so near."""
        while self._pair[1] is not None and self._pair[1][0] <= stamp_ns:
            self._pair = [self._pair[1], next(self._frames, None)]
        known = [frame for frame in self._pair if frame is not None and abs(frame[0] - stamp_ns) <= self._apart_ns]
        return min(known, key=lambda frame: abs(frame[0] - stamp_ns))[1]() if known else None


def bag_depth(bag: Bag, topic: str) -> PictureTrack:
    """Depth of a topic, registered to the images: (h, w) float32 metres, 0 where not known.

    Raises DataError where the bag has no such topic.
    """
    found = bag.find(TYPES, 'depth', topic, '--depth-topic')

    def frames() -> Iterator[tuple[int, Callable[[], np.ndarray]]]:
        for _, stamp, message in bag.messages([found.name]):
            yield stamp, lambda message=message: depth_from_message(message)

    return PictureTrack(frames())


def folder_depth(folder: str | Path) -> PictureTrack:
    """16-bit PNG files in millimetres, named by their stamps, as :func:`bag_depth`. Raises DataError."""
    return PictureTrack((stamp, functools.partial(_load_depth, path)) for stamp, path in stamped_files(folder))


def stamped_files(folder: str | Path) -> list[tuple[int, Path]]:
    """Pictures with the stamps (ns) that they are named by, ascending. Raises DataError."""
    files = list_images(folder)
    stamps = image_stamps(files)
    if stamps is None:
        raise DataError(f'{folder}: pictures beside images must be named by their stamps, as {files[0].name} is not')
    return sorted(zip(stamps, files))


def _load_depth(path: Path) -> np.ndarray:
    return decode_depth(path.read_bytes(), str(path))


def depth_from_message(message: Any) -> np.ndarray:
    """Image (16UC1 in millimetres, 32FC1 in metres) or compressedDepth of 16UC1 to (h, w) float32 metres.

    Raises ImageError for others, and for data that are cut short.
    """
    if hasattr(message, 'format'):
        if '16uc1' not in message.format.lower():
            raise ImageError(f'compressed depth of format {message.format!r} is not supported: 16UC1 as PNG is')
        start = COMPRESSED_HEADER if 'compresseddepth' in message.format.lower() else 0
        return decode_depth(bytes(message.data)[start:], f'depth ({message.format})')
    kinds = {'16UC1': ('u2', 1e-3), 'mono16': ('u2', 1e-3), '32FC1': ('f4', 1.0)}
    if message.encoding not in kinds:
        raise ImageError(f'depth of encoding {message.encoding!r} is not supported; supported are: {", ".join(kinds)}')
    kind, unit = kinds[message.encoding]
    kind = np.dtype(('>' if message.is_bigendian else '<') + kind)
    data = np.frombuffer(bytes(message.data), np.uint8)
    if message.step < message.width * kind.itemsize or len(data) < message.height * message.step:
        raise ImageError(f'depth image is cut short: {len(data)} bytes for {message.width}x{message.height}')
    rows = data[:message.height * message.step].reshape(message.height, message.step)
    depth = np.ascontiguousarray(rows[:, :message.width * kind.itemsize]).view(kind).astype(np.float32) * unit
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32)


def decode_depth(data: bytes, name: str) -> np.ndarray:
    """A 16-bit PNG in millimetres to (h, w) float32 metres. Raises ImageError for anything else."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if image is None or image.dtype != np.uint16 or image.ndim != 2:
        raise ImageError(f'{name} is no 16-bit grey PNG, which depth in millimetres must be')
    return image.astype(np.float32) / 1000
