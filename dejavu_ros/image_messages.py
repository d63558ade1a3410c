"""sensor_msgs of cameras to arrays. Image and CompressedImage by cv_bridge where it works, else by rosbags-image.

The two differ at the edges (row padding, byte order, rounding of 16 bits, encodings without a colour such as 8UC3), so
these are settled here, and both only ever see plain 8-bit rows without padding.
"""

import functools
import re
import types
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from dejavu_ros.errors import ImageError
from dejavu_ros.file_kinds import HEAD, kind_of
from dejavu_ros.images import decode_values
from dejavu_ros.tones import ToneRange

# encoding as sent -> (encoding as converted, channels, bytes a channel). What OpenCV calls 8UC3 is shown as BGR by
# ROS's own viewers, 8UC1 as grey. 16UC1 and 32FC1 are depth more often than pictures, and are left out.
ENCODINGS = {
    'rgb8': ('rgb8', 3, 1), 'bgr8': ('bgr8', 3, 1), 'rgba8': ('rgba8', 4, 1), 'bgra8': ('bgra8', 4, 1),
    'mono8': ('mono8', 1, 1), '8UC1': ('mono8', 1, 1), '8UC3': ('bgr8', 3, 1), '8UC4': ('bgra8', 4, 1),
    'rgb16': ('rgb8', 3, 2), 'bgr16': ('bgr8', 3, 2), 'rgba16': ('rgba8', 4, 2), 'bgra16': ('bgra8', 4, 2),
    'mono16': ('mono8', 1, 2),
    'yuv422': ('yuv422', 2, 1), 'uyvy': ('yuv422', 2, 1), 'yuv422_yuy2': ('yuv422_yuy2', 2, 1),
    'yuyv': ('yuv422_yuy2', 2, 1),
    **{f'bayer_{order}{8 * size}': (f'bayer_{order}8', 1, size)
       for order in ('rggb', 'bggr', 'gbrg', 'grbg') for size in (1, 2)}}
DEPTH = '16UC1', '32FC1', '16uc1', '32fc1'
VIDEO = re.compile(r'\b(h\.?26[3-6]|x26[45]|hevc|avc1?|av1|vp[89]|mpeg-?[124]|mp4|theora|webm)\b')
START_CODE = re.compile(b'\x00{2,3}\x01')  # before each unit of an H.264 or H.265 stream


def image_from_message(message: Any, tones: ToneRange | None = None) -> np.ndarray:
    """Image or CompressedImage, of rclpy or rosbags, to (H, W, 3) uint8 RGB; ``tones`` is that of its topic.

    Without it, a picture of 16 bits is scaled by its own values. Raises ImageError for an unknown encoding, a size that
    is zero or odd where pixels share their colour, a step or data too short for it, and for compressed data that is
    damaged, cut short, depth or a part of a video stream.
    """
    if hasattr(message, 'format'):
        return _decompressed(message, tones or ToneRange())
    return _converter()(_plain(message, tones or ToneRange()))


def _decompressed(message: Any, tones: ToneRange) -> np.ndarray:
    """What compressed_image_transport has made: ``ENCODING; CODEC compressed TARGET``.

    The picture was converted to TARGET before it was compressed, or, without one, compressed as it was.
    """
    kind, data = message.format.lower(), bytes(_bytes(message.data))
    encoding, semicolon, rest = (part.strip() for part in kind.partition(';'))
    target = rest.partition('compressed')[2].strip()
    if 'compresseddepth' in kind or encoding in DEPTH and not target:
        raise ImageError(_is_depth(f'compressed image of format {message.format!r}'))
    video = _video(kind, data)
    if video:
        raise ImageError(f'compressed image ({message.format}) is part of a video stream ({video}), which is not read: '
                         'decode it once, to a topic of pictures by the image_transport that recorded it (ros2 run '
                         'image_transport republish), or to files by ffmpeg, and take those')
    values = decode_values(data, f'compressed image ({message.format})')
    if values.dtype == np.uint16:
        values = tones.to_8bit(values)
    if values.ndim == 2:
        mosaic = encoding in ENCODINGS and encoding.startswith('bayer_') and (not target or target.startswith('bayer_'))
        height, width = values.shape
        return _converter()(types.SimpleNamespace(
            height=height, width=width, step=width, is_bigendian=0, data=np.ascontiguousarray(values).reshape(-1),
            encoding=ENCODINGS[encoding][0] if mosaic else 'mono8'))
    # codecs take red for blue in what was not converted
    swapped = semicolon and encoding.startswith('rgb') and 'bgr' not in target
    return np.ascontiguousarray(values) if swapped else cv2.cvtColor(values, cv2.COLOR_BGR2RGB)


