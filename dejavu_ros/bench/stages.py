"""Where the time of a frame goes, within one process and without ROS."""

import time
from collections.abc import Callable

import numpy as np

from dejavu_ros.localization import Localizer

WARM_UP = 3
FRAME_GAP = 100_000_000  # nanoseconds between stamps


def stage_times(localizer: Localizer, images: list[np.ndarray], seconds: float) -> dict[str, float]:
    """Median milliseconds a frame of each stage: ``features``, ``similarity``, ``decision`` and their sum, ``frame``;
    and ``frame_p99``.

    The decision is what is left of a whole frame: filter, places, geometric check.
    """
    extract, score = localizer.extractor.extract, localizer.scorer.score
    shortlist = localizer.config.shortlist
    queries = [extract([image])[0] for image in images]
    number = iter(range(1, 10**9))
    frame, p99 = np.percentile(
        taken(lambda i: localizer.process(images[i], next(number) * FRAME_GAP), len(images), seconds / 2), (50, 99))
    features = np.median(taken(lambda i: extract([images[i]]), len(images), seconds / 4))
    similarity = np.median(taken(lambda i: score(queries[i], shortlist), len(images), seconds / 4))
    figures = {'features': features, 'similarity': similarity, 'decision': max(frame - features - similarity, 0.0),
               'frame': frame, 'frame_p99': p99}
    return {name: float(value) for name, value in figures.items()}


def taken(work: Callable[[int], object], count: int, seconds: float) -> list[float]:
    """Milliseconds of each ``work(i)``, i in turn of ``count``, over so many seconds and once at least."""
    spans: list[float] = []
    end = time.perf_counter() + seconds
    while len(spans) <= WARM_UP or time.perf_counter() < end:
        began = time.perf_counter()
        work(len(spans) % count)
        spans.append((time.perf_counter() - began) * 1e3)
    return spans[WARM_UP:]
