"""How far predicted poses are off: metres, degrees, and degrees per metre."""

import numpy as np
from scipy.spatial.transform import Rotation

LENGTHS = (100.0, 200.0, 300.0, 400.0, 500.0, 600.0)  # metres of way between two frames, as KITTI has them


def pose_errors(positions: np.ndarray, quaternions: np.ndarray, true_positions: np.ndarray,
                true_quaternions: np.ndarray, way: np.ndarray) -> dict[str, float | None]:
    """Of one drive (N frames): mean and median distance in metres, mean angle in degrees, and degrees per metre.

    The last is None where the drive is shorter than the shortest of LENGTHS.
    """
    away = np.linalg.norm(positions - true_positions, axis=1)
    error = Rotation.from_quat(true_quaternions).inv() * Rotation.from_quat(quaternions)
    return {'position_m': float(away.mean()), 'position_median_m': float(np.median(away)),
            'rotation_deg': float(np.degrees(error.magnitude()).mean()),
            'rotation_deg_per_m': degrees_per_metre(quaternions, true_quaternions, way)}


def degrees_per_metre(quaternions: np.ndarray, true_quaternions: np.ndarray, way: np.ndarray) -> float | None:
    """Rotation error as the KITTI odometry benchmark has it (Geiger et al., CVPR 2012).

    For each frame and each of LENGTHS, the first frame that lies at least so much further along the way: by how many
    degrees the rotation between the two is wrong, over the metres of way between them; mean over all such pairs.
    """
    found, true = Rotation.from_quat(quaternions), Rotation.from_quat(true_quaternions)
    rates = []
    for length in LENGTHS:
        later = np.searchsorted(way, way + length - 1e-6)
        first = np.flatnonzero(later < len(way))
        last = later[first]
        turn, true_turn = (part[first].inv() * part[last] for part in (found, true))
        rates.append(np.degrees((true_turn.inv() * turn).magnitude()) / (way[last] - way[first]))
    rates = np.concatenate(rates)
    return float(rates.mean()) if len(rates) else None
