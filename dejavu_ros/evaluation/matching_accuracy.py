"""How exactly keypoints are found again across sessions: mean matching accuracy where the truth is a shift."""

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate
from tqdm import tqdm

from dejavu_ros.data.layouts import PlaceSet
from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.figures import new_figure, as_png
from dejavu_ros.evaluation.measure import check_writable, identity
from dejavu_ros.files import new_file
from dejavu_ros.images import load_image
from dejavu_ros.matching.accuracy import THRESHOLDS, mean_correct, mean_matching_accuracy
from dejavu_ros.matching.pipeline import make_features, match
from dejavu_ros.matching.settings import AccuracySettings

SHOWN = (1, 3, 5, 10)  # px, in the table
Offsets = Callable[[np.ndarray, ManifestRow, ManifestRow], np.ndarray]  # displacements (M, 2) to errors (M,), in px


def evaluate_matching(places: PlaceSet, settings: AccuracySettings, output: str | Path) -> str:
    """Write ``matching.json`` and ``matching.png`` to ``output`` and return the table for the terminal.

    Raises CheckpointError, ConfigError, DataError, ImageError.
    """
    check_writable(Path(output))
    result = measure_matching(places, settings)
    with new_file(Path(output) / 'matching.png') as file:
        file.write(accuracy_curves(result['features'], places.name))
    with new_file(Path(output) / 'matching.json', 'w') as file:
        json.dump(result, file, indent=1, allow_nan=False)
        file.write('\n')
    return table(result['features'])


def measure_matching(places: PlaceSet, settings: AccuracySettings) -> dict:
    """The content of ``matching.json``."""
    offsets = shifted(settings.shifts) if settings.shifts else fixed
    pairs = choose_pairs(places.rows, settings.pairs)
    measured, checkpoint = {}, None
    for name in settings.names:
        features = make_features(name, settings)
        errors = match_errors(pairs, name, features, settings.ratio, offsets)
        measured[name] = {'mean_matching_accuracy': mean_matching_accuracy(errors).tolist(),
                          'correct_matches': mean_correct(errors).tolist(),
                          'matches': float(np.mean([len(pair) for pair in errors]))}
        if name == 'dvf':
            checkpoint = features.extractor.checkpoint.identity
    return {'set': places.name, 'images': identity(places.rows), 'n_places': len(pairs),
            'n_pairs': sum(map(len, pairs)), 'shifts': settings.shifts or None, 'count': settings.count,
            'ratio': settings.ratio, 'input_side': settings.input_side, 'checkpoint': checkpoint,
            'thresholds_px': THRESHOLDS, 'features': measured}


def accuracy_curves(measured: dict[str, dict], title: str) -> bytes:
    """Mean matching accuracy over the thresholds, and beside it the number of right matches, as PNG."""
    figure = new_figure(9, 3.6)
    for axis, key, label in zip(figure.subplots(1, 2), ('mean_matching_accuracy', 'correct_matches'),
                                ('share of matches that are right', 'right matches of a pair of images')):
        for name, row in measured.items():
            axis.plot(THRESHOLDS, row[key], marker='.', label=name)
        axis.set(xlabel='right up to (px)', ylabel=label, xlim=(THRESHOLDS[0], THRESHOLDS[-1]), ylim=(0, None))
        axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.suptitle(f'{title}: mean matching accuracy', fontsize=10)
    return as_png(figure)


def table(measured: dict[str, dict]) -> str:
    headers = ['features', *(f'MMA {limit} px' for limit in SHOWN), 'matches',
               *(f'right {limit} px' for limit in SHOWN)]
    rows = [[name, *(f'{row["mean_matching_accuracy"][limit - 1]:.3f}' for limit in SHOWN), f'{row["matches"]:.0f}',
             *(f'{row["correct_matches"][limit - 1]:.0f}' for limit in SHOWN)] for name, row in measured.items()]
    return tabulate(rows, headers, disable_numparse=True, colalign=('left', *['right'] * 9))


def choose_pairs(rows: Sequence[ManifestRow], limit: int) -> list[list[tuple[ManifestRow, ManifestRow]]]:
    """Pairs of different sessions for each place, at most ``limit`` of a place, evenly chosen.

    A file that appears twice is no pair with itself. Raises DataError where there is no pair.
    """
    places = defaultdict(list)
    for row in rows:
        places[row.place].append(row)
    chosen = []
    for members in places.values():
        contents = {row.image: row.image.read_bytes() for row in members}
        pairs = [(a, b) for a, b in itertools.combinations(members, 2)
                 if a.session != b.session and contents[a.image] != contents[b.image]]
        chosen.append([pairs[index] for index in
                       np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), limit)).round().astype(int))])
    chosen = [pairs for pairs in chosen if pairs]
    if not chosen:
        raise DataError(f'no place is seen in two sessions by different images, among {len(rows)} images')
    return chosen


def match_errors(pairs: Sequence[Sequence[tuple[ManifestRow, ManifestRow]]], name: str, features, ratio: float,
                 offsets: Offsets) -> list[np.ndarray]:
    """(M_i,) errors in px of the matches of each pair; the features of one place at a time are in memory."""
    errors = []
    with tqdm(total=sum(map(len, pairs)), desc=name, unit='pair', disable=None) as progress:
        for place in pairs:
            described = {}
            for path in sorted({row.image for pair in place for row in pair}):
                image = load_image(path)
                described[path] = image.shape, features(image)
            for a, b in place:
                (shape_a, first), (shape_b, second) = described[a.image], described[b.image]
                if shape_a != shape_b:
                    raise DataError(f'{a.image} and {b.image} differ in size, {shape_a[1]}x{shape_a[0]} and '
                                    f'{shape_b[1]}x{shape_b[0]}: the truth is a shift of pixels')
                found = match(first, second, name, ratio)
                moved = second.points[found[:, 1]] - first.points[found[:, 0]]
                errors.append(offsets(moved, a, b))
                progress.update()
    return errors


def fixed(moved: np.ndarray, a: ManifestRow, b: ManifestRow) -> np.ndarray:
    """Of a camera that does not move: whatever moves is wrong by that much."""
    return np.linalg.norm(moved, axis=1)


def shifted(folder: str) -> Offsets:
    """Of horizontal shifts between sessions, as GRIEF has them; vertically nothing is known, and nothing asked for.

    Raises DataError where they cannot be read, or when asked about a place or session that they lack.
    """
    matrices = {}
    for path in sorted(Path(folder).glob('location_*.txt')):
        try:
            matrices[path.stem.removeprefix('location_')] = np.loadtxt(path, ndmin=2)
        except (OSError, ValueError) as error:
            raise DataError(f'{path} holds no table of shifts: {str(error).splitlines()[0]}') from None
    if not matrices:
        raise DataError(f'{folder} holds no location_N.txt: give the folder with the shifts of each place')

    def offsets(moved: np.ndarray, a: ManifestRow, b: ManifestRow) -> np.ndarray:
        try:
            shift = matrices[a.place.lstrip('0')][int(a.session) - 1, int(b.session) - 1]
        except (KeyError, ValueError, IndexError):
            raise DataError(f'{folder} has no shift for place {a.place} from session {a.session} to {b.session}; it '
                            f'has places {", ".join(matrices)}, with sessions numbered from 1') from None
        return np.abs(moved[:, 0] - shift)

    return offsets
