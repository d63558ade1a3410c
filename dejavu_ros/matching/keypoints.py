"""Where to look: points (N, 2) float32, x and y in pixels of an image, pixel centres at whole numbers."""

import cv2
import numpy as np

QUALITY = 1e-3  # of the strongest corner: a street lamp at night must not hide everything else
APART = 3.0     # px between corners


def keypoints(image: np.ndarray, kind: str, count: int) -> np.ndarray:
    """Those of (H, W, 3) uint8 RGB that a ``kind`` means, ``corners`` or ``grid``: (N, 2), N at most ``count``."""
    return grid(image.shape[:2], count) if kind == 'grid' else corners(image, count)


def corners(image: np.ndarray, count: int) -> np.ndarray:
    """Shi-Tomasi corners (1994) of (H, W, 3) uint8 RGB, strongest first: (N, 2), N at most ``count`` and perhaps 0."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    found = cv2.goodFeaturesToTrack(grey, count, QUALITY, APART)
    return np.zeros((0, 2), np.float32) if found is None else found[:, 0]


def grid(size: tuple[int, int], count: int) -> np.ndarray:
    """Centres of the squares that cover an image of ``size`` (H, W), row by row: (N, 2), N at most ``count``."""
    height, width = size
    rows = min(max(1, int((height * count / width) ** 0.5)), count, height)  # squares
    columns = max(1, min(count // rows, width))
    x = (np.arange(columns) + 0.5) * width / columns - 0.5
    y = (np.arange(rows) + 0.5) * height / rows - 0.5
    return np.stack(np.meshgrid(x, y), 2).reshape(-1, 2).astype(np.float32)
