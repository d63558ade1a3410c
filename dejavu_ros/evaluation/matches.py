"""Plain matching: the share of descriptors that find each other."""

import torch


def match_similarity(query: torch.Tensor, keyframes: torch.Tensor, ratio: float | None = None) -> torch.Tensor:
    """Mutual nearest neighbours of ``query`` (n, N1) and each of ``keyframes`` (K, n, N2), as a share of all: (K,).

    With a ``ratio`` a match counts only where its L2 distance is below ``ratio`` times that of the second nearest,
    seen from either side and averaged, so that the similarity is symmetric.
    """
    distance = torch.cdist(query.float().T[None], keyframes.float().transpose(1, 2))    # (K, N1, N2)
    forth, back = distance.argmin(2), distance.argmin(1)                                # (K, N1), (K, N2)
    rows, columns = torch.arange(distance.shape[1], device=distance.device), torch.arange(distance.shape[2],
                                                                                          device=distance.device)
    mutual_rows = back.gather(1, forth) == rows
    mutual_columns = forth.gather(1, back) == columns
    if ratio is not None:
        mutual_rows &= distinctive(distance, 2, ratio)
        mutual_columns &= distinctive(distance, 1, ratio)
    return (mutual_rows.sum(1) + mutual_columns.sum(1)) / (len(rows) + len(columns))


def distinctive(distance: torch.Tensor, dim: int, ratio: float) -> torch.Tensor:
    """Whether the smallest distance along ``dim`` is well below the next; a single candidate has no rival and passes."""
    if distance.shape[dim] < 2:
        return torch.ones_like(distance.select(dim, 0), dtype=torch.bool)
    nearest, second = distance.topk(2, dim, largest=False).values.unbind(dim)
    return nearest < ratio * second
