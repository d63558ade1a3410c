"""The paper's triplet loss on contextual similarity (Spencer et al. 2020, section 3)."""

import functools

import torch

from dejavu_ros.losses.sampling import paired_similarity
from dejavu_ros.ops.contextual import ContextualSettings

# a sample is A0 A1, P0 P1 (same place, other season), N0 N1 (other place): indices (anchor, positive, negative)
A0, A1, P0, P1, N0, N1 = range(6)
CROSS_SEASON = ((A0, P0, N0), (A1, P1, N1))
SAME_SEASON = ((A0, A1, N0), (P0, P1, N1), (N0, N1, A0))


def seasonal_triplet_loss(samples: torch.Tensor, settings: ContextualSettings, margin: float = 0.5,
                          alpha: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of samples (B, 6, n, N), frames in the order A0 A1 P0 P1 N0 N1.

    Mean of max(CX(A, N) - CX(A, P) + m, 0) over the cross-season triplets + ``alpha`` * that over the same-season
    triplets, alpha in [0, 1]. Returns it, and the share of cross-season triplets in which CX(A, P) > CX(A, N).
    """
    @functools.cache
    def once(first: int, second: int) -> torch.Tensor:
        return paired_similarity(samples[:, first], samples[:, second], settings)

    def cx(first: int, second: int) -> torch.Tensor:
        # some pairs belong to two triplets; a symmetric similarity does not care who asks
        return once(*sorted((first, second))) if settings.symmetric else once(first, second)

    def lead(triplets) -> torch.Tensor:
        """CX(A, P) - CX(A, N), (triplets, B)."""
        return torch.stack([cx(anchor, positive) - cx(anchor, negative) for anchor, positive, negative in triplets])

    crossing = lead(CROSS_SEASON)
    loss = (margin - crossing).clamp(min=0).mean()
    if alpha > 0:
        loss = loss + alpha * (margin - lead(SAME_SEASON)).clamp(min=0).mean()
    return loss, (crossing > 0).float().mean()
