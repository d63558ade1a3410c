"""Wavefront OBJ files: triangles by material, with colours and textures from their MTL files."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dejavu_ros.errors import DataError

GREY = (0.6, 0.6, 0.6)  # of what has no material


@dataclasses.dataclass(frozen=True)
class Material:
    """``colour`` (3,) in [0, 1] times the picture ``texture``, if any."""

    colour: tuple[float, float, float] = GREY
    texture: Path | None = None


@dataclasses.dataclass(frozen=True)
class Part:
    """The triangles of one material: ``corners`` (n, 3, 3) in the file's units and axes, ``uv`` (n, 3, 2)."""

    material: Material
    corners: np.ndarray
    uv: np.ndarray


def read_obj(path: str | Path) -> list[Part]:
    """The faces of a file, cut into triangles; lines, curves, normals and groups are left aside.

    Raises DataError where there is no file, no face, or a line that makes no sense, with its number.
    """
    path = Path(path)
    points, coordinates, materials = [], [(0.0, 0.0)], {}
    faces: dict[str, list[list[tuple[int, int]]]] = {}
    current = ''
    for number, (word, rest) in _lines(path):
        try:
            if word == 'v':
                points.append([float(value) for value in rest.split()[:3]])
            elif word == 'vt':
                coordinates.append([*map(float, rest.split()[:2]), 0.0][:2])
            elif word == 'usemtl':
                current = rest
            elif word == 'mtllib':
                materials |= read_mtl(path.parent / rest)
            elif word == 'f':
                corners = [_corner(item, len(points), len(coordinates)) for item in rest.split()]
                if len(corners) < 3:
                    raise ValueError('a face needs three corners')
                faces.setdefault(current, []).extend([corners[0], *pair] for pair in zip(corners[1:], corners[2:]))
        except (ValueError, IndexError) as error:
            raise DataError(f'{path} line {number}: {word} {rest!r} makes no sense ({error})') from None
    if not faces:
        raise DataError(f'{path} has no faces: it is no OBJ file, or holds lines and points alone')
    points, coordinates = np.array(points), np.array(coordinates)
    parts = []
    for name, triangles in faces.items():
        index = np.array(triangles)  # (n, 3, 2) of points and coordinates
        parts.append(Part(materials.get(name, Material()), points[index[..., 0]], coordinates[index[..., 1]]))
    return parts


def read_mtl(path: Path) -> dict[str, Material]:
    """Materials by name: ``Kd`` and ``map_Kd``. Raises DataError where the file is missing or makes no sense."""
    materials: dict[str, Material] = {}
    name = ''
    for number, (word, rest) in _lines(path):
        try:
            if word == 'newmtl':
                name = rest
                materials[name] = Material()
            elif word == 'Kd':
                red, green, blue = (float(value) for value in rest.split()[:3])
                materials[name] = dataclasses.replace(materials[name], colour=(red, green, blue))
            elif word == 'map_Kd':  # options may stand before the file's name, which may have blanks
                file = rest if not rest.startswith('-') else rest.split()[-1]
                materials[name] = dataclasses.replace(materials[name], texture=path.parent / file.replace('\\', '/'))
        except (ValueError, KeyError) as error:
            raise DataError(f'{path} line {number}: {word} {rest!r} makes no sense ({error})') from None
    return materials


def _lines(path: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    """Number, first word and the rest of each line that says something."""
    try:
        text = path.read_text(errors='replace')
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror}') from None
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.split('#')[0].strip().partition(' ')
        if word:
            yield number, (word, rest.strip())


def _corner(item: str, points: int, coordinates: int) -> tuple[int, int]:
    """Index of the point and of the coordinate (0: none) of ``v``, ``v/vt``, ``v//vn`` or ``v/vt/vn``."""
    point, coordinate = [int(part) if part else 0 for part in item.split('/')[:2]] if '/' in item else (int(item), 0)
    # files count from 1, and backwards from -1
    point = point - 1 if point > 0 else points + point
    coordinate = coordinate if coordinate >= 0 else coordinates + coordinate
    if not 0 <= point < points or not coordinate < coordinates:
        raise IndexError(f'{item} was not defined before')
    return point, coordinate
