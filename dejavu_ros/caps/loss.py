"""What is wrong with matches when only the cameras' relative pose is known: equations 3 to 7 of the paper."""

import torch

from dejavu_ros.caps.epipolar import crosses, distance_to, epipolar_lines
from dejavu_ros.caps.matching import Match, match_coarse, match_fine
from dejavu_ros.nn.caps import sample

CYCLE = 0.1  # weight of cycle consistency beside the epipolar distance


def caps_loss(first: tuple[torch.Tensor, torch.Tensor], second: tuple[torch.Tensor, torch.Tensor],
              points: torch.Tensor, matrices: torch.Tensor, size: tuple[int, int]) -> dict[str, torch.Tensor]:
    """``loss`` and its parts in pixels, over points (B, N, 2) in pixels of the first images of ``size`` (H, W).

    ``first`` and ``second`` are coarse and fine maps of both images, ``matrices`` (B, 3, 3) their fundamental matrices.
    A point whose epipolar line misses the second image counts nowhere.
    """
    sides = points.new_tensor(size[::-1])
    lines = epipolar_lines(matrices, points)
    seen = crosses(lines, size)
    start = (points + 0.5) / sides
    there = match_coarse(sample(first[0], start), second[0])
    back = match_coarse(sample(second[0], there.points), first[0])
    fine = match_fine(sample(first[1], start), second[1], there.points)
    fine_back = match_fine(sample(second[1], fine.points), first[1], start)
    parts = {}
    for name, found, cycle in (('coarse', there, back), ('fine', fine, fine_back)):
        parts[f'{name}_epipolar'] = weighted(distance_to(lines, found.points * sides - 0.5), found, seen)
        parts[f'{name}_cycle'] = weighted(((cycle.points - start) * sides).norm(dim=-1), found, seen)
    loss = sum(part * (CYCLE if name.endswith('cycle') else 1.0) for name, part in parts.items())
    return {'loss': loss, **parts}


def weighted(errors: torch.Tensor, found: Match, seen: torch.Tensor) -> torch.Tensor:
    """Mean of errors (B, N), those of spread-out matches counting less; no gradient through how much."""
    weights = seen / found.deviation.detach()
    return (errors * weights).sum() / weights.sum().clamp(min=1e-12)
