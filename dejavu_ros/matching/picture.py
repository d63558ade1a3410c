"""Matches as a picture."""

import colorsys

import cv2
import numpy as np

from dejavu_ros.errors import ImageError
from dejavu_ros.images import resize

HEIGHT = 480
GAP = 8  # white columns between the images
MAX_LINES = 200


def draw_matches(image_a: np.ndarray, image_b: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matched points (M, 2) of two images (H, W, 3) uint8 RGB, which may differ in size, joined by lines: (h, w, 3).

    Of more than MAX_LINES matches as many are drawn, evenly chosen by height; the colour goes by the height in the
    first image, so that lines that cross stand out.
    """
    chosen = np.argsort(a[:, 1], kind='stable')
    chosen = chosen[np.unique(np.linspace(0, len(a) - 1, min(len(a), MAX_LINES)).round().astype(int))]
    scales = [HEIGHT / image.shape[0] for image in (image_a, image_b)]
    left, right = (resize(image, max(1, round(image.shape[1] * scale)), HEIGHT)
                   for image, scale in zip((image_a, image_b), scales))
    canvas = np.hstack([left, np.full((HEIGHT, GAP, 3), 255, np.uint8), right])
    offset = left.shape[1] + GAP
    for start, end, share in zip(a[chosen], b[chosen], a[chosen, 1] / image_a.shape[0]):
        colour = [255 * part for part in colorsys.hsv_to_rgb(0.8 * float(share), 1, 1)]
        start = tuple(int(value) for value in (start * scales[0]).round())
        end = tuple(int(value) for value in (end * scales[1] + (offset, 0)).round())
        cv2.line(canvas, start, end, colour, 1, cv2.LINE_AA)
        for point in (start, end):
            cv2.circle(canvas, point, 3, colour, -1, cv2.LINE_AA)
    return canvas


def beside(images: list[np.ndarray]) -> np.ndarray:
    """Images (H, W, 3) uint8 RGB side by side, of one height."""
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    parts = [part for image in images
             for part in (gap, resize(image, max(1, round(image.shape[1] * HEIGHT / image.shape[0])), HEIGHT))]
    return np.hstack(parts[1:])


def encode_png(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB to PNG."""
    done, data = cv2.imencode('.png', cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise ImageError(f'an image of shape {image.shape} cannot be encoded as PNG')
    return data.tobytes()
