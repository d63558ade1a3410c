"""From positions to places: which views show the same spot."""

import numpy as np
from scipy.spatial import cKDTree

NOWHERE = -1  # the place of a view that is in none


def cluster(positions: np.ndarray, yaws: np.ndarray, radius: float, angle: float,
            gap: float) -> tuple[np.ndarray, list[int]]:
    """Labels (V,), the number of each view's place or NOWHERE, and for each place the view at its centre.

    ``positions`` (V, 2) metres, ``yaws`` (V,) radians or NaN where unknown (then any heading will do). A view shows a
    place within ``radius`` metres and ``angle`` radians of its centre. Greedy in the order of the views: one that is
    clear of all centres, by two radii and the ``gap`` or by twice the angle, becomes the centre of a new place. So
    places never overlap, and the same views give the same places.
    """
    tree = cKDTree(positions)
    labels, centres = np.full(len(positions), NOWHERE), []
    clear = np.ones(len(positions), bool)
    for index in range(len(positions)):
        if not clear[index]:
            continue
        around = np.array(tree.query_ball_point(positions[index], 2 * radius + gap))
        turns = turn_between(yaws[around], yaws[index])
        distances = np.linalg.norm(positions[around] - positions[index], axis=1)
        clear[around[turns <= 2 * angle]] = False
        labels[around[(distances <= radius) & (turns <= angle)]] = len(centres)
        centres.append(index)
    return labels, centres


def turn_between(yaws: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """Radians from one heading to another, in [0, pi]; 0 where either is NaN, for unknown."""
    return np.nan_to_num(np.abs((yaws - other + np.pi) % (2 * np.pi) - np.pi))
