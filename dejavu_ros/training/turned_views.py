"""Views of a camera that turns on the spot, cut from pictures that show twice as much of one place in two sessions."""

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.geowarp.quadrilaterals import FRAME, TRIES, shared_area

LARGER = 2  # pictures are so many times wider and higher, in pixels and on their plane, than the views
TILT = 2.0  # degrees, up and down and about the axis
ZOOM = 0.07  # of the views, as a share


def draw_views(rng: np.random.Generator, count: int, hfov: float, aspect: float) -> np.ndarray:
    """Quadrilaterals (count, 4, 2) of a picture with ``hfov`` degrees from left to right and ``aspect`` h / w.

    Each is what a camera of half its size sees that turns about the picture's own centre, at most until it would look
    beyond the picture's edge.
    """
    half = np.tan(np.radians(hfov / 2))
    plane = np.array([half, aspect * half])
    turn = hfov / 2 - np.degrees(np.arctan(half / LARGER))
    views = []
    for _ in range(count):
        angles = rng.uniform(-1, 1, 3) * [turn, TILT, TILT]
        corners = FRAME * plane / LARGER * rng.uniform(1 - ZOOM, 1 + ZOOM)
        rays = Rotation.from_euler('yxz', angles, degrees=True).apply(np.column_stack([corners, np.ones(4)]))
        views.append(rays[:, :2] / rays[:, 2:] / plane)
    return np.array(views)


def draw_two(rng: np.random.Generator, views: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Which two of the ``views`` (V, 4, 2) of a picture, and the quadrilateral (4, 2) that both contain.

    The same one twice where no two that are drawn share enough.
    """
    for _ in range(TRIES):
        first, second = rng.choice(len(views), 2, replace=False)
        shared = shared_area(views[first], views[second])
        if shared is not None:
            return int(first), int(second), shared
    return 0, 0, views[0]
