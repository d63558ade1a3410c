"""All systems on the same images: how well each finds places, what a frame and a keyframe cost."""

import itertools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dejavu_ros.data.layouts import PlaceSet
from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.features import Method
from dejavu_ros.evaluation.measure import identity
from dejavu_ros.evaluation.metrics import by_session, retrieval_metrics
from dejavu_ros.evaluation.reranking import looked_again
from dejavu_ros.evaluation.second_looks import SECOND_LOOKS, SecondLook
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.evaluation.systems import System
from dejavu_ros.files import new_file

SHORTLIST = 10  # images of another session that are looked at again
TIMED = 10  # images, after as many that warm up
DONE = 'done'  # folder with a file a row, from which an interrupted benchmark goes on


def measure_systems(sets: Sequence[PlaceSet], systems: dict[str, System], folder: Path,
                    radius: float = 0.0) -> list[dict]:
    """A row of ``systems.json`` for each of the systems on each set; what ``folder`` has of them is not done again.

    ``radius`` as for :func:`dejavu_ros.evaluation.metrics.retrieval_metrics`. Raises what the systems themselves raise.
    """
    rows, reference = [], Method(EvaluationSettings())
    for places in sets:
        for name, system in systems.items():
            key = f'{identity(places.rows)}-{radius:g}-{system.identity}'
            rows.append({'system': name, 'dataset': places.name} | kept(
                folder / DONE / f'{key}.json', lambda: measured(system, places.rows, reference, radius)))
    return rows


def kept(path: Path, measure: Callable[[], dict]) -> dict:
    """What ``path`` holds, or else what is measured now and then kept there."""
    if path.exists():
        return json.loads(path.read_text())
    figures = measure()
    with new_file(path, 'w') as file:
        json.dump(figures, file, allow_nan=False)
    return figures


def measured(system: System, rows: Sequence[ManifestRow], reference: Method, radius: float) -> dict:
    """The figures of one row; ``reference`` is whose time for a frame is 1. None where one does not apply.

    A shortlist in another order leaves the question open whether two images show one place: there is no AUC then.
    """
    method, images = Method(system.first), [row.image for row in rows]
    descriptors = method.descriptors(images)
    similarity = method.all_pairs(descriptors)
    sizes = [stored(descriptor, system.first.features) for descriptor in descriptors]
    look = SECOND_LOOKS[system.second](*filter(None, [system.weights])) if system.second else None
    shared = bool(look) and look.by_checkpoint and system.first == EvaluationSettings()  # features of both looks
    if look:
        described = look.describe(images)
        similarity = looked_again(rows, similarity, described, look.judge_in, SHORTLIST)
        if not shared:
            sizes = [first + look.size(again) for first, again in zip(sizes, described, strict=True)]
    metrics = retrieval_metrics(rows, similarity, radius)
    return {'cross_session_auc': None if look else metrics['cross_session_auc'],
            'recall_at_1': metrics['recall_at']['1'],
            'median_position_error_m': position_error(rows, similarity),
            'ms_per_frame_ratio': time_ratio(images[:TIMED], reference, method, look, shared),
            'bytes_per_keyframe': int(np.median(sizes))}


def time_ratio(images: Sequence[Path], reference: Method, method: Method, look: SecondLook | None,
               shared: bool) -> float:
    """Time of one image from its file to its descriptors, and to SHORTLIST candidates judged, in that of ``reference``.

    The two take turns, so that what else the machine does meets both; median over the images.
    """
    known = list(look.describe(images)) if look else []
    candidates = list(itertools.islice(itertools.cycle(known), SHORTLIST)) if look else []
    judge = look.judge_in(known) if look else None

    def work(image: Path) -> None:
        query = method.descriptors([image])
        if look:
            judge((query if shared else look.describe([image]))[0], candidates)

    ratios = []
    for timed in (False, True):
        for image in images:
            seconds = [stopped(lambda: reference.descriptors([image])), stopped(lambda: work(image))]
            ratios += [seconds[1] / seconds[0]] if timed else []
    return float(np.median(ratios))


def stopped(work: Callable[[], None]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def stored(descriptor: np.ndarray, features: str) -> int:
    """Bytes of descriptors (n, N): the bits of ORB, float16 of the others."""
    return descriptor.size // 8 if features == 'orb' else 2 * descriptor.size


def position_error(rows: Sequence[ManifestRow], similarity: np.ndarray) -> float | None:
    """Median metres between a query and the most similar image of another session; None without positions."""
    if any(row.x is None for row in rows):
        return None
    positions = np.array([(row.x, row.y) for row in rows])
    errors = []
    for queries, keyframes in itertools.permutations(by_session(rows).values(), 2):
        best = keyframes[similarity[np.ix_(queries, keyframes)].argmax(1)]
        errors.append(np.linalg.norm(positions[queries] - positions[best], axis=1))
    return float(np.median(np.concatenate(errors)))
