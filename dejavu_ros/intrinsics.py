"""How pictures of one size were taken: the intrinsics that a CameraInfo, a camera file or a map gives for them.

Intrinsics are a dict of ``width``, ``height``, ``K`` (9 numbers, row by row), ``D`` and ``model``; K is in pixels of
pictures of that width and height. The centre of the first pixel is (0, 0), so its corner is (-0.5, -0.5): what is at x
in a picture is at scale * (x + 0.5) - 0.5 in the resized one. Distortion coefficients do not depend on the size.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from dejavu_ros.errors import ConfigError

SHAPE_TOLERANCE = 0.02  # relative difference of two aspect ratios that still count as one: sizes are rounded
FISHEYE = 'equidistant', 'fisheye'


def numbers(info: Any, name: str) -> np.ndarray:
    """``k``, ``d``, ``r`` or ``p`` of a CameraInfo in a row, float64; ROS 1 wrote them with capitals."""
    return np.array(getattr(info, name if hasattr(info, name) else name.upper()), float)


def is_rectified(image_topic: str) -> bool:
    """Whether a topic is named as image_proc and stereo_image_proc name what they have rectified."""
    return any(part.startswith('image_rect') for part in image_topic.split('/'))


def calibration(info: Any, image_topic: str, size: tuple[int, int] | None = None) -> dict:
    """Intrinsics of the pictures of a topic, from its CameraInfo.

    K and D describe the raw pictures of the whole sensor; the region of interest is cut out of them, then binned. Of
    rectified pictures there is no distortion, and P tells. With ``size`` (width, height) of the pictures at hand they
    are those of pictures resized to it. Raises ConfigError where the size does not fit what the message says.
    """
    K, D, P = (numbers(info, name) for name in 'kdp')
    model, rectified = info.distortion_model, is_rectified(image_topic)
    windows = [region_of_interest(info)]
    if rectified:
        if info.roi.do_rectify and windows[0] != (0, 0, info.width, info.height):
            windows.append(rectified_region(info, windows[0]))
        K, D, model = P.reshape(3, 4)[:, :3].ravel() if P[0] > 0 else K, np.zeros(0), ''
    binning = max(1, info.binning_x), max(1, info.binning_y)
    described = [_window(K, window, binning) | {'D': D.tolist(), 'model': model} for window in windows]
    # image_proc cuts rectified pictures like the raw ones; others cut them as do_rectify asks
    chosen = next((own for own in described if (own['width'], own['height']) == size), described[0])
    return resized(chosen, *size) if size else chosen


def resized(intrinsics: Mapping, width: int, height: int) -> dict:
    """The same for pictures resized to ``width`` x ``height``. Raises ConfigError for a size of another shape."""
    try:
        size = int(intrinsics['width']), int(intrinsics['height'])
        K = np.array(intrinsics['K'], float)
    except (KeyError, TypeError, ValueError):
        raise ConfigError('the camera is not calibrated: width, height, K, D and model are needed') from None
    if size == (width, height):
        return dict(intrinsics)
    scale = scale_of(size, (width, height))
    return {**intrinsics, 'width': width, 'height': height, 'K': scaled_matrix(K, *scale)}


def scale_of(calibrated: tuple[int, int], present: tuple[int, int], what: str = 'pictures') -> tuple[float, float]:
    """By how much pictures were resized across and down, from one (width, height) to another.

    ``what`` names those of the size ``present``. Raises ConfigError where their shape says that they were not.
    """
    (width, height), (across, down) = calibrated, present
    if min(width, height) < 1 or min(across, down) < 1:
        raise ConfigError('the camera is not calibrated: its camera_info has no focal length or no size')
    rounding = 1.0 / min(width, height, across, down)
    if abs(across * height / (down * width) - 1) > max(SHAPE_TOLERANCE, rounding):
        raise ConfigError(f'the camera is calibrated for pictures of {width}x{height}, and {what} of {across}x{down} '
                          'have another shape, so they were not resized from those: its camera_info must be that of '
                          'this mode, or tell the region of interest and binning')
    return across / width, down / height


def scaled_matrix(K: Sequence[float], across: float, down: float) -> list[float]:
    """K (9 numbers) of pictures resized by these factors; pixel centres are at whole numbers."""
    fx, skew, cx, zero, fy, cy, *last = map(float, K)
    return [fx * across, skew * across, (cx + 0.5) * across - 0.5, zero, fy * down, (cy + 0.5) * down - 0.5, *last]


def region_of_interest(info: Any) -> tuple[int, int, int, int]:
    """x, y, width, height of the part of the sensor that is read out, in its pixels; zeros mean all of it.

    Raises ConfigError for one that is not within the sensor.
    """
    roi = info.roi
    x, y, width, height = (int(value) for value in (roi.x_offset, roi.y_offset, roi.width, roi.height))
    width, height = width or info.width - x, height or info.height - y
    if info.width and info.height and (x + width > info.width or y + height > info.height):
        raise ConfigError(f'the region of interest of its camera_info, {width}x{height} at {x}, {y}, is not within '
                          f'the {info.width}x{info.height} that it is calibrated for')
    return x, y, width, height


def rectified_region(info: Any, region: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The part of the rectified picture that a part of the raw one becomes: the smallest that holds its corners."""
    x, y, width, height = region
    K, R, P = (numbers(info, name).reshape(3, -1) for name in 'krp')
    D, model = numbers(info, 'd'), info.distortion_model
    corners = np.array([[x, y], [x + width, y], [x, y + height], [x + width, y + height]], float)[:, None]
    undistort = cv2.fisheye.undistortPoints if model in FISHEYE else cv2.undistortPoints
    found = undistort(corners, K, D if len(D) else np.zeros(4), R=R, P=P[:, :3]).reshape(-1, 2)
    low = np.ceil(found.min(0)).clip(0)
    high = np.floor(found.max(0)).clip(max=(info.width, info.height))
    return tuple(int(value) for value in (*low, *(high - low)))


def _window(K: np.ndarray, window: tuple[int, int, int, int], binning: tuple[int, int]) -> dict:
    x, y, width, height = window
    moved = K - np.array([0, 0, x, 0, 0, y, 0, 0, 0.0])
    return {'width': width // binning[0], 'height': height // binning[1],
            'K': scaled_matrix(moved, 1 / binning[0], 1 / binning[1])}
