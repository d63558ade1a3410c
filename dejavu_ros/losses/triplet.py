"""The paper's triplet loss on contextual similarity (Spencer et al. 2020, section 3)."""

import torch

from dejavu_ros.losses.sampling import paired_similarity
from dejavu_ros.ops.contextual import ContextualSettings

# a sample is A0 A1, P0 P1 (same place, other season), N0 N1 (other place): indices (anchor, positive, negative)
A0, A1, P0, P1, N0, N1 = range(6)
CROSS_SEASON = ((A0, P0, N0), (A1, P1, N1))
SAME_SEASON = ((A0, A1, N0), (P0, P1, N1), (N0, N1, A0))


def triplet_margin(anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor,
                   settings: ContextualSettings, margin: float = 0.5) -> torch.Tensor:
    """max(CX(A, N) - CX(A, P) + m, 0) for maps (B, n, N): (B,)."""
    to_negative = paired_similarity(anchor, negative, settings)
    to_positive = paired_similarity(anchor, positive, settings)
    return (to_negative - to_positive + margin).clamp(min=0)


def seasonal_triplet_loss(samples: torch.Tensor, settings: ContextualSettings, margin: float = 0.5,
                          alpha: float = 0.2) -> torch.Tensor:
    """The loss of samples (B, 6, n, N), frames in the order A0 A1 P0 P1 N0 N1; a scalar.

    Mean over the cross-season triplets + ``alpha`` * mean over the same-season triplets, alpha in [0, 1].
    """
    def mean_of(triplets):
        losses = [triplet_margin(*(samples[:, frame] for frame in frames), settings, margin) for frames in triplets]
        return torch.stack(losses).mean()

    loss = mean_of(CROSS_SEASON)
    if alpha > 0:
        loss = loss + alpha * mean_of(SAME_SEASON)
    return loss
