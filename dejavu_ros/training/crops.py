"""Windows of images: what part of a picture a training view shows. A window is (x0, y0, x1, y1) in [0, 1]."""

import cv2
import numpy as np

WHOLE = np.array([0.0, 0.0, 1.0, 1.0])
SIDE = (0.35, 0.75)  # side of a window cut from a fixed camera's image, as a share of the image's
JITTER = 0.08        # how far the views of a place are shifted and zoomed against each other
MAX_OVERLAP = 0.2    # intersection over union of two windows that count as different places


def draw_window(rng: np.random.Generator) -> np.ndarray:
    side = rng.uniform(*SIDE)
    corner = rng.uniform(0, 1 - side, 2)
    return np.array([*corner, *(corner + side)])


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two windows."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    intersection = float(np.prod(sides.clip(min=0)))
    return intersection / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - intersection)


def jittered(rng: np.random.Generator, window: np.ndarray) -> np.ndarray:
    """Each edge moved on its own by up to JITTER of the side, within the image."""
    side = np.tile(window[2:] - window[:2], 2)
    return (window + rng.uniform(-JITTER, JITTER, 4) * side).clip(0, 1)


def cut(image: np.ndarray, window: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The window of (H, W, 3), resized to ``size`` (w, h)."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (window * [width, height, width, height]).round().astype(int)
    piece = image[y0:max(y1, y0 + 2), x0:max(x1, x0 + 2)]
    smaller = piece.shape[1] > size[0] and piece.shape[0] > size[1]
    return cv2.resize(piece, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
