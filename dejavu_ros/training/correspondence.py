"""Where the second view of a place shows what the first one shows, exactly: by a fixed camera, or by the town's depth.

Matches are (rows, columns, 2) float32 for a grid over the first view: x and y in the second view as shares of its
sides, NaN where they are not known. A window is that of :mod:`dejavu_ros.training.crops`.
"""

import dataclasses

import numpy as np

from dejavu_ros.geometry import Pose

TOLERANCE = 0.05  # of the distance: what is nearer in the second picture by more than this hides the point


def centres(grid: tuple[int, int]) -> np.ndarray:
    """Centres of the cells of a grid (w, h): (h, w, 2)."""
    x, y = ((np.arange(count) + 0.5) / count for count in grid)
    return np.stack(np.meshgrid(x, y), -1)


def into(window: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Positions in a picture to positions in a window of it, NaN outside."""
    inside = (position - window[:2]) / (window[2:] - window[:2])
    inside[~((inside >= 0) & (inside <= 1)).all(-1)] = np.nan
    return inside.astype(np.float32)


def out_of(window: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Positions in the picture of the cells of a grid over a window of it."""
    return window[:2] + centres(grid) * (window[2:] - window[:2])


def unknown(grid: tuple[int, int]) -> np.ndarray:
    return np.full((grid[1], grid[0], 2), np.nan, np.float32)


def by_fixed_camera(first: np.ndarray, second: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Matches between two windows of a camera that did not move."""
    return into(second, out_of(first, grid))


@dataclasses.dataclass(frozen=True)
class Sighting:
    """A picture with ``depth`` (H, W) in metres along z, inf at the sky, and the ``window`` of it that is shown."""

    depth: np.ndarray
    map_T_camera: Pose
    window: np.ndarray


def by_depth(first: Sighting, second: Sighting, camera: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Matches by the 3-D points that both see; ``camera`` is the pinhole matrix (3, 3) of both pictures."""
    sides = np.array(first.depth.shape[::-1])
    pixel = out_of(first.window, grid) * sides - 0.5
    depth = look_up(first.depth, pixel)
    with np.errstate(invalid='ignore'):  # the sky is infinitely far
        points = np.concatenate([pixel, np.ones_like(pixel[..., :1])], -1) @ np.linalg.inv(camera).T * depth[..., None]
        second_T_first = (second.map_T_camera.inverse @ first.map_T_camera).matrix
        seen = (points @ second_T_first[:3, :3].T + second_T_first[:3, 3]) @ camera.T
        distance = seen[..., 2]
        position = seen[..., :2] / distance[..., None]
        share = (position + 0.5) / sides
        hidden = look_up(second.depth, position) < (1 - TOLERANCE) * distance
        share[~(np.isfinite(depth) & (distance > 0)) | hidden] = np.nan
    return into(second.window, share)


def look_up(depth: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """The depth at the nearest pixel, that of the edge beyond it."""
    sides = np.array(depth.shape[::-1])
    x, y = np.moveaxis(np.nan_to_num(pixel, posinf=0, neginf=0).round().clip(0, sides - 1).astype(int), -1, 0)
    return depth[y, x]


def mirrored(matches: np.ndarray) -> np.ndarray:
    """Those of both views mirrored left to right."""
    return (matches * np.float32([-1, 1]) + np.float32([1, 0]))[..., ::-1, :]
