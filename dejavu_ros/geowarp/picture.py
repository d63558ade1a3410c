"""What a training sees of an image: two quadrilaterals cut from it, warped, and what they share."""

import cv2
import numpy as np
import torch

from dejavu_ros.geowarp.quadrilaterals import draw_pair
from dejavu_ros.geowarp.warping import frame_corners, homography, moved, warp

FIRST, SECOND, SHARED = (230, 60, 40), (40, 90, 230), (250, 210, 40)


def four_pictures(image: np.ndarray, k: float, seed: int) -> dict[str, np.ndarray]:
    """Of (H, W, 3) uint8 RGB, by name, each of the same size.

    ``quadrilaterals`` shows both on the image, and what they share; ``first`` and ``second`` are what lies in them,
    with the shared area, as the network has to find it; ``intersection`` is that area warped, which both come to.
    """
    first, second, shared = draw_pair(np.random.default_rng(seed), k)
    pictures = {'quadrilaterals': outlined(image, (first, FIRST), (second, SECOND), (shared, SHARED))}
    for name, corners, colour in (('first', first, FIRST), ('second', second, SECOND)):
        own, target = torch.from_numpy(corners)[None], torch.from_numpy(shared)[None]
        inside = moved(homography(own, frame_corners(own)[None]), target)[0].numpy()
        pictures[name] = outlined(cut(image, corners), (inside, SHARED))
    return pictures | {'intersection': cut(image, shared)}


def cut(image: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """What lies in a quadrilateral (4, 2) of (H, W, 3) uint8, warped to the image's size."""
    picture = torch.from_numpy(image).permute(2, 0, 1)[None].double()
    warped = warp(picture, torch.from_numpy(corners)[None], image.shape[:2])
    return warped[0].permute(1, 2, 0).round().numpy().astype(np.uint8)


def outlined(image: np.ndarray, *quadrilaterals: tuple[np.ndarray, tuple[int, int, int]]) -> np.ndarray:
    """A copy of (H, W, 3) uint8 with coloured outlines."""
    drawn, (height, width) = image.copy(), image.shape[:2]
    for corners, colour in quadrilaterals:
        pixels = ((corners + 1) / 2 * (width, height) - 0.5).round().astype(np.int32)
        cv2.polylines(drawn, [pixels], True, colour, max(1, round(width / 160)), cv2.LINE_AA)
    return drawn
