"""Maps of a growing number of keyframes: opening, memory, size on the disk, exact and two-stage search."""

import math
import multiprocessing
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Localizer
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor

QUERIES = 5
STATUS = Path('/proc/self/status')


def measure(path: Path, checkpoint: str, threads: int) -> dict[str, Any]:
    """Figures of one map, opened by a fresh process; processor time of its threads, megabytes of 10^6 bytes.

    ``anonymous_mb`` is the memory that no file backs, beyond what the process had before: None without /proc.
    """
    with multiprocessing.get_context('spawn').Pool(1) as fresh:
        figures = fresh.apply(open_and_search, (path, checkpoint, threads))
    descriptors = sum(file.stat().st_size for file in path.glob('descriptors/*'))
    return figures | {'descriptors_mb': descriptors / 1e6, 'database_mb': (path / 'map.sqlite').stat().st_size / 1e6}


def open_and_search(path: Path, checkpoint: str, threads: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    extractor = FeatureExtractor(load_checkpoint(checkpoint))
    before = anonymous()
    began = time.process_time()
    keyframes = KeyframeMap.open(path)
    localizer = Localizer(extractor, keyframes)
    opened = time.process_time() - began
    taken: dict[str, list[float]] = {'exact': [], 'two_stages': []}
    for number in range(QUERIES):
        query = keyframes.descriptors(number, number + 1)[0]
        for way, length in (('exact', 0), ('two_stages', -1)):
            began = time.process_time()
            localizer.scorer.score(query, length)
            taken[way].append((time.process_time() - began) * 1e3)
    exact, two_stages = (statistics.median(spans) for spans in taken.values())
    after = anonymous()
    return {'keyframes': len(keyframes), 'open_s': opened,
            'anonymous_mb': None if before is None else (after - before) / 1e6, 'exact_ms': exact,
            'two_stages_ms': two_stages, 'ratio_vs_exact': exact / two_stages,
            'bytes_a_keyframe_float16': 2 * math.prod(keyframes.descriptor_shape),
            'bytes_a_keyframe_int8': math.prod(keyframes.descriptor_shape)}


def anonymous() -> int | None:
    """Resident bytes of this process that no file backs; None where the system does not say."""
    if not STATUS.is_file():
        return None
    return next(int(line.split()[1]) * 1024 for line in STATUS.read_text().splitlines() if line.startswith('RssAnon'))
