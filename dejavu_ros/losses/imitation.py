"""Learning the maps of another network (distillation of features: Romero et al. 2015, with a cosine)."""

import torch
import torch.nn.functional as F


def imitation(maps: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Mean over all vectors of 1 - their cosine with the teacher's, both (B, n, H, W); a scalar from 0 to 2."""
    return 1 - F.cosine_similarity(maps, taught, dim=1).mean()
