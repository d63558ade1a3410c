"""Images as arrays: (H, W, 3) uint8 RGB everywhere in this package."""

import io
import os
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Header

from dejavu_ros.errors import ImageError

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.ppm', '.tif', '.tiff', '.webp')
FORMATS = 'BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'SUN', 'TIFF', 'WEBP'
MAX_PIXELS = 1 << 26  # of an image; a few bytes can claim to be any number, and would fill the memory

# what OpenCV warns of while it decodes is raised as ImageError, with the name of the image
if hasattr(cv2.utils, 'logging') and 'OPENCV_LOG_LEVEL' not in os.environ:  # older ones cannot be told
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


def decode_image(data: bytes, name: str = 'image') -> np.ndarray:
    """Decode data in one of FORMATS to (H, W, 3) uint8 RGB.

    Raises ImageError for data that is empty, not an image, larger than MAX_PIXELS or cut short. OpenCV fills the
    missing part of a cut JPEG with grey and says nothing, hence the look for its end marker.
    """
    if not len(data):
        raise ImageError(f'{name} is empty')
    data = bytes(data)
    if data[:2] == b'\xff\xd8' and data.rfind(b'\xff\xd9') <= data.rfind(b'\xff\xda'):  # end and start of the scan
        raise ImageError(f'{name} is a JPEG cut short: its end marker is missing after {len(data)} bytes')
    check_size(data, name)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(f'{name} cannot be decoded: {error.err}') from None
    if image is None:
        raise ImageError(f'{name} is no image that can be decoded ({len(data)} bytes, begins with {data[:8]!r})')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def check_size(data: bytes, name: str) -> None:
    """Raise ImageError for what is no image, or says that it has over MAX_PIXELS; reads its header only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # only the size is wanted here
            width, height = Header.open(io.BytesIO(data), formats=FORMATS).size
    except Header.DecompressionBombError:
        raise ImageError(f'{name} is refused: it claims to be larger than {MAX_PIXELS:,} pixels') from None
    except Exception:  # its readers of headers raise whatever they stumble over
        raise ImageError(f'{name} is no image that can be decoded ({len(data)} bytes, begins with {data[:8]!r})'
                         ) from None
    if width * height > MAX_PIXELS:
        raise ImageError(f'{name} is refused: it claims to be {width}x{height}, more than {MAX_PIXELS:,} pixels')


def load_image(path: str | Path) -> np.ndarray:
    """Read a file to (H, W, 3) uint8 RGB. Raises ImageError where there is none or it is damaged."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f'image {path} cannot be read: {error.strerror}') from None
    return decode_image(data, str(path))


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
