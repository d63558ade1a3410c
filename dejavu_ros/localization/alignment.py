"""The heading within a place, read off the way by which a frame's cells lie beside those of a keyframe.

When the camera turns by the width of a cell, all it sees moves by one cell: a frame's mean displacement against its
best keyframe is an angle. A step aside moves the view much alike, as far things dominate it (in the town a metre looks
like 2 degrees), and a grid of a few cells cannot tell the two apart. So the heading is measured, and the place beside
the mapped track is not: the covariance says so. docs/pose.md has the figures.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes.keyframe_map import Camera, Keyframe, KeyframeMap
from dejavu_ros.localization.model import PoseModel
from dejavu_ros.localization.places import Place
from dejavu_ros.matching.neighbours import mutual_matches


class Alignment:
    """The cameras of a map, and how many radians a cell of the grid spans."""

    def __init__(self, keyframes: KeyframeMap, grid: tuple[int, int], model: PoseModel = PoseModel()):
        self.grid, self.model = grid, model
        self.cell = {(camera.session, camera.name): cell_angle(camera, grid[1], model.max_tilt)
                     for camera in keyframes.cameras}

    def align(self, place: Place, quaternion: np.ndarray, keyframe: Keyframe, query: np.ndarray,
              view: np.ndarray) -> tuple[Pose, np.ndarray]:
        """Pose of the base and its covariance (6, 6) where ``query`` (n, N) is seen at a place.

        ``view`` (n, N) is what ``keyframe`` shows, ``quaternion`` (4,) that of a base which sees exactly this. The
        heading is the place's own where the map does not know its camera, or this does not look along the road.
        """
        covariance = place.covariance + np.diag([self.model.place_error**2] * 2 + [0.0] * 4)
        angle = self.cell.get((keyframe.session, keyframe.camera))
        columns = None if angle is None else displacement(query, view, self.grid, self.model)
        if columns is None:
            covariance[5, 5] += np.radians(self.model.unseen_turn)**2
            return place.map_T_base, covariance
        covariance[3:], covariance[:, 3:] = 0, 0
        covariance[3:, 3:] = keyframe.covariance[3:, 3:] + np.diag([0.0, 0.0, np.radians(self.model.turn_error)**2])
        turned = Rotation.from_euler('z', angle * columns) * Rotation.from_quat(quaternion)
        return Pose(place.map_T_base.position, turned.as_quat()), covariance


def cell_angle(camera: Camera, columns: int, max_tilt: float = PoseModel.max_tilt) -> float | None:
    """Radians to the left per column for an upright camera that looks ahead or back, both within ``max_tilt`` degrees;
    None for others, and unknown ones.
    """
    if not camera.intrinsics:
        return None
    if camera.base_T_camera is not None:
        _, down, ahead = camera.base_T_camera.rotation.as_matrix().T
        least = np.cos(np.radians(max_tilt))
        if -down[2] < least or abs(ahead[0]) < least:
            return None
    half = camera.intrinsics['width'] / 2 / camera.intrinsics['K'][0]
    return 2 * float(half if camera.intrinsics['model'] == 'equidistant' else np.arctan(half)) / columns


def displacement(query: np.ndarray, view: np.ndarray, grid: tuple[int, int],
                 model: PoseModel = PoseModel()) -> float | None:
    """Mean columns by which matches of two grids (n, rows * columns) lie further right in ``query`` than in ``view``.

    None where too few match within a few cells. Cells of zeros are not seen.
    """
    pairs = mutual_matches(query, view)
    rows, columns = (pairs // grid[1]).T, (pairs % grid[1]).T
    near = (np.abs(columns[0] - columns[1]) <= model.columns) & (np.abs(rows[0] - rows[1]) <= model.rows)
    return float((columns[0] - columns[1])[near].mean()) if near.sum() >= model.min_matches else None
