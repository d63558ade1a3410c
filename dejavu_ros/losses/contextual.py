"""The plain contextual loss -log CX (Mechrez et al. 2018)."""

import torch


def contextual_loss(similarity: torch.Tensor) -> torch.Tensor:
    """Mean of -log CX of maps that show the same place, of any shape; a scalar."""
    return -similarity.clamp(min=1e-12).log().mean()
