"""Quadrilaterals cut from one image, and what two of them share.

Coordinates are those of an image whose edges lie at -1 and 1, x to the right and y down; the corners of a quadrilateral
(4, 2) are in the order of FRAME: top left, top right, bottom right, bottom left.
"""

import cv2
import numpy as np

FRAME = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
SMALLEST = 0.15  # of each quadrilateral's area, that two of them must share
TRIES = 1000


def draw_pair(rng: np.random.Generator, k: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two quadrilaterals of one image, and the one that both contain: (4, 2) each.

    Every corner lies up to ``k`` of the way, in x and in y on its own, from its corner of the image to the middle:
    with 0 the quadrilaterals are the image, with 1 corners may meet in the middle. Drawn again where they are not
    convex, or share less than SMALLEST of either.
    """
    for _ in range(TRIES):
        first, second = (FRAME * (1 - k * rng.random((4, 2))) for _ in range(2))
        shared = shared_area(first, second)
        if shared is not None:
            return first, second, shared
    raise AssertionError(f'no pair of quadrilaterals with k = {k} in {TRIES} tries')


def shared_area(first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """The quadrilateral (4, 2) that two contain; None where they are not convex, or share less than SMALLEST."""
    if not is_convex(first) or not is_convex(second):
        return None
    shared = intersection(first, second)
    return shared if shared is not None and area(shared) >= SMALLEST * max(area(first), area(second)) else None


def intersection(first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """Of two convex quadrilaterals: the corners of their common polygon that lie farthest towards FRAME's corners.

    None where these are no convex quadrilateral.
    """
    found = cv2.intersectConvexConvex(first.astype(np.float32), second.astype(np.float32))[1]
    if found is None or len(found) < 4:
        return None
    polygon = found.reshape(-1, 2).astype(float)
    chosen = (polygon @ FRAME.T).argmax(0)
    return polygon[chosen] if len(set(chosen)) == 4 and is_convex(polygon[chosen]) else None


def is_convex(corners: np.ndarray) -> bool:
    """Whether (4, 2) turn the same way, and clearly, at every corner."""
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    return bool((sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] > 0.05).all())


def area(corners: np.ndarray) -> float:
    x, y = corners.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
