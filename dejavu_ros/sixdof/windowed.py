"""Matches between points whose place in the image is known roughly and the keypoints of that image."""

import numpy as np


def windowed_matches(points: np.ndarray, point_descriptors: np.ndarray, keypoints: np.ndarray,
                     keypoint_descriptors: np.ndarray, radius: float, ratio: float | None = None) -> np.ndarray:
    """Pairs (M, 2) of points and keypoints that are each other's nearest among those within ``radius``.

    ``points`` (P, 2) where they are expected and ``keypoints`` (Q, 2), in one unit, which is that of ``radius``;
    descriptors (n, P) and (n, Q) of unit length. With a ``ratio``, both distances must be below this share of that to
    the second nearest within the radius.
    """
    if not len(points) or not len(keypoints):
        return np.zeros((0, 2), int)
    x, y = (points[:, None, axis].astype(np.float32) - keypoints[None, :, axis] for axis in (0, 1))
    near = x * x + y * y < radius**2
    distance = np.where(near, 2 - 2 * (point_descriptors.T @ keypoint_descriptors), np.float32(np.inf))
    forth, back = distance.argmin(1), distance.argmin(0)
    rows = np.arange(len(points))
    kept = (back[forth] == rows) & near[rows, forth]
    if ratio is not None:
        kept &= distinctive(distance, ratio)
        kept &= distinctive(distance.T, ratio)[forth]
    return np.stack([rows[kept], forth[kept]], 1)


def distinctive(distance: np.ndarray, ratio: float) -> np.ndarray:
    """(P,) whether the smallest squared distance of each row (P, Q) is well below the next."""
    if distance.shape[1] < 2:
        return np.ones(len(distance), bool)
    two = np.partition(distance, 1, axis=1)[:, :2]
    return two[:, 0] < ratio**2 * two[:, 1]
