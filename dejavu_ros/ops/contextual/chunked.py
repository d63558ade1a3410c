"""Contextual similarity of many pairs in bounded memory, with gradients."""

import torch
from torch.utils.checkpoint import checkpoint

from dejavu_ros.ops.contextual.settings import EPSILON, ContextualSettings

BLOCK = 1 << 23  # distances held at a time: 32 MiB of float32, a few copies of it in flight


def contextual_matrix(queries: torch.Tensor, keyframes: torch.Tensor, settings: ContextualSettings,
                      block: int = BLOCK) -> torch.Tensor:
    """CX of every query with every keyframe.

    ``queries`` (Q, n, N1), ``keyframes`` (K, n, N2) of any float type; distances are float32 (float64 for
    float64 input). Returns (Q, K). Memory is bounded by ``block`` distances whatever Q, K, N1 and N2 are.
    """
    similarity = directed(queries, keyframes, settings, block)
    if settings.symmetric:
        similarity = (similarity + directed(keyframes, queries, settings, block).T) / 2
    return similarity


def directed(f1: torch.Tensor, f2: torch.Tensor, settings: ContextualSettings, block: int) -> torch.Tensor:
    """(A, n, N1) and (B, n, N2) to the (A, B) of one direction."""
    a_step, b_step, row_step = steps(len(f1), len(f2), f1.shape[2], f2.shape[2], block)
    rows = []
    for a in f1.split(a_step):
        rows.append(torch.cat([of_block(a, b, settings, row_step) for b in f2.split(b_step)], 1))
    return torch.cat(rows)


def steps(a: int, b: int, n1: int, n2: int, block: int) -> tuple[int, int, int]:
    """How many maps of each side, and how many rows of a pair, fit in a block."""
    pairs = max(1, block // (n1 * n2))
    b_step = min(b, pairs)
    return max(1, min(a, pairs // b_step)), b_step, n1 if n1 * n2 <= block else max(1, block // n2)


def of_block(a: torch.Tensor, b: torch.Tensor, settings: ContextualSettings, row_step: int) -> torch.Tensor:
    """(A, n, N1), (B, n, N2) -> (A, B), going over the rows in pieces where one pair is larger than a block."""
    needs_gradient = torch.is_grad_enabled() and (a.requires_grad or b.requires_grad)
    pieces = []
    for rows in a.split(row_step, 2):
        if needs_gradient:
            pieces.append(checkpoint(best_log_t, rows, b, settings, use_reentrant=False))
        else:
            pieces.append(best_log_t(rows, b, settings))
    if settings.form == 'paper':
        best = torch.cat(pieces, 2)                # (A, B, N1)
    else:
        best = torch.stack(pieces).amax(0)         # (A, B, N2): the best row may be in any piece
    return best.exp().mean(2)


def best_log_t(rows: torch.Tensor, b: torch.Tensor, settings: ContextualSettings) -> torch.Tensor:
    """Log of the largest T: over columns (A, B, rows) in the paper's form, over rows (A, B, N2) in the authors'."""
    distance = pairwise(rows, b, settings.squared)
    relative = distance / (distance.amin(3, keepdim=True) + EPSILON)
    log_t = torch.log_softmax(relative * (-1.0 / settings.bandwidth), 3)
    return log_t.amax(3 if settings.form == 'paper' else 2)


def pairwise(a: torch.Tensor, b: torch.Tensor, squared: bool) -> torch.Tensor:
    """Distances (A, B, N1, N2), from the vectors' own norms since float16 ones are not exactly of unit length."""
    precise = torch.float64 if a.dtype == torch.float64 else torch.float32
    with torch.autocast(a.device.type, enabled=False):
        a, b = a.to(precise), b.to(precise)
        product = torch.matmul(a.transpose(1, 2)[:, None], b[None])
        a_norm, b_norm = a.square().sum(1)[:, None, :, None], b.square().sum(1)[None, :, None, :]
        distance = (a_norm + b_norm - 2 * product).clamp(min=0)
        if not squared:
            distance = torch.where(distance != 0, distance, 1.0).sqrt() * (distance != 0)
    return distance
