"""Margin to the hardest negative of the batch."""

import torch


def hardest_margin(similarity: torch.Tensor, margin: float = 0.5) -> torch.Tensor:
    """Mean of max(CX(A, N) - CX(A, P) + m, 0), N the other place that is most similar; a scalar.

    Of similarities (B, B), B > 1, whose diagonal compares each place with itself; rows and columns both ask.
    """
    own = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    others = similarity.masked_fill(own, -torch.inf)
    hardest = torch.stack([others.amax(1), others.amax(0)])
    return (hardest - similarity.diagonal() + margin).clamp(min=0).mean()
