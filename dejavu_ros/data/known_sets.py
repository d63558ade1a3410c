"""Manifests of public image sets, from the layout they are published in.

    python -m dejavu_ros.data.known_sets grief FOLDER -o grief.csv
"""

import argparse
import csv
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dejavu_ros.data.layouts import read_places
from dejavu_ros.data.manifests import ManifestRow, read_manifest, write_manifest
from dejavu_ros.data.windows import write_windows
from dejavu_ros.errors import DataError, exit_status


def grief(folder: Path) -> list[ManifestRow]:
    """GRIEF Michigan (Krajnik et al. 2017): ``images/SSLL.jpg`` is session SS at place LL."""
    return [ManifestRow(path, place=path.stem[2:], session=path.stem[:2]) for path in files(folder, 'images/????.jpg')]


def webcams(folder: Path) -> list[ManifestRow]:
    """Fixed cameras, ``CAMERA/YYYYMMDD_HHMMSS.jpg`` (TILDE, AMOS): place = camera, every image a session of its own."""
    return [ManifestRow(path, place=path.parent.name, session=path.stem) for path in files(folder, '*/*_*.jpg')]


def webcams_by_month(folder: Path) -> list[ManifestRow]:
    """The same with the month (YYYYMM) as session."""
    return [ManifestRow(row.image, row.place, row.session[:6]) for row in webcams(folder)]


def webcams_by_hour(folder: Path) -> list[ManifestRow]:
    """The same with the hour of the day as session."""
    return [ManifestRow(row.image, row.place, row.session[9:11]) for row in webcams(folder)]


def camera(folder: Path) -> list[ManifestRow]:
    """The folder of one fixed camera: place = folder, every image a session of its own."""
    return [ManifestRow(path, place=folder.resolve().name, session=path.stem) for path in files(folder, '*.jpg')]


def cmu_seasons(folder: Path) -> list[ManifestRow]:
    """Extended CMU Seasons stretch with its pseudo ground truth: ``x`` is the position in spring frames, not metres.

    Spring frames, and the query frames that are known well (``high``); place = nearest spring frame.
    """
    spring = files(folder, '*_spring/*.jpg')
    rows = [ManifestRow(path, str(i), path.parent.name, x=float(i), y=0.0) for i, path in enumerate(spring)]
    queries = {path.name: path for path in files(folder, '*/*.jpg') if path.parent != spring[0].parent}
    for name, index in high_rows(folder / 'pseudo_gt_c0.csv').items():
        path = queries[name]
        rows.append(ManifestRow(path, str(round(index)), path.parent.name, x=index, y=0.0))
    return rows


def neighbours(folder: Path) -> list[ManifestRow]:
    """Walks that pass every place once, in any layout: every two frames are one place in two sessions.

    ``condition`` is the walk, so that a source can leave some out.
    """
    walks: dict[str, list[ManifestRow]] = {}
    for row in layout(folder):
        walks.setdefault(row.session, []).append(row)
    return [dataclasses.replace(row, place=f'{walk}-{index // 2:03d}', session=('first', 'second')[index % 2],
                                condition=walk)
            for walk, rows in sorted(walks.items()) for index, row in enumerate(rows[:len(rows) // 2 * 2])]


def layout(folder: Path) -> list[ManifestRow]:
    """A folder that training and evaluation also read as it is: see :mod:`dejavu_ros.data.layouts`."""
    found = read_places(folder)
    for note in found.notes:
        print(f'{found.name}: {note}')
    return found.rows


def high_rows(path: Path) -> dict[str, float]:
    """Query file -> index into the sorted spring frames, of the rows marked ``high``."""
    try:
        with open(path, newline='') as file:
            rows = list(csv.reader(file))[1:]
    except OSError as error:
        raise DataError(f'no ground truth {path}: {error.strerror}') from None
    return {query: float(index) for query, _, index, confidence in rows if confidence == 'high'}


def files(folder: Path, pattern: str) -> list[Path]:
    """Sorted by path. Raises DataError where nothing is there."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise DataError(f'{folder} holds no {pattern}: is it the right folder?')
    return found


SETS: dict[str, Callable[[Path], list[ManifestRow]]] = {
    'grief': grief, 'webcams': webcams, 'webcams-by-month': webcams_by_month, 'webcams-by-hour': webcams_by_hour,
    'camera': camera, 'cmu-seasons': cmu_seasons, 'neighbours': neighbours, 'layout': layout}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='known_sets', description=__doc__.splitlines()[0])
    parser.add_argument('set', choices=SETS)
    parser.add_argument('folder', type=Path)
    parser.add_argument('-o', '--output', required=True, metavar='CSV', help='manifest; with --windows a new folder')
    parser.add_argument('--every', type=int, default=1, metavar='N', help='keep every N-th image only')
    parser.add_argument('--windows', action='store_true', help='cut the images of fixed cameras into windows, each a '
                                                               'place, and write them')
    parser.add_argument('--only', nargs='+', metavar='PLACE', help='keep these places (cameras)')
    parser.add_argument('--but', nargs='+', metavar='PLACE', default=(), help='leave these places out')
    arguments = parser.parse_args(argv)

    def work() -> int:
        rows = [row for row in SETS[arguments.set](arguments.folder)
                if row.place not in arguments.but and (not arguments.only or row.place in arguments.only)]
        rows = rows[::max(1, arguments.every)]
        if not rows:
            raise DataError(f'{arguments.folder} has no image of these places')
        if arguments.windows:
            rows = write_windows(arguments.output, rows)
        else:
            write_manifest(arguments.output, rows)
            read_manifest(arguments.output)
        print(f'{arguments.output}: {len(rows)} images, {len({row.place for row in rows})} places, '
              f'{len({row.session for row in rows})} sessions')
        return 0

    return exit_status('known_sets', work)


if __name__ == '__main__':
    sys.exit(main())
