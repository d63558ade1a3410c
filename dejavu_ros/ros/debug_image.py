"""The frame beside the keyframe that it was matched with."""

import cv2
import numpy as np

from dejavu_ros.images import resize
from dejavu_ros.localization import Estimate

HEIGHT, FOOTER = 240, 24


def debug_image(image: np.ndarray, keyframe: np.ndarray | None, estimate: Estimate) -> np.ndarray:
    """Frame and keyframe (None: no hypothesis), (H, W, 3) uint8 RGB of any sizes, side by side over a line of text."""
    left = scaled(image)
    right = scaled(keyframe) if keyframe is not None else np.zeros_like(left)
    picture = np.concatenate([left, right], axis=1)
    footer = np.zeros((FOOTER, picture.shape[1], 3), np.uint8)
    if estimate.accepted:
        text, colour = 'accepted', (80, 230, 100)
    else:
        text, colour = estimate.reject_reason, (255, 160, 60)
    if estimate.hypotheses:
        best = estimate.hypotheses[0]
        text += (f'  keyframe {best.keyframe}  p {best.probability:.2f}  cx {best.similarity:.3f}  '
                 f'inliers {best.inliers}')
    cv2.putText(footer, text, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.48, colour, 1, cv2.LINE_AA)
    return np.concatenate([picture, footer])


def scaled(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return resize(image, max(1, round(width * HEIGHT / height)), HEIGHT)
