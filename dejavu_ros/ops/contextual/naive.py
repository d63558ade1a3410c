"""The contextual similarity of one pair of maps, written as the formulas stand. The reference for all others."""

import torch

from dejavu_ros.ops.contextual.settings import EPSILON, ContextualSettings


def contextual_pair(f1: torch.Tensor, f2: torch.Tensor, settings: ContextualSettings) -> torch.Tensor:
    """CX of ``f1`` (n, N1) and ``f2`` (n, N2), a scalar in (0, 1]."""
    similarity = directed(f1, f2, settings)
    if settings.symmetric:
        similarity = (similarity + directed(f2, f1, settings)) / 2
    return similarity


def directed(f1: torch.Tensor, f2: torch.Tensor, settings: ContextualSettings) -> torch.Tensor:
    difference = f1[:, :, None] - f2[:, None, :]                         # (n, N1, N2)
    distance = (difference**2).sum(0)
    if not settings.squared:
        # no gradient at distance 0, rather than an infinite one
        distance = torch.where(distance != 0, distance, 1.0).sqrt() * (distance != 0)
    relative = distance / (distance.amin(1, keepdim=True) + EPSILON)
    s = torch.exp((1 - relative) / settings.bandwidth)
    t = s / s.sum(1, keepdim=True)
    return t.amax(1).mean() if settings.form == 'paper' else t.amax(0).mean()
