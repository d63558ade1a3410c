"""The most similar images of every other session compared again, warped to what they share with the query."""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.metrics import by_session
from dejavu_ros.geowarp.reranker import Reranker


def reranked(rows: Sequence[ManifestRow], similarity: np.ndarray, grids: np.ndarray, reranker: Reranker,
             top: int) -> np.ndarray:
    """``similarity`` (B, B) with the scores of the ``top`` images of each other session dealt out anew.

    ``grids`` (B, n, N) are what the reranker warps. An image is the query of its row.
    """
    found, sessions = similarity.copy(), by_session(rows)
    for index, row in enumerate(tqdm(rows, desc='geowarp', unit='query', disable=None)):
        for columns in (columns for name, columns in sessions.items() if name != row.session):
            found[index, columns] = reranker.rerank(similarity[index, columns], top, grids[index],
                                                    lambda chosen, columns=columns: grids[columns[chosen]])
    return found
