"""Image files named by where they were taken, as the data sets of visual geo-localization are laid out.

    @EAST@NORTH@ZONE@LETTER@LATITUDE@LONGITUDE@PANO@TILE@HEADING@PITCH@ROLL@HEIGHT@TIMESTAMP@NOTE@.jpg

Only east and north (UTM metres) must be there. The convention is that of the visual place recognition data sets that
were brought into one format for Berton et al., "Deep Visual Geo-localization Benchmark" (CVPR 2022).
"""

import math
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.data.places import NOWHERE, cluster
from dejavu_ros.errors import DataError

FIELDS = 15  # between and after the signs, with the suffix
EAST, NORTH, ZONE, LETTER, HEADING, TIMESTAMP = 1, 2, 3, 4, 9, 13  # numbers of the fields
RADIUS, ANGLE, GAP = 10.0, math.radians(30), 5.0  # metres, radians, metres: see dejavu_ros.data.places
ZONE_APART = 1e6  # metres put between zones: the east of each is counted anew
# folders of a set that is searched, and of what is asked of it; also queries_night, database_v2
ROLES = {'database': re.compile(r'(databases?|db|gallery|galleries|references?|refs?|index|indexes|indices|maps?)'
                                r'([_\- ].*|\d*)', re.IGNORECASE),
         'queries': re.compile(r'(quer(y|ies)|probes?)([_\- ].*|\d*)', re.IGNORECASE)}
EQUATOR = 1e7  # the north of southern zones is counted from this far south


def read(folder: Path, images: Sequence[Path]) -> tuple[list[ManifestRow], list[str]] | None:
    """Rows and notes of a folder with such names, at any depth; None where no image has one.

    Places are clusters of ``RADIUS``, and of heading where the names tell it; what lies between them is left out. A
    session is a day (``YYYYMMDD``, or as much of it as the names tell), or the folder where they tell none. Where all
    images lie in folders of both ROLES, at any depth, these are the sessions, and what lies between places is a place
    of its own: queries are asked of a gallery, and none of either may be missing. Raises DataError where a position is
    no number.
    """
    named = [image for image in images if image.name.startswith('@')]
    if not named:
        return None
    fields = [image.name.split('@') for image in named]
    # shorter names tell other things in the fields after the first two
    full = [field if len(field) > FIELDS else [*field[:3], *[''] * (FIELDS - 2)] for field in fields]
    positions = np.array([_position(image, field) for image, field in zip(named, full)])
    zones = np.array([int(field[ZONE]) if field[ZONE].isdecimal() else 0 for field in full])
    positions[:, 0] += ZONE_APART * (zones - zones.min())
    yaws = np.array([_yaw(field[HEADING]) for field in full])
    labels, centres = cluster(positions, yaws, RADIUS, ANGLE, GAP)
    roles = _role_folders(folder, named)
    if roles:
        between = labels == NOWHERE
        labels[between] = len(centres) + np.arange(between.sum())
    rows = []
    for image, field, (x, y), yaw, label in zip(named, full, positions.tolist(), yaws.tolist(), labels.tolist()):
        if label != NOWHERE:
            place = str(image.parent.relative_to(folder))
            session = roles[image.parent] if roles else field[TIMESTAMP][:8] or place
            rows.append(ManifestRow(image, f'{label:05d}', session, place if place != '.' else '', x=x, y=y,
                                    yaw=None if math.isnan(yaw) else yaw))
    counted = [(len(images) - len(named), 'have no position in their name'),
               (len(named) - len(rows), f'lie between places of {RADIUS:g} m')]
    return rows, [f'{count} of {len(images)} images {why} and are left out' for count, why in counted if count]


def gallery_and_queries(sessions: Collection[str]) -> tuple[str, str] | None:
    """Which of two sessions is searched, and which is asked; None where they are not called so."""
    played = {_role(name.rpartition('/')[2]): name for name in sessions}
    return (played['database'], played['queries']) if len(sessions) == 2 and set(played) == set(ROLES) else None


def _role(name: str) -> str:
    """Of a folder; empty where it plays none."""
    return next((role for role, names in ROLES.items() if names.fullmatch(name)), '')


def _role_folders(folder: Path, images: Sequence[Path]) -> dict[Path, str]:
    """For each folder of images that within ``folder`` which plays a role; empty unless all do, and both are there."""
    found, played = {}, set()
    for parent in {image.parent for image in images}:
        parts = parent.relative_to(folder).parts
        at, role = next(((at, _role(part)) for at, part in enumerate(parts) if _role(part)), (-1, ''))
        found[parent] = '/'.join(parts[:at + 1])
        played.add(role)
    return found if played == set(ROLES) else {}


def _position(image: Path, field: list[str]) -> tuple[float, float]:
    """Metres east and north, of the equator in both hemispheres."""
    try:
        east, north = float(field[EAST]), float(field[NORTH])
    except (IndexError, ValueError):
        east = north = math.nan
    if not math.isfinite(east + north):
        raise DataError(f'{image} names no position: expected @EAST@NORTH@... in metres')
    return east, north - EQUATOR if 'C' <= field[LETTER].upper() < 'N' else north


def _yaw(heading: str) -> float:
    """Radians from east towards north of a compass heading in degrees; NaN where there is none."""
    try:
        return math.remainder(math.radians(90 - float(heading)), math.tau)
    except ValueError:
        return math.nan
