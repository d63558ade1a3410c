"""Where points of one image lie in another, as an expectation, so that gradients reach the descriptors.

Points are x and y as shares of the image's sides, (B, N, 2).
"""

from typing import NamedTuple

import torch

from dejavu_ros.nn.caps import centres, sample

TEMPERATURE = 0.05  # of the softmax over cosines
WINDOW = 0.125  # side of the square that the fine match looks through, as a share of the image's longer side


class Match(NamedTuple):
    """Where each point is expected, (B, N, 2), and the deviation of its distribution, (B, N), in shares."""

    points: torch.Tensor
    deviation: torch.Tensor


def expectation(cosines: torch.Tensor, places: torch.Tensor) -> Match:
    """Of cosines (B, N, M) with what lies at ``places`` (M, 2) or (B, N, M, 2)."""
    probability = (cosines / TEMPERATURE).softmax(-1)[..., None]
    mean = (probability * places).sum(-2)
    variance = (probability * (places - mean[..., None, :]) ** 2).sum((-2, -1))
    return Match(mean, variance.clamp(min=1e-10).sqrt())


def match_coarse(vectors: torch.Tensor, maps: torch.Tensor) -> Match:
    """Vectors (B, n, N) anywhere in maps (B, n, h, w)."""
    cosines = torch.einsum('bcn,bchw->bnhw', vectors, maps).flatten(2)
    return expectation(cosines, centres(*maps.shape[2:], maps))


def match_fine(vectors: torch.Tensor, maps: torch.Tensor, around: torch.Tensor) -> Match:
    """Vectors (B, n, N) in maps (B, n, h, w), within a window of WINDOW around points (B, N, 2).

    A window that would reach beyond the image is moved into it. No gradient goes to ``around``.
    """
    sides = torch.tensor(maps.shape[:1:-1], device=maps.device)
    half = WINDOW / 2 * sides.max() / sides
    count = max(2, round(WINDOW * float(sides.max())))
    steps = centres(count, count, maps) * 2 - 1
    middle = torch.minimum(torch.maximum(around.detach(), half), 1 - half)
    places = middle[:, :, None] + steps * half
    window = sample(maps, places.flatten(1, 2)).unflatten(2, places.shape[1:3])
    cosines = torch.einsum('bcn,bcnm->bnm', vectors, window)
    return expectation(cosines, places)
