"""Depth from two cameras side by side."""

import cv2
import numpy as np

# of the matching of two pictures, which no checkpoint has a part in
BLOCK = 5            # px, side of the squares that are compared
FARTHEST = 1.0       # px of disparity: beyond, depth is a guess


def depth_from_stereo(left: np.ndarray, right: np.ndarray, focal: float, baseline: float,
                      nearest: float = 2.0) -> np.ndarray:
    """(H, W) float32 metres along the axis of the left camera, 0 where not known, by semi-global matching.

    ``left`` and ``right`` (H, W, 3) uint8 RGB are rectified: a point lies in one row of both. ``focal`` in pixels,
    ``baseline`` in metres; what is nearer than ``nearest`` metres is not found. Hirschmueller 2008, by OpenCV.
    """
    levels = 16 * max(1, int(np.ceil(focal * baseline / nearest / 16)))
    matcher = cv2.StereoSGBM_create(0, levels, BLOCK, P1=8 * BLOCK**2, P2=32 * BLOCK**2, disp12MaxDiff=1,
                                    uniquenessRatio=10, speckleWindowSize=50, speckleRange=2)
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (left, right)]
    disparity = matcher.compute(*grey).astype(np.float32) / 16
    known = disparity >= FARTHEST
    return np.where(known, focal * baseline / np.where(known, disparity, 1), 0).astype(np.float32)
