"""Quads with everything the shaders need to know about them."""

import dataclasses
import enum

import numpy as np


class Surface(enum.IntEnum):
    """Families of material, one shader program each."""

    GROUND = 0
    FACADE = 1
    PLAIN = 2
    LEAF = 3


class Kind(enum.IntEnum):
    """Materials; the shaders know them by these numbers."""

    ROAD = 0
    PAVING = 1
    GRASS = 2
    FACADE = 3
    MATTE = 4
    GLOSSY = 5
    LAMP = 6
    GLOW = 7
    SIGN = 8
    LEAF = 9


SURFACE_OF = {Kind.ROAD: Surface.GROUND, Kind.PAVING: Surface.GROUND, Kind.GRASS: Surface.GROUND,
              Kind.FACADE: Surface.FACADE, Kind.LEAF: Surface.LEAF}  # all others are PLAIN

# one vertex: position, normal, texture coordinates, (layer, kind, random, detail layer), tint, shape
POSITION, NORMAL, UV, MATERIAL, TINT, SHAPE = (slice(0, 3), slice(3, 6), slice(6, 8), slice(8, 12), slice(12, 15),
                                               slice(15, 17))
VERTEX_FLOATS = 17
ATTRIBUTES = (('position', 3), ('normal', 3), ('uv', 2), ('material', 4), ('tint', 3), ('shape', 2))
UNIT_SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclasses.dataclass(frozen=True)
class Paint:
    """What a quad is made of.

    ``layer`` and ``detail`` are texture layers, ``random`` tells equal things apart, ``shape`` is (window columns,
    floors) of a facade, (zebra crossing, 0) of a road, (evergreen, 0) of a leaf.
    """

    kind: Kind
    layer: int
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    random: float = 0.0
    shape: tuple[float, float] = (0.0, 0.0)
    detail: int = 0


class Mesh:
    """Quads by surface. Corners go counter-clockwise seen from outside."""

    def __init__(self):
        self.quads: dict[Surface, list[np.ndarray]] = {surface: [] for surface in Surface}

    def arrays(self) -> dict[Surface, np.ndarray]:
        """The quads of each surface as (n, 4, VERTEX_FLOATS) float32."""
        return {surface: _with_normals(np.concatenate(quads)).astype(np.float32) if quads
                else np.zeros((0, 4, VERTEX_FLOATS), np.float32) for surface, quads in self.quads.items()}

    def add(self, surface: Surface, quads: np.ndarray) -> None:
        """Add ready quads (n, 4, VERTEX_FLOATS)."""
        self.quads[surface].append(quads)

    def quad(self, corners, paint: Paint, uv=UNIT_SQUARE, normal=None) -> None:
        """One quad with ``corners`` (4, 3) in metres and ``uv`` (4, 2), flat where no normal is given."""
        vertices = np.empty((1, 4, VERTEX_FLOATS))
        vertices[0, :, POSITION] = corners
        vertices[0, :, NORMAL] = np.nan if normal is None else normal  # _with_normals fills them in
        vertices[0, :, UV] = uv
        vertices[0, :, MATERIAL] = (paint.layer, paint.kind, paint.random, paint.detail)
        vertices[0, :, TINT] = paint.tint
        vertices[0, :, SHAPE] = paint.shape
        self.add(SURFACE_OF.get(paint.kind, Surface.PLAIN), vertices)

    def box(self, frame: 'Frame', low, high, paint: Paint, *, taper: float = 0.0, metres_per_tile: float = 2.0) -> None:
        """An upright box between two corners in ``frame``; its top shrinks by the share ``taper``. No underside."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        bottom = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)
        centre = bottom.mean(axis=0)
        top = centre + (bottom - centre) * (1 - taper)
        for i in range(4):
            j = (i + 1) % 4
            length = np.linalg.norm(bottom[j] - bottom[i])
            self.quad(frame.points([[*bottom[i], z0], [*bottom[j], z0], [*top[j], z1], [*top[i], z1]]), paint,
                      UNIT_SQUARE * (length, z1 - z0) / metres_per_tile)
        self.quad(frame.points([[*corner, z1] for corner in top]), paint,
                  UNIT_SQUARE * (x1 - x0, y1 - y0) / metres_per_tile)

    def prism(self, start, end, start_radius: float, end_radius: float, paint: Paint, sides: int = 4) -> None:
        """A tapering rod without lids between two points (3,)."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        axis = (end - start) / np.linalg.norm(end - start)
        across = np.cross(axis, [0.31, 0.89, 0.17])
        across /= np.linalg.norm(across)
        angles = np.linspace(0, 2 * np.pi, sides + 1)
        ring = np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * np.cross(axis, across)
        length = np.linalg.norm(end - start)
        for i in range(sides):
            self.quad([start + start_radius * ring[i], start + start_radius * ring[i + 1],
                       end + end_radius * ring[i + 1], end + end_radius * ring[i]], paint,
                      UNIT_SQUARE * (1 / sides, length / 2), normal=(ring[i] + ring[i + 1]) / 2)


def _with_normals(quads: np.ndarray) -> np.ndarray:
    """The quads with normals where they have none; for all at once, as np.cross is slow for one."""
    bare = np.isnan(quads[:, 0, NORMAL.start])
    corners = quads[bare][:, :, POSITION]
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    quads[bare, :, NORMAL] = normals[:, None]
    return quads


@dataclasses.dataclass(frozen=True)
class Frame:
    """A place on the ground: ``xy`` (2,) in metres and the heading of its x axis in radians."""

    xy: np.ndarray
    yaw: float

    @property
    def rotation(self) -> np.ndarray:
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[cos, -sin], [sin, cos]])

    def points(self, local) -> np.ndarray:
        """Local points (n, 3) in the map."""
        points = np.array(local, float)
        points[:, :2] = points[:, :2] @ self.rotation.T + self.xy
        return points

    def at(self, x: float, y: float, yaw: float = 0.0) -> 'Frame':
        """A frame within this one."""
        return Frame(self.rotation @ (x, y) + self.xy, self.yaw + yaw)


def placed(quads: np.ndarray, frame: Frame, scale: float = 1.0, tint=(1.0, 1.0, 1.0),
           random: float | None = None) -> np.ndarray:
    """A copy of template quads (n, 4, VERTEX_FLOATS) put at ``frame``, scaled and tinted."""
    copy = quads.copy()
    copy[..., POSITION] *= scale
    for part in (POSITION, NORMAL):
        xy = slice(part.start, part.start + 2)
        copy[..., xy] = copy[..., xy] @ frame.rotation.T
    copy[..., :2] += frame.xy
    copy[..., TINT] *= tint
    if random is not None:
        copy[..., 10] = random
    return copy
