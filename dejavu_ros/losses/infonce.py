"""In-batch contrast of contextual similarities: every other place of the batch is a negative."""

import torch
import torch.nn.functional as F


def infonce(similarity: torch.Tensor, temperature: float = 0.05) -> torch.Tensor:
    """Symmetric InfoNCE of similarities (B, B) whose diagonal compares each place with itself; a scalar."""
    logits = similarity / temperature
    target = torch.arange(len(similarity), device=similarity.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
