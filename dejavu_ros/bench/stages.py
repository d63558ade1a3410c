"""Where the time of a frame goes, within one process and without ROS."""

import time
from collections.abc import Callable

import numpy as np

from dejavu_ros.localization import Localizer

WARM_UP = 3
FRAME_GAP = 100_000_000  # nanoseconds between stamps


def stage_times(localizer: Localizer, images: list[np.ndarray], seconds: float) -> dict[str, float]:
    """Median milliseconds a frame of each stage: ``features``, ``similarity``, ``decision`` and their sum, ``frame``.

    The decision is what is left of a whole frame: filter, places, geometric check.
    """
    extract, score = localizer.extractor.extract, localizer.scorer.score
    shortlist = localizer.config.shortlist
    queries = [extract([image])[0] for image in images]
    number = iter(range(1, 10**9))
    frame = medians(lambda i: localizer.process(images[i], next(number) * FRAME_GAP), len(images), seconds / 2)
    features = medians(lambda i: extract([images[i]]), len(images), seconds / 4)
    similarity = medians(lambda i: score(queries[i], shortlist), len(images), seconds / 4)
    return {'features': features, 'similarity': similarity, 'decision': max(frame - features - similarity, 0.0),
            'frame': frame}


def medians(work: Callable[[int], object], count: int, seconds: float) -> float:
    """Median milliseconds of ``work(i)``, i in turn of ``count``, over so many seconds and once at least."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) <= WARM_UP or time.perf_counter() < end:
        began = time.perf_counter()
        work(len(taken) % count)
        taken.append((time.perf_counter() - began) * 1e3)
    return float(np.median(taken[WARM_UP:]))
