"""Do the matches between two frames agree with one view of a place?"""

import cv2
import numpy as np

from dejavu_ros.matching.neighbours import mutual_matches

MIN_MATCHES = 8
TOLERANCE = 1.5  # cells of the grid


def count_inliers(a: np.ndarray, b: np.ndarray, grid: tuple[int, int]) -> int:
    """Matches of two grids (n, gh * gw) that agree with one homography (MAGSAC)."""
    pairs = mutual_matches(a, b)
    if len(pairs) < MIN_MATCHES:
        return 0
    points = [np.stack([index % grid[1], index // grid[1]], 1).astype(np.float32) for index in pairs.T]
    homography, inliers = cv2.findHomography(*points, cv2.USAC_MAGSAC, TOLERANCE, maxIters=1000, confidence=0.995)
    return 0 if homography is None else int(inliers.sum())
