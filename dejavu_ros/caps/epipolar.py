"""Two views of a still world. Points are x and y in pixels, pixel centres at whole numbers."""

import torch

from dejavu_ros.geometry import Pose


def fundamental_matrix(first_camera: torch.Tensor, second_camera: torch.Tensor, second_T_first: Pose) -> torch.Tensor:
    """F (3, 3) with x2' F x1 = 0, of two pinhole matrices (3, 3) and a relative pose; its length is 1."""
    t = torch.from_numpy(second_T_first.position)
    zero = torch.zeros_like(t[0])
    cross = torch.stack([zero, -t[2], t[1], t[2], zero, -t[0], -t[1], t[0], zero]).view(3, 3)
    essential = cross @ torch.from_numpy(second_T_first.rotation.as_matrix())
    matrix = torch.linalg.inv(second_camera.double()).T @ essential @ torch.linalg.inv(first_camera.double())
    return (matrix / matrix.norm().clamp(min=1e-12)).float()


def epipolar_lines(matrices: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Lines (B, N, 3) in the second images, a x + b y + c = 0 with a^2 + b^2 = 1, of points (B, N, 2) in the first.

    ``matrices`` (B, 3, 3).
    """
    lines = torch.cat([points, torch.ones_like(points[..., :1])], -1) @ matrices.transpose(1, 2)
    return lines / lines[..., :2].norm(dim=-1, keepdim=True).clamp(min=1e-12)


def distance_to(lines: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Pixels (B, N) from points (B, N, 2) to their lines (B, N, 3)."""
    return ((lines[..., :2] * points).sum(-1) + lines[..., 2]).abs()


def crosses(lines: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Which lines (B, N, 3) cross an image of ``size`` (H, W), so that the point may be in it: (B, N) bool."""
    height, width = size
    corners = lines.new_tensor([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]])
    side = lines @ corners.T
    return (side.amin(-1) <= 0) & (side.amax(-1) >= 0)
