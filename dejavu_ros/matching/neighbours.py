"""Nearest neighbours among descriptors."""

import numpy as np
import torch


def squared_distance(query: torch.Tensor, keyframes: torch.Tensor) -> torch.Tensor:
    """(n, N1), (K, n, N2) -> (K, N1, N2), not below 0."""
    product = torch.matmul(query.T, keyframes)
    norms = query.square().sum(0)[:, None] + keyframes.square().sum(1)[:, None]
    return (norms - 2 * product).clamp_(min=0)


def mutual(distance: torch.Tensor, ratio: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rows and columns of squared distances (K, N1, N2) have a mutual nearest neighbour: (K, N1), (K, N2) bool.

    With a ``ratio`` also only where the distance is below ``ratio`` times that of the second nearest, seen from the
    row, and from the column.
    """
    forth, back = distance.argmin(2), distance.argmin(1)                        # (K, N1), (K, N2)
    rows = back.gather(1, forth) == torch.arange(forth.shape[1], device=forth.device)
    columns = forth.gather(1, back) == torch.arange(back.shape[1], device=back.device)
    if ratio is not None:
        rows &= distinctive(distance, 2, ratio)
        columns &= distinctive(distance, 1, ratio)
    return rows, columns


def distinctive(distance: torch.Tensor, dim: int, ratio: float) -> torch.Tensor:
    """Whether the smallest squared distance along ``dim`` is well below the next; one without rivals passes."""
    if distance.shape[dim] < 2:
        return torch.ones_like(distance.select(dim, 0), dtype=torch.bool)
    nearest, second = distance.topk(2, dim, largest=False).values.unbind(dim)
    return nearest < ratio**2 * second


@torch.inference_mode()
def mutual_matches(a: np.ndarray, b: np.ndarray, ratio: float | None = None) -> np.ndarray:
    """Pairs (M, 2) of columns of ``a`` (n, N1) and ``b`` (n, N2) that are each other's nearest, by the column of ``a``.

    With a ``ratio`` both must be distinctive (:func:`mutual`), so that the order of the images does not matter. A
    column of zeros is no descriptor: its place is masked.
    """
    seen_a, seen_b = (np.flatnonzero(part.any(0)) for part in (a, b))
    if not len(seen_a) or not len(seen_b):
        return np.zeros((0, 2), np.int64)
    a, b = a[:, seen_a], b[:, seen_b]
    distance = squared_distance(torch.from_numpy(a).float(), torch.from_numpy(b).float()[None])
    rows, columns = (found[0] for found in mutual(distance, ratio))
    nearest = distance[0].argmin(1)
    kept = torch.nonzero(rows & columns[nearest])[:, 0]
    return np.stack([seen_a[kept.numpy()], seen_b[nearest[kept].numpy()]], 1)
