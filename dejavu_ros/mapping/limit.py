"""A map within a size: of each place and condition the views that the other drives know best.

Places come first, conditions second: a view is kept before another if fewer views of its place and condition are kept,
then if fewer of its place are, then if the other sessions know it better. So a tight limit leaves each place in one
condition, a wider one in several, and the widest the drives as they were.
"""

import heapq
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from dejavu_ros.config import build
from dejavu_ros.errors import MapError
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.keyframes.schema import DATABASE
from dejavu_ros.localization.exact_search import ExactSearch
from dejavu_ros.mapping.config import LimitConfig
from dejavu_ros.mapping.maintenance import keep, session_rows
from dejavu_ros.ops.contextual import ContextualSettings

Progress = Callable[[Iterable], Iterable]
STRANGERS = 32  # keyframes, spread over the map, that say what views of other places score
EMPTY = 100_000  # bytes of a map's tables and headers before anything is in them, and of pages that are not full
ROW = 500  # bytes of a keyframe in the database, its picture and points aside


def limit(source: KeyframeMap, output: str | Path, config: LimitConfig, progress: Progress = iter) -> dict[str, int]:
    """A new map of at most ``config.size``; how many keyframes of each session it has.

    Raises MapError where the limit is too small for a single keyframe.
    """
    near = neighbours(source, config)
    chosen = choose(near, conditions(source), usefulness(source, near, progress), sizes(source),
                    config.size * 1e6 - EMPTY)
    kept = {session.name: np.intersect1d(session_rows(source, session.name), chosen) for session in source.sessions}
    if not len(chosen):
        raise MapError(f'nothing of {source.path} would be left of {config.size:g} MB: give more (--size)')
    keep(source, kept, output, progress)
    return {name: len(rows) for name, rows in kept.items()}


def neighbours(source: KeyframeMap, config: LimitConfig) -> list[np.ndarray]:
    """For each keyframe the rows of those of its place, looking the same way, and its own."""
    found = cKDTree(source.positions).query_ball_point(source.positions, config.radius)
    cosine = math.cos(math.radians(config.angle) / 2)
    return [rows[np.abs(source.quaternions[rows] @ source.quaternions[row]) >= cosine]
            for row, rows in enumerate(map(np.array, found))]


def conditions(source: KeyframeMap) -> np.ndarray:
    """(K,) number of each keyframe's condition."""
    names = [session.condition for session in source.sessions]
    return np.array([names.index(name) for name in names])[source.session_index]


def sizes(source: KeyframeMap) -> np.ndarray:
    """(K,) bytes of each keyframe on the disk: its descriptors, and its share of the database as that is packed."""
    rows = np.array([ROW + len(source.thumbnail(row)) + len(source.points(row) or b'') for row in range(len(source))])
    packed = ((source.path / DATABASE).stat().st_size - EMPTY) / rows.sum()
    return rows * max(packed, 1.0) + 2 * math.prod(source.descriptor_shape)


def usefulness(source: KeyframeMap, near: list[np.ndarray], progress: Progress = iter) -> np.ndarray:
    """(K,) how well each keyframe is told from other places by those of its place in other sessions.

    Their similarity with it, the best of each session, in standard deviations above that of unrelated views: the
    mean over those sessions. Where no other session came by, the median of the map.
    """
    settings = build(ContextualSettings, source.settings.get('contextual', {}))
    search = ExactSearch(source, settings, torch.device('cpu'), 0)
    spread = np.linspace(0, len(source) - 1, STRANGERS).round().astype(int)
    useful = np.full(len(source), np.nan)
    for row in progress(range(len(source))):
        others = near[row][source.session_index[near[row]] != source.session_index[row]]
        strangers = np.setdiff1d(spread, near[row])
        if not len(others) or len(strangers) < 2:
            continue
        rows = np.concatenate([others, strangers])
        scores = search(search.stored[np.array([row])], rows)[0]
        known, unrelated = scores[:len(others)], scores[len(others):]
        sessions = source.session_index[others]
        best = np.mean([known[sessions == session].max() for session in np.unique(sessions)])
        useful[row] = (best - unrelated.mean()) / max(unrelated.std(), 1e-6)
    return np.nan_to_num(useful, nan=np.nanmedian(useful) if np.isfinite(useful).any() else 0.0)


def choose(near: list[np.ndarray], condition: np.ndarray, useful: np.ndarray, sizes: np.ndarray,
           room: float) -> np.ndarray:
    """Rows to keep within ``room`` bytes, in the order of their worth."""
    in_condition, in_all = np.zeros(len(near), int), np.zeros(len(near), int)  # views of the same place that are kept
    queue = [(0, 0, -worth, row) for row, worth in enumerate(useful)]
    heapq.heapify(queue)
    chosen = []
    while queue:
        *counts, worth, row = heapq.heappop(queue)
        if counts != [in_condition[row], in_all[row]]:
            heapq.heappush(queue, (in_condition[row], in_all[row], worth, row))
            continue
        room -= sizes[row]
        if room < 0:
            break
        chosen.append(row)
        in_all[near[row]] += 1
        in_condition[near[row][condition[near[row]] == condition[row]]] += 1
    return np.array(chosen, int)
