"""Pixel supervision: vectors of the same point in two pictures, told from all others of the second picture."""

import torch


def pixel_contrast(first: torch.Tensor, second: torch.Tensor, matches: torch.Tensor,
                   temperature: float = 0.05) -> torch.Tensor:
    """InfoNCE of each unit vector of ``first`` (B, n, H, W) over all of ``second`` (B, n, h, w), a scalar.

    ``matches`` (B, H, W, 2) says where in the second picture each is seen, x and y as shares of its sides; NaN where
    that is not known. The four vectors around that place share the target as in bilinear interpolation. 0 where no
    match is known at all.
    """
    logits = torch.einsum('bnij,bnkl->bijkl', first, second) / temperature
    known = matches.isfinite().all(-1)
    if not known.any():
        return logits.sum() * 0
    x, y = matches[known].unbind(-1)
    height, width = second.shape[2:]
    target = tent(y, height)[:, :, None] * tent(x, width)[:, None, :]
    return -(target.flatten(1) * logits[known].flatten(1).log_softmax(1)).sum(1).mean()


def tent(share: torch.Tensor, cells: int) -> torch.Tensor:
    """Weights (M, cells), 1 in total, of linear interpolation between the centres of cells at (M,) shares of a side."""
    at = (share * cells - 0.5).clamp(0, cells - 1)
    return (1 - (at[:, None] - torch.arange(cells, device=share.device)).abs()).clamp(min=0)
