"""Contextual similarity where cells are masked: their vectors are zeros, and are left out before it is computed.

What is left are smaller maps of vectors, which every implementation takes, so each form stays what it is, to the bit.
"""

import numpy as np
import torch

from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity


def masked_similarity(query: torch.Tensor, keyframes: torch.Tensor, views: np.ndarray, cells: list[np.ndarray | None],
                      settings: ContextualSettings) -> torch.Tensor:
    """CX of a query (n, N1), with zeros where it is masked, with keyframes (K, n, N2): (K,).

    ``views`` (K,) are the keyframes' rows in ``cells``, which are the columns that such a keyframe shows; None: all.
    """
    query = query[:, query.ne(0).any(0)]
    similarity = query.new_empty(len(keyframes), dtype=torch.float32)
    for view in np.unique(views):
        rows = torch.from_numpy(np.flatnonzero(views == view))
        own = keyframes if len(rows) == len(keyframes) else keyframes[rows]
        if cells[view] is not None:
            own = own[:, :, torch.from_numpy(cells[view])]
        similarity[rows] = contextual_similarity(query, own, settings)
    return similarity
