"""Manifests: CSV files that say which image shows which place in which session."""

import csv
import dataclasses
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dejavu_ros.errors import DataError
from dejavu_ros.files import new_file

REQUIRED = ('image', 'place', 'session')
OPTIONAL = ('condition', 'stamp_ns', 'x', 'y', 'yaw', 'next')


@dataclasses.dataclass(frozen=True)
class ManifestRow:
    """One image: its ``place`` and ``session`` are labels; ``x``, ``y`` metres and ``yaw`` radians in one map frame.

    ``next`` is the image of the frame after it in the same drive, which need not be a row of its own.
    """

    image: Path
    place: str
    session: str
    condition: str = ''
    stamp_ns: int | None = None
    x: float | None = None
    y: float | None = None
    yaw: float | None = None
    next: Path | None = None


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


def write_manifest(path: str | Path, rows: Iterable[ManifestRow], more: Mapping[str, Sequence] | None = None) -> None:
    """Write a manifest, whole or not at all; images below its folder get relative paths, others absolute ones.

    ``more`` are further columns, a value for each row.
    """
    path, rows, more = Path(path), list(rows), more or {}
    folder = path.resolve().parent
    used = [name for name in OPTIONAL if any(getattr(row, name) not in (None, '') for row in rows)]

    def cell(value) -> str:
        if not isinstance(value, Path):
            return '' if value is None else value
        value = Path(os.path.abspath(value))
        return (value.relative_to(folder) if value.is_relative_to(folder) else value).as_posix()

    with new_file(path, 'w') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow([*REQUIRED, *used, *more])
        for row, *others in zip(rows, *more.values(), strict=True):
            writer.writerow([*(cell(getattr(row, name)) for name in (*REQUIRED, *used)), *others])


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
    image, following = path.parent / labels['image'], (values.get('next') or '').strip()
    following = path.parent / following if following else None
    for file in filter(None, (image, following)):
        if not file.is_file():
            raise DataError(f'manifest {path} line {line}: there is no image {file}')
    x, y = number('x', float), number('y', float)
    if (x is None) != (y is None):
        raise DataError(f'manifest {path} line {line}: x and y belong together, one is empty')
    return ManifestRow(image, labels['place'], labels['session'], (values.get('condition') or '').strip(),
                       number('stamp_ns', int), x, y, number('yaw', float), following)
