"""Manifests: CSV files that say which image shows which place in which session."""

import csv
import dataclasses
import math
import os
from collections.abc import Iterable
from pathlib import Path

from dejavu_ros.errors import DataError
from dejavu_ros.files import new_file

REQUIRED = ('image', 'place', 'session')
OPTIONAL = ('condition', 'stamp_ns', 'x', 'y', 'yaw')


@dataclasses.dataclass(frozen=True)
class ManifestRow:
    """One image: its ``place`` and ``session`` are labels; ``x``, ``y`` metres and ``yaw`` radians in one map frame."""

    image: Path
    place: str
    session: str
    condition: str = ''
    stamp_ns: int | None = None
    x: float | None = None
    y: float | None = None
    yaw: float | None = None


def read_manifest(path: str | Path) -> list[ManifestRow]:
    """The rows of a manifest, image paths resolved against its folder; columns beyond the known ones are ignored.

    Raises DataError, with the line number, for a missing file, column, label or image, or a number that is none.
    """
    path = Path(path)
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file)
            missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f'manifest {path} has no column {", ".join(missing)}; its first line has: '
                                f'{", ".join(reader.fieldnames or ()) or "nothing"}')
            rows = [_row(values, path, reader.line_num) for values in reader]
    except OSError as error:
        raise DataError(f'no manifest {path}: {error.strerror}') from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f'manifest {path} is not a CSV text file: {error}') from None
    if not rows:
        raise DataError(f'manifest {path} has a header and no rows')
    return rows


def write_manifest(path: str | Path, rows: Iterable[ManifestRow]) -> None:
    """Write a manifest, whole or not at all; images below its folder get relative paths, others absolute ones."""
    path = Path(path)
    rows = list(rows)
    folder = path.resolve().parent
    used = [name for name in OPTIONAL if any(getattr(row, name) not in (None, '') for row in rows)]
    with new_file(path, 'w') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow([*REQUIRED, *used])
        for row in rows:
            image = Path(os.path.abspath(row.image))
            if image.is_relative_to(folder):
                image = image.relative_to(folder)
            values = [getattr(row, name) for name in used]
            writer.writerow([image.as_posix(), row.place, row.session, *('' if v is None else v for v in values)])


def _row(values: dict[str, str], path: Path, line: int) -> ManifestRow:
    def number(name: str, kind: type):
        text = (values.get(name) or '').strip()
        if not text:
            return None
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f'manifest {path} line {line}: {name} is {text!r}, not a finite {kind.__name__}')
        return value

    labels = {name: (values[name] or '').strip() for name in REQUIRED}
    for name, label in labels.items():
        if not label:
            raise DataError(f'manifest {path} line {line}: {name} is empty')
    image = path.parent / labels['image']
    if not image.is_file():
        raise DataError(f'manifest {path} line {line}: there is no image {image}')
    x, y = number('x', float), number('y', float)
    if (x is None) != (y is None):
        raise DataError(f'manifest {path} line {line}: x and y belong together, one is empty')
    return ManifestRow(image, labels['place'], labels['session'], (values.get('condition') or '').strip(),
                       number('stamp_ns', int), x, y, number('yaw', float))
