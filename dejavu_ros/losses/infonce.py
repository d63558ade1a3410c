"""In-batch contrast of contextual similarities: every other place of the batch is a negative."""

import torch
import torch.nn.functional as F

from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity


def contextual_infonce(first: torch.Tensor, second: torch.Tensor, settings: ContextualSettings,
                       temperature: float = 0.05) -> tuple[torch.Tensor, torch.Tensor]:
    """Symmetric InfoNCE over CX. ``first`` (B, n, N1) and ``second`` (B, n, N2) show B different places in order.

    Returns the loss, a scalar, and the similarities (B, B).
    """
    similarity = contextual_similarity(first, second, settings)
    logits = similarity / temperature
    target = torch.arange(len(first), device=first.device)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    return loss, similarity
