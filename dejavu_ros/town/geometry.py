"""Matrices of the camera and the sun, and the part of the town that a picture shows.

Matrices act on columns and follow OpenGL: clip space, depth from -1 to 1.
"""

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.town.mesh import ATTRIBUTES

CELL = 24.0  # metres: quads are drawn, or left out, by squares of this size
SUN_DEPTH = 300.0  # metres before and behind the middle of the town


def look_from(map_T_camera: Pose) -> np.ndarray:
    """The (4, 4) matrix from the map to OpenGL camera axes (x right, y up, z back) of an optical frame."""
    return np.diag([1.0, -1.0, -1.0, 1.0]) @ map_T_camera.inverse.matrix


def projection(intrinsics: np.ndarray, width: int, height: int, near: float, far: float) -> np.ndarray:
    """The (4, 4) matrix of a pinhole camera (3, 3) whose first pixel's centre is (0, 0)."""
    (fx, _, cx), (_, fy, cy) = intrinsics[0], intrinsics[1]
    return np.array([
        [2 * fx / width, 0.0, 1 - (2 * cx + 1) / width, 0.0],
        [0.0, 2 * fy / height, (2 * cy + 1) / height - 1, 0.0],
        [0.0, 0.0, -(far + near) / (far - near), -2 * far * near / (far - near)],
        [0.0, 0.0, -1.0, 0.0]])


def sun_view(direction: np.ndarray, radius: float) -> np.ndarray:
    """The orthographic (4, 4) matrix that sees a whole town of ``radius`` metres from the sun."""
    back = direction / np.linalg.norm(direction)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[0, :3] = right / radius
    matrix[1, :3] = np.cross(back, right) / radius
    matrix[2, :3] = -back / SUN_DEPTH
    return matrix


class Batch:
    """Quads on the graphics card, sorted into ground cells so that a picture draws what it sees, near cells first."""

    def __init__(self, context, quads: np.ndarray, program, shadow_program):
        """``quads`` (n, 4, VERTEX_FLOATS) and the programs that draw them and their shadows."""
        cells = np.floor(quads[:, :, :2].mean(axis=1) / CELL).astype(int)
        order = np.lexsort((cells[:, 1], cells[:, 0]))
        quads, cells = np.ascontiguousarray(quads[order]), cells[order]
        starts = np.r_[0, np.flatnonzero(np.any(np.diff(cells, axis=0), axis=1)) + 1]
        self._starts, self._counts = starts, np.diff(np.r_[starts, len(quads)])
        self._low = np.minimum.reduceat(quads[:, :, :3].min(axis=1), starts)
        self._high = np.maximum.reduceat(quads[:, :, :3].max(axis=1), starts)
        triangles = np.arange(len(quads), dtype=np.int32)[:, None] * 4 + np.array([0, 1, 2, 0, 2, 3], np.int32)
        self._vertices = context.buffer(quads.tobytes())
        self._indices = context.buffer(triangles.tobytes())
        self._array, self._shadow_array = (
            context.vertex_array(shader, [(self._vertices, layout, *names)], self._indices)
            for shader in (program, shadow_program) for layout, names in [_attributes(shader)])

    def draw(self, view: np.ndarray, eye: np.ndarray, reach: float) -> None:
        """Draw the cells within the frustum of ``view`` and ``reach`` metres of ``eye``."""
        away = np.maximum(np.maximum(self._low - eye, eye - self._high), 0.0)[:, :2]
        distance = np.linalg.norm(away, axis=1)
        seen = np.flatnonzero((distance < reach) & self._in_frustum(view))
        for cell in seen[np.argsort(distance[seen])]:
            self._array.render(first=6 * int(self._starts[cell]), vertices=6 * int(self._counts[cell]))

    def draw_all(self) -> None:
        """Draw every quad by the shadow program."""
        self._shadow_array.render()

    def release(self) -> None:
        for part in (self._array, self._shadow_array, self._vertices, self._indices):
            part.release()

    def _in_frustum(self, view: np.ndarray) -> np.ndarray:
        """(cells,) bool: False where a box lies wholly outside one of the six planes."""
        planes = np.concatenate([view[3] + view[:3], view[3] - view[:3]])  # (6, 4), inside where >= 0
        furthest = np.where(planes[:, None, :3] > 0, self._high, self._low)  # (6, cells, 3)
        return np.all(np.einsum('pci,pi->pc', furthest, planes[:, :3]) + planes[:, 3:] >= 0, axis=0)


def _attributes(program) -> tuple[str, list[str]]:
    """The buffer format and names of what ``program`` reads of a vertex, the rest skipped over."""
    formats = [f'{size}f' if name in program else f'{4 * size}x' for name, size in ATTRIBUTES]
    return ' '.join(formats), [name for name, _ in ATTRIBUTES if name in program]
