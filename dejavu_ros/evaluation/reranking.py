"""The most similar images of every other session looked at again: they change places among themselves."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.metrics import by_session

Judge = Callable[[Any, Sequence[Any]], np.ndarray]  # of a query and K candidates, as described: (K,), more is better


def looked_again(rows: Sequence[ManifestRow], similarity: np.ndarray, described: Sequence[Any],
                 judge_in: Callable[[Sequence[Any]], Judge], top: int) -> np.ndarray:
    """``similarity`` (B, B) with the ``top`` best of each other session in the order that the second look gives.

    ``described`` are the images as ``judge_in`` compares them, which is given those of a whole session: the map. The
    scores of the best are dealt out anew among them, so that they stay ahead of all others; where the look cannot tell,
    the order stays.
    """
    result, sessions = similarity.copy(), by_session(rows)
    with tqdm(total=len(sessions) * (len(sessions) - 1), desc='second look', unit='map', disable=None) as progress:
        for queries_of, queries in sessions.items():
            for map_of, keyframes in sessions.items():
                if queries_of == map_of:
                    continue
                judge = judge_in([described[index] for index in keyframes])
                for query in queries:
                    best = keyframes[np.argsort(similarity[query, keyframes], kind='stable')[-top:]]
                    judged = judge(described[query], [described[index] for index in best])
                    # worst first by the second look, then by the first: both ascend with the scores
                    order = np.argsort(judged, kind='stable')
                    result[query, best[order]] = np.sort(similarity[query, best])
                progress.update()
    return result
