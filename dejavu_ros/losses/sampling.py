"""What training does to feature maps before it compares them; scoring never samples."""

import torch
import torch.nn.functional as F

from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity


def paired_similarity(first: torch.Tensor, second: torch.Tensor, settings: ContextualSettings) -> torch.Tensor:
    """CX of each pair (B, n, N1), (B, n, N2): (B,)."""
    return torch.cat([contextual_similarity(a, b[None], settings) for a, b in zip(first, second)])


def sample_vectors(features: torch.Tensor, count: int = 4096, scale: int = 1,
                   generator: torch.Generator | None = None) -> torch.Tensor:
    """Dense maps (B, n, H, W) to (B, n, min(count, cells)) randomly drawn vectors, one draw for each map.

    ``scale`` first reduces the maps by an integer (area average). The published training takes 64 x 64 = 4096.
    """
    if scale > 1:
        features = F.avg_pool2d(features, scale)
    vectors = features.flatten(2)
    cells = vectors.shape[2]
    if cells <= count:
        return vectors
    picked = torch.stack([torch.randperm(cells, generator=generator)[:count] for _ in vectors]).to(vectors.device)
    return vectors.gather(2, picked[:, None].expand(-1, vectors.shape[1], -1))
