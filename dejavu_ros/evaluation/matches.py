"""Plain matching: the share of descriptors that find each other."""

import torch

from dejavu_ros.matching.neighbours import mutual, squared_distance


def match_similarity(query: torch.Tensor, keyframes: torch.Tensor, ratio: float | None = None) -> torch.Tensor:
    """Mutual nearest neighbours of ``query`` (n, N1) and each of ``keyframes`` (K, n, N2), as a share of all: (K,).

    With a ``ratio`` a match counts only where its L2 distance is below ``ratio`` times that of the second nearest,
    seen from either side and averaged, so that the similarity is symmetric.
    """
    rows, columns = mutual(squared_distance(query.float(), keyframes.float()), ratio)
    return (rows.sum(1) + columns.sum(1)) / (rows.shape[1] + columns.shape[1])
