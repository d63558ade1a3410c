"""The plain contextual loss -log CX (Mechrez et al. 2018)."""

import torch

from dejavu_ros.losses.sampling import paired_similarity
from dejavu_ros.ops.contextual import ContextualSettings


def contextual_loss(first: torch.Tensor, second: torch.Tensor, settings: ContextualSettings) -> torch.Tensor:
    """Mean of -log CX over pairs of the same place: maps (B, n, N1) and (B, n, N2)."""
    return -paired_similarity(first, second, settings).clamp(min=1e-12).log().mean()
