"""Images as arrays: (H, W, 3) uint8 RGB everywhere in this package."""

import io
import os
import re
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Header

from dejavu_ros.errors import ImageError
from dejavu_ros.file_kinds import HEAD, kind_of
from dejavu_ros.tones import ToneRange

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.ppm', '.tif', '.tiff', '.webp')
FORMATS = 'BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'SUN', 'TIFF', 'WEBP'
# within the data of a scan, 0xff is followed by 0 or by the number of a restart; a marker may be filled up by 0xff
JPEG_MARKER = re.compile(rb'\xff[\x01-\xcf\xd8-\xfe]')
JPEG_START, JPEG_END = 0xd8, 0xd9
MAX_PIXELS = 1 << 26  # of an image; a few bytes can claim to be any number, and would fill the memory

# what OpenCV warns of while it decodes is raised as ImageError, with the name of the image
if hasattr(cv2.utils, 'logging') and 'OPENCV_LOG_LEVEL' not in os.environ:  # older ones cannot be told
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


def decode_image(data: bytes, name: str = 'image', tones: ToneRange | None = None) -> np.ndarray:
    """Decode data in one of FORMATS to (H, W, 3) uint8 RGB; ``tones`` is that of the stream of a picture of 16 bits.

    Without it, such a picture is scaled by its own values. Raises ImageError as :func:`decode_values` does.
    """
    values = decode_values(data, name)
    if values.dtype == np.uint16:
        values = (tones or ToneRange()).to_8bit(values)
    return cv2.cvtColor(values, cv2.COLOR_GRAY2RGB if values.ndim == 2 else cv2.COLOR_BGR2RGB)


def decode_values(data: bytes, name: str = 'image') -> np.ndarray:
    """Decode data in one of FORMATS to (H, W) grey or (H, W, 3) BGR, uint8 or uint16 as they are stored.

    Raises ImageError for data that is empty, not an image, larger than MAX_PIXELS or cut short. OpenCV fills the
    missing part of a cut JPEG with grey and says nothing, hence the look for its end marker; what comes behind it does
    no harm.
    """
    if not len(data):
        raise ImageError(f'{name} is empty')
    data = bytes(data)
    if data[:2] == b'\xff\xd8' and not _jpeg_ends(data):
        raise ImageError(f'{name} is a JPEG cut short: its end marker is missing after {len(data)} bytes')
    check_size(data, name)
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise ImageError(f'{name} cannot be decoded: {error.err}') from None
    if values is None:
        raise ImageError(_no_image(data, name))
    if values.dtype not in (np.uint8, np.uint16):
        raise ImageError(f'{name} holds numbers ({values.dtype}), as depth does, not a picture')
    return values


def _jpeg_ends(data: bytes) -> bool:
    """Whether a JPEG has its end marker; those of a thumbnail within it, or of pictures behind it, are not its own."""
    at = 2
    while True:
        marker = JPEG_MARKER.search(data, at)
        if marker is None:
            return False
        at, code = marker.end(), data[marker.end() - 1]
        if code == JPEG_END:
            return True
        if code != JPEG_START and code != 0x01:  # all others are followed by their length
            at += int.from_bytes(data[at:at + 2], 'big')


def _no_image(data: bytes, name: str) -> str:
    kind = kind_of(data[:HEAD])
    what = f'{kind}, damaged or cut short' if kind.endswith(' picture') else kind
    return f'{name} is no image that can be decoded ({len(data)} bytes): it is {what}'


def check_size(data: bytes, name: str) -> None:
    """Raise ImageError for what is no image, or says that it has over MAX_PIXELS; reads its header only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # only the size is wanted here
            width, height = Header.open(io.BytesIO(data), formats=FORMATS).size
    except Header.DecompressionBombError:
        raise ImageError(f'{name} is refused: it claims to be larger than {MAX_PIXELS:,} pixels') from None
    except Exception:  # its readers of headers raise whatever they stumble over
        raise ImageError(_no_image(data, name)) from None
    if width * height > MAX_PIXELS:
        raise ImageError(f'{name} is refused: it claims to be {width}x{height}, more than {MAX_PIXELS:,} pixels')


def load_image(path: str | Path, tones: ToneRange | None = None) -> np.ndarray:
    """Read a file to (H, W, 3) uint8 RGB as :func:`decode_image` does, with its ImageError and one for no file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f'image {path} cannot be read: {error.strerror}') from None
    return decode_image(data, str(path), tones)


def encode_jpeg(image: np.ndarray, quality: int = 90) -> bytes:
    """(H, W, 3) uint8 RGB to JPEG."""
    done, data = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError(f'an image of shape {image.shape} cannot be encoded as JPEG')
    return data.tobytes()


def encode_png(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB, (H, W) uint8 or uint16 to PNG."""
    done, data = cv2.imencode('.png', cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image)
    if not done:
        raise ImageError(f'an image of shape {image.shape} cannot be encoded as PNG')
    return data.tobytes()


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W, 3) without regard to aspect; area filter where it shrinks, so that nothing aliases."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = width < image.shape[1] and height < image.shape[0]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def check_informative(image: np.ndarray, min_deviation: float = 2.0) -> None:
    """Raise ImageError for a frame that shows nothing: black, white or of one tone (lens cap, lost exposure).

    ``min_deviation`` is the standard deviation of the grey values below which a frame counts as empty.
    """
    grey = cv2.cvtColor(resize(image, 64, 48), cv2.COLOR_RGB2GRAY)
    mean, deviation = float(grey.mean()), float(grey.std())
    if deviation < min_deviation:
        tone = 'black' if mean < 16 else 'white' if mean > 240 else 'of one tone'
        raise ImageError(f'the frame is {tone} (mean {mean:.0f}, deviation {deviation:.1f} of 255): '
                         'is the lens covered?')
