"""A drive in one season as the map, frames of other seasons as queries: how many find their stretch of road.

    python -m dejavu_ros.evaluation.sequence MANIFEST --map SESSION --tolerance 4 --features orb --similarity matches

Truth is ``x`` of the manifest, the position along the road in whatever unit it has.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.data.layouts import read_places
from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError, exit_status
from dejavu_ros.evaluation.settings import EvaluationSettings


def hits_within(predicted_index: np.ndarray, truth_index: np.ndarray, tolerance: float) -> int:
    """How many predictions lie within ``tolerance`` of the truth, both (Q,); NaN is a query without answer."""
    return int((np.abs(np.asarray(predicted_index, float) - np.asarray(truth_index, float)) <= tolerance).sum())


def split(rows: Sequence[ManifestRow], map_session: str) -> tuple[list[ManifestRow], list[ManifestRow]]:
    """Map rows in order along the road, and queries. Raises DataError where one is missing or has no ``x``."""
    lost = next((row for row in rows if row.x is None), None)
    if lost:
        raise DataError(f'{lost.image} has no x: its position along the road is needed')
    keyframes = sorted((row for row in rows if row.session == map_session), key=lambda row: row.x)
    queries = [row for row in rows if row.session != map_session]
    if not keyframes or not queries:
        raise DataError(f'a map and queries are needed: {len(keyframes)} images of session {map_session}, '
                        f'{len(queries)} of others; sessions: {", ".join(sorted({row.session for row in rows}))}')
    return keyframes, queries


def rank_one(keyframes: Sequence[ManifestRow], queries: Sequence[ManifestRow],
             settings: EvaluationSettings) -> np.ndarray:
    """(Q,) position of the map image most like each query; NaN where none is more alike than the rest."""
    from dejavu_ros.evaluation.features import Method

    table = Method(settings).table([row.image for row in queries], [row.image for row in keyframes])
    positions = np.array([row.x for row in keyframes])[table.argmax(1)]
    return np.where(table.max(1) > table.min(1), positions, np.nan)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='sequence', description=__doc__.splitlines()[0])
    parser.add_argument('manifest')
    parser.add_argument('--map', required=True, metavar='SESSION', help='session that is the map')
    parser.add_argument('--tolerance', type=float, required=True, help='in the unit of x')
    add_arguments(parser, EvaluationSettings, skip=('radius', 'map', 'centre'))
    arguments = parser.parse_args(argv)

    def work() -> int:
        settings = from_arguments(EvaluationSettings, arguments)
        keyframes, queries = split(read_places(arguments.manifest).rows, arguments.map)
        hits = hits_within(rank_one(keyframes, queries, settings), [row.x for row in queries], arguments.tolerance)
        print(f'{settings.features} {settings.similarity}: {hits} of {len(queries)} queries within '
              f'{arguments.tolerance:g} at rank 1 among {len(keyframes)} map images')
        return 0

    return exit_status('sequence', work)


if __name__ == '__main__':
    sys.exit(main())
