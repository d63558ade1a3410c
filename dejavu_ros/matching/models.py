"""What two views of a rigid scene agree with, fitted though some matches are wrong (MAGSAC, Barath et al. 2020)."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from dejavu_ros.errors import ImageError

MINIMUM = {'homography': 12, 'fundamental': 16, 'essential': 13}  # 8 more than those that any model can meet
CONFIDENCE, ROUNDS = 0.999, 10000


@dataclasses.dataclass(frozen=True)
class Fit:
    """``matrix`` (3, 3) float64 from the first image to the second, in pixels; ``inliers`` (M,) bool.

    A homography has b ~ matrix a; fundamental and essential have b^T matrix a = 0, the latter for points normalised
    by the intrinsics. ``rotation`` (3, 3) and ``direction`` (3,) of unit length are b_R_a and b_t_a of an essential
    one: x_b = rotation x_a + t, of which only the direction is known.
    """

    matrix: np.ndarray
    inliers: np.ndarray
    rotation: np.ndarray | None = None
    direction: np.ndarray | None = None


def fit(model: str, a: np.ndarray, b: np.ndarray, tolerance: float, camera: np.ndarray | None = None) -> Fit:
    """Fit ``homography``, ``fundamental`` or ``essential`` to matched points (M, 2) in pixels.

    ``tolerance`` in pixels; ``camera`` (3, 3) intrinsics of both images for ``essential``. Raises ImageError where
    there are too few matches, or none agree.
    """
    needed = MINIMUM[model]
    if len(a) < needed:
        raise ImageError(f'{len(a)} matches are too few: a {model} needs {needed}; allow more with --ratio 1 or '
                         '--count')
    a, b = (np.ascontiguousarray(points, np.float64) for points in (a, b))
    more = {'confidence': CONFIDENCE, 'maxIters': ROUNDS}
    try:
        if model == 'homography':
            matrix, mask = cv2.findHomography(a, b, cv2.USAC_MAGSAC, tolerance, **more)
        elif model == 'fundamental':
            matrix, mask = cv2.findFundamentalMat(a, b, cv2.USAC_MAGSAC, tolerance, CONFIDENCE, ROUNDS)
        else:
            matrix, mask = cv2.findEssentialMat(a, b, camera, cv2.USAC_MAGSAC, CONFIDENCE, tolerance, ROUNDS)
    except cv2.error:  # some matches leave its optimisation without any model, which it does not expect
        matrix = None
    if matrix is None or matrix.shape != (3, 3) or mask.sum() < needed:
        raise ImageError(f'no {model} agrees with {needed} or more of the {len(a)} matches: the images may show '
                         'different places')
    if model != 'essential':
        return Fit(matrix, mask[:, 0].astype(bool))
    _, rotation, direction, _ = cv2.recoverPose(matrix, a, b, camera, mask=mask.copy())
    return Fit(matrix, mask[:, 0].astype(bool), rotation, direction[:, 0])


def camera_matrix(numbers: Sequence[float]) -> np.ndarray:
    """FX, FY, CX, CY to (3, 3) intrinsics."""
    fx, fy, cx, cy = numbers
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
