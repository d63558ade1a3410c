"""Plain matching: the share of descriptors that find each other."""

import torch


def match_similarity(query: torch.Tensor, keyframes: torch.Tensor, ratio: float | None = None) -> torch.Tensor:
    """Mutual nearest neighbours of ``query`` (n, N1) and each of ``keyframes`` (K, n, N2), as a share of all: (K,).

    With a ``ratio`` a match counts only where its L2 distance is below ``ratio`` times that of the second nearest,
    seen from either side and averaged, so that the similarity is symmetric.
    """
    distance = squared_distance(query.float(), keyframes.float())
    forth, back = distance.argmin(2), distance.argmin(1)                        # (K, N1), (K, N2)
    mutual_rows = back.gather(1, forth) == torch.arange(forth.shape[1], device=forth.device)
    mutual_columns = forth.gather(1, back) == torch.arange(back.shape[1], device=back.device)
    if ratio is not None:
        mutual_rows &= distinctive(distance, 2, ratio)
        mutual_columns &= distinctive(distance, 1, ratio)
    return (mutual_rows.sum(1) + mutual_columns.sum(1)) / (forth.shape[1] + back.shape[1])


def squared_distance(query: torch.Tensor, keyframes: torch.Tensor) -> torch.Tensor:
    """(n, N1), (K, n, N2) -> (K, N1, N2), not below 0."""
    product = torch.matmul(query.T, keyframes)
    norms = query.square().sum(0)[:, None] + keyframes.square().sum(1)[:, None]
    return (norms - 2 * product).clamp_(min=0)


def distinctive(distance: torch.Tensor, dim: int, ratio: float) -> torch.Tensor:
    """Whether the smallest squared distance along ``dim`` is well below the next; one without rivals passes."""
    if distance.shape[dim] < 2:
        return torch.ones_like(distance.select(dim, 0), dtype=torch.bool)
    nearest, second = distance.topk(2, dim, largest=False).values.unbind(dim)
    return nearest < ratio**2 * second
