"""Every system of the family on the same images: how well it finds places, what a frame and a keyframe cost."""

import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dejavu_ros.data.layouts import PlaceSet
from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import ConfigError
from dejavu_ros.evaluation.features import Method
from dejavu_ros.evaluation.metrics import by_session, retrieval_metrics
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.files import new_file
from dejavu_ros.nn.checkpoint import default_checkpoint_path

REFERENCE = 'dvf'  # whose time for a frame is 1
TIMED = 10  # images, after as many that warm up
ALPHAS = '0', '0.2', '0.4', '0.6', '0.8', '1'
HEADERS = {'system': 'system', 'dataset': 'set', 'cross_session_auc': 'AUC [%]', 'recall_at_1': 'recall@1 [%]',
           'median_position_error_m': 'position error [m]', 'ms_per_frame_ratio': 'time of a frame',
           'bytes_per_keyframe': 'bytes a keyframe'}


def known_systems() -> dict[str, EvaluationSettings]:
    """Name -> what to evaluate; ``dvf`` is the shipped checkpoint, others lie beside it."""
    folder = default_checkpoint_path().parent
    files = {REFERENCE: '', 'dvf rendered': folder / 'rendered.pt', 'dvf student': folder / 'student.pt',
             **{f'dvf alpha {alpha}': folder / f'alpha_{alpha}.pt' for alpha in ALPHAS}}
    systems = {name: EvaluationSettings(checkpoint=str(file)) for name, file in files.items()}
    systems['dvf, random weights'] = EvaluationSettings(checkpoint='random')
    systems['dvf, plain matching'] = EvaluationSettings(similarity='matches')
    systems['netvlad'] = EvaluationSettings('netvlad', 'descriptor')
    systems['netvlad maps + cx'] = EvaluationSettings('netvlad', max_grid=16)
    for name in ('orb', 'sift', 'rootsift'):
        systems[name] = EvaluationSettings(name, 'matches')
        systems[f'{name} + cx'] = EvaluationSettings(name)
    return systems


def compare_systems(sets: Sequence[PlaceSet], names: Sequence[str], folder: str | Path) -> str:
    """Measure the systems ``names`` (none: all) on every set; write ``systems.json`` to ``folder``, return the table.

    Raises ConfigError for a system that is not known, and what the systems themselves raise.
    """
    systems = known_systems()
    unknown = [name for name in names if name not in systems]
    if unknown:
        raise ConfigError(f'no system {unknown[0]!r}; there are: {"; ".join(systems)}')
    chosen = list(names) or list(systems)
    rows = []
    for places in sets:
        reference = frame_time(Method(systems[REFERENCE]), places.rows)
        rows += [measured(name, systems[name], places, reference) for name in chosen]
    with new_file(Path(folder) / 'systems.json', 'w') as file:
        json.dump(rows, file, indent=1, allow_nan=False)
        file.write('\n')
    return tabulate([[text(row[key]) for key in HEADERS] for row in rows], list(HEADERS.values()), tablefmt='pipe',
                    disable_numparse=True)


def measured(name: str, settings: EvaluationSettings, places: PlaceSet, reference: float) -> dict:
    """One row; ``reference`` are the seconds of a frame that count as 1. None where a figure does not apply."""
    method = Method(settings)
    descriptors = method.descriptors([row.image for row in places.rows])
    similarity = method.all_pairs(descriptors)
    metrics = retrieval_metrics(places.rows, similarity)
    return {'system': name, 'dataset': places.name, 'cross_session_auc': metrics['cross_session_auc'],
            'recall_at_1': metrics['recall_at']['1'],
            'median_position_error_m': position_error(places.rows, similarity),
            'ms_per_frame_ratio': frame_time(method, places.rows) / reference,
            'bytes_per_keyframe': int(np.median([stored(descriptor, settings.features) for descriptor in descriptors]))}


def frame_time(method: Method, rows: Sequence[ManifestRow]) -> float:
    """Seconds of one image from its file to its descriptors, median."""
    images = [row.image for row in rows[:TIMED]]
    method.descriptors(images)
    seconds = []
    for image in images:
        started = time.perf_counter()
        method.descriptors([image])
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def stored(descriptor: np.ndarray, features: str) -> int:
    """Bytes of descriptors (n, N): the bits of ORB, float16 of the others."""
    return descriptor.size // 8 if features == 'orb' else 2 * descriptor.size


def position_error(rows: Sequence[ManifestRow], similarity: np.ndarray) -> float | None:
    """Median metres between a query and the most similar image of another session; None without positions."""
    if any(row.x is None for row in rows):
        return None
    positions = np.array([(row.x, row.y) for row in rows])
    sessions = by_session(rows)
    errors = []
    for queries, keyframes in itertools.permutations(sessions.values(), 2):
        best = keyframes[similarity[np.ix_(queries, keyframes)].argmax(1)]
        errors.append(np.linalg.norm(positions[queries] - positions[best], axis=1))
    return float(np.median(np.concatenate(errors)))


def text(value: str | float | None) -> str:
    if value is None:
        return '-'
    return f'{value:.2f}' if isinstance(value, float) else f'{value:,}' if isinstance(value, int) else value
