"""Homographies between quadrilaterals, and maps seen through them; coordinates as in quadrilaterals.py."""

import torch
import torch.nn.functional as F

from dejavu_ros.geowarp.quadrilaterals import FRAME


def frame_corners(like: torch.Tensor) -> torch.Tensor:
    """(4, 2): the whole image as a quadrilateral."""
    return torch.as_tensor(FRAME, dtype=like.dtype, device=like.device)


def homography(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(B, 3, 3) that takes the corners ``source`` (B, 4, 2) to ``target`` (B, 4, 2), with gradients."""
    (x, y), (u, v) = source.unbind(-1), target.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = torch.cat([torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1),
                      torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)], 1)
    solved = torch.linalg.solve_ex(rows, torch.cat([u, v], 1)).result
    return torch.cat([solved, torch.ones_like(solved[:, :1])], 1).unflatten(1, (3, 3))


def moved(matrices: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Points (B, P, 2) through homographies (B, 3, 3)."""
    found = F.pad(points, (0, 1), value=1.0) @ matrices.transpose(1, 2)
    return found[..., :2] / found[..., 2:]


def warp(maps: torch.Tensor, corners: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """What lies in quadrilaterals (B, 4, 2) of maps or images (B, n, h, w), as (B, n, *size): bilinear samples.

    Beyond the edges of a map its edge goes on.
    """
    matrices = homography(frame_corners(corners).expand(len(corners), 4, 2), corners)
    theta = torch.eye(2, 3, dtype=corners.dtype, device=corners.device)[None]
    centres = F.affine_grid(theta, [1, 1, *size], align_corners=False).flatten(1, 2)
    places = moved(matrices, centres.expand(len(corners), -1, 2)).unflatten(1, size)
    return F.grid_sample(maps, places.to(maps.dtype), padding_mode='border', align_corners=False)
