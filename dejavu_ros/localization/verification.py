"""Do the matches between two frames agree with one view of a place?"""

import cv2
import numpy as np

MIN_MATCHES = 8
TOLERANCE = 1.5  # cells of the grid


def mutual_matches(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pairs (M, 2) of columns of ``a`` (n, N1) and ``b`` (n, N2) that are each other's nearest."""
    product = a.astype(np.float32).T @ b.astype(np.float32)
    forward, backward = product.argmax(1), product.argmax(0)
    rows = np.flatnonzero(backward[forward] == np.arange(len(forward)))
    return np.stack([rows, forward[rows]], 1)


def count_inliers(a: np.ndarray, b: np.ndarray, grid: tuple[int, int]) -> int:
    """Matches of two grids (n, gh * gw) that agree with one homography (MAGSAC)."""
    pairs = mutual_matches(a, b)
    if len(pairs) < MIN_MATCHES:
        return 0
    points = [np.stack([index % grid[1], index // grid[1]], 1).astype(np.float32) for index in pairs.T]
    homography, inliers = cv2.findHomography(*points, cv2.USAC_MAGSAC, TOLERANCE, maxIters=1000, confidence=0.995)
    return 0 if homography is None else int(inliers.sum())
