"""Sets of images of known places, as they lie on the disk: :func:`read_places` tells the layouts apart."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from dejavu_ros.data import robotcar, utm_names
from dejavu_ros.data.manifests import ManifestRow, read_manifest
from dejavu_ros.errors import DataError
from dejavu_ros.images import SUFFIXES

MANIFEST = 'manifest.csv'  # in a folder that brings its own


@dataclasses.dataclass(frozen=True)
class PlaceSet:
    """The ``rows`` of one set of images; ``notes`` say what was left out of it and why, a line each."""

    name: str
    rows: list[ManifestRow]
    notes: list[str]


def read_places(path: str | Path) -> PlaceSet:
    """Read a manifest, or a folder in any of the layouts of docs/training_data.md, recognised by what is in it.

    Raises DataError for a folder of no known layout, saying what was sought and what is there, and for a manifest or
    layout that is damaged or has no usable image.
    """
    path = Path(path).absolute()
    if not path.is_dir():
        return PlaceSet(path.parent.name if path.name == MANIFEST else path.stem, read_manifest(path), [])
    if (path / MANIFEST).is_file():
        return PlaceSet(path.name, read_manifest(path / MANIFEST), [])
    images = find_images(path)
    for read in (robotcar.read, utm_names.read, read_equal_names):
        found = read(path, images)
        if found:
            return PlaceSet(path.name, *found)
    folders = sorted({str(image.parent.relative_to(path)) for image in images})
    raise DataError(f'folder {path} is in no known layout: sought {MANIFEST}, images/CONDITION/rear (RobotCar '
                    f'Seasons), names @EAST@NORTH@..., or equal names in two folders; found {len(images)} images in '
                    f'{len(folders)} folders ({", ".join(folders[:4])}{", ..." if len(folders) > 4 else ""}): '
                    'write a manifest')


def find_images(folder: Path) -> list[Path]:
    """All images below a folder, links followed, sorted by path."""
    return sorted(Path(parent, name) for parent, _, names in os.walk(folder, followlinks=True) for name in names
                  if name.lower().endswith(SUFFIXES) and not name.startswith('.'))


def read_equal_names(folder: Path, images: Sequence[Path]) -> tuple[list[ManifestRow], list[str]] | None:
    """Rows and notes of season folders with equal file names (Nordland); None where no two folders share a name.

    ``SEASON/NAME.png``, also with further folders in NAME: a season is a session, a name a place.
    """
    if (folder / 'poses.txt').is_file():  # one drive, whose depth pictures are named as its images
        return None
    parts = [(image, *_season_and_name(image.relative_to(folder))) for image in images if image.parent != folder]
    seasons: dict[str, set[str]] = {}
    for _, season, name in parts:
        seasons.setdefault(name, set()).add(season)
    rows = [ManifestRow(image, os.path.splitext(name)[0], season) for image, season, name in parts
            if len(seasons[name]) > 1]
    if not rows:
        return None
    alone = len(images) - len(rows)
    return rows, [*([f'{alone} of {len(images)} images have no other of their name and are left out'] if alone else []),
                  *empty_folders(folder, {row.session for row in rows})]


def empty_folders(folder: Path, used: set[str]) -> list[str]:
    """A note for each season folder that gave no image."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith('.'))
    return [f'folder {name} shows no place of another folder and is left out' for name in names if name not in used]


def _season_and_name(path: Path) -> tuple[str, str]:
    season, *name = path.parts
    return season, '/'.join(name)
