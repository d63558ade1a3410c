"""What hides a part of every picture of a camera: the bonnet, the robot's own body, a time stamp."""

from pathlib import Path

import cv2
import numpy as np

from dejavu_ros.errors import ConfigError, ImageError
from dejavu_ros.images import encode_png, load_image

LEAST = 0.05  # share of the cells that must be left


def load_mask(path: str | Path) -> np.ndarray:
    """(H, W) bool from an image file, black: hidden. Raises ConfigError where there is none, or it hides too much."""
    try:
        seen = seen_in(load_image(path))
    except ImageError as error:
        raise ConfigError(f'mask: {error}') from None
    if seen.mean() < LEAST:
        raise ConfigError(f'mask {path} leaves {seen.mean():.1%} of the picture: hidden is black, seen is white')
    return seen


def seen_in(picture: np.ndarray) -> np.ndarray:
    """(H, W) bool of a mask's picture (H, W, 3) uint8, black: hidden."""
    return picture.max(2) > 127


def mask_of(option: str, camera: str) -> np.ndarray | None:
    """The mask that an option FILE or CAMERA=FILE means for a camera; None: none. Raises ConfigError."""
    name, _, path = option.rpartition('=')
    return load_mask(path) if path and name in ('', camera) else None


def mask_to_png(seen: np.ndarray) -> bytes:
    """(H, W) bool to a PNG file, black: hidden."""
    return encode_png(255 * seen.astype(np.uint8))


def fitting(seen: np.ndarray, width: int, height: int) -> np.ndarray:
    """A mask (H, W) bool for pictures of ``width`` x ``height``. Raises ConfigError for one of another shape."""
    if (height, width) == seen.shape:
        return seen
    if abs(width / height * seen.shape[0] / seen.shape[1] - 1) > 0.02:
        raise ConfigError(f'the mask is {seen.shape[1]}x{seen.shape[0]}, the picture {width}x{height}: draw the mask '
                          'over a picture of this camera')
    return cv2.resize(seen.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def visible_cells(seen: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Which cells of a grid (rows, columns) a mask (H, W) leaves, more than half of each: (rows * columns,) bool."""
    rows, columns = grid
    share = cv2.resize(seen.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return (share > 0.5).ravel()


def blank(image: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB with what is hidden replaced by the mean of what is seen, so that its surroundings do not
    depend on it."""
    if seen.all() or not seen.any():
        return image
    return np.where(seen[..., None], image, image[seen].mean(0).round().astype(np.uint8))