def _is_depth(what: str) -> str:
    """What to do about a message that a person took for a picture."""
    kind = what.lower()
    thermal = '' if '16uc1' not in kind or 'compresseddepth' in kind else (
        '. If it is a thermal camera, have its driver or a relay call the encoding mono16: the numbers stay the same, '
        'and are shown in the range that they use')
    return f'{what} holds depth, not a picture: choose the topic of the pictures{thermal}'


def _video(kind: str, data: bytes) -> str:
    """The codec of a video stream, by the format's name or the first bytes; empty for a picture."""
    if data[:2] == b'\xff\xd8' or data[:4] == b'\x89PNG':
        return ''
    named = VIDEO.search(kind)
    if named:
        return named.group()
    start = START_CODE.match(data)
    if start:
        return 'h265' if data[start.end():][:1] in (b'\x40', b'\x42', b'\x44', b'\x46') else 'h264'
    if data[:2] == b'\x12\x00':  # a temporal delimiter
        return 'av1'
    found = kind_of(data[:HEAD])
    return found if 'video' in found else ''


def _plain(message: Any, tones: ToneRange) -> types.SimpleNamespace:
    """The same picture as 8-bit rows without padding."""
    height, width, step = message.height, message.width, message.step
    try:
        encoding, channels, size = ENCODINGS[message.encoding]
    except KeyError:
        if message.encoding in DEPTH:
            raise ImageError(_is_depth(f'image of {message.encoding}')) from None
        raise ImageError(f'image encoding {message.encoding!r} is not supported; supported are: '
                         f'{", ".join(ENCODINGS)}') from None
    if not height or not width:
        raise ImageError(f'image is empty: {width}x{height}')
    if width % 2 and encoding.startswith('yuv'):
        raise ImageError(f'image of {message.encoding} must be of even width, got {width}x{height}')
    row = width * channels * size
    if step < row:
        raise ImageError(f'image step {step} is too small: {width} pixels of {message.encoding} need {row} bytes a row')
    data = np.frombuffer(_bytes(message.data), np.uint8)
    # the last row may come without its padding
    needed = step * (height - 1) + row
    if len(data) < needed:
        raise ImageError(f'image data is too short: {width}x{height} {message.encoding} with step {step} needs '
                         f'{needed} bytes, got {len(data)}')
    pixels = np.lib.stride_tricks.as_strided(data, (height, row), (step, 1))
    if size == 2:
        wide = np.ascontiguousarray(pixels).view('>u2' if message.is_bigendian else '<u2').astype(np.uint16)
        pixels = tones.to_8bit(wide)
    return types.SimpleNamespace(height=height, width=width, step=width * channels, is_bigendian=0, encoding=encoding,
                                 data=np.array(pixels, order='C').reshape(-1))  # a copy: nobody's buffer is shared


def _bytes(data: Any) -> Any:
    """Message bytes as a buffer: rclpy has array.array, rosbags ndarray."""
    return bytes(data) if isinstance(data, list) else memoryview(data)


@functools.cache
def _converter() -> Callable[[Any], np.ndarray]:
    """The first converter that turns a known picture right: installed cv_bridges need not fit the NumPy at hand."""
    for make in (_cv_bridge, _rosbags_image):
        try:
            convert = make()
            probe = types.SimpleNamespace(height=1, width=2, step=6, is_bigendian=0, encoding='bgr8',
                                          data=np.arange(6, dtype=np.uint8))
            if (convert(probe) == [[[2, 1, 0], [5, 4, 3]]]).all():
                return convert
        except Exception:  # a mismatched binary fails in ways of its own
            continue
    raise ImageError('no image converter works here: install rosbags-image, or repair cv_bridge')


def _cv_bridge() -> Callable[[Any], np.ndarray]:
    from cv_bridge import CvBridge

    bridge = CvBridge()
    return lambda message: np.ascontiguousarray(bridge.imgmsg_to_cv2(message, 'rgb8'))


def _rosbags_image() -> Callable[[Any], np.ndarray]:
    from rosbags.image import message_to_cvimage

    return lambda message: np.ascontiguousarray(message_to_cvimage(message, 'rgb8'))
