"""The network that regresses a pose, and its losses (Kendall et al. 2015; Kendall and Cipolla 2017)."""

import math

import torch
import torch.nn.functional as F
from torch import nn

CHANNELS = (32, 64, 96, 128)  # of the stages, each of which halves the map
HIDDEN = 256  # the pose is a linear function of so many numbers


class PoseRegressor(nn.Module):
    """Maps (B, C, h, w) to positions (B, 3) in metres and quaternions (B, 4) xyzw of unit length.

    The inputs' mean and deviation by channel and the positions' middle and spread are those of the training frames, so
    that every input starts alike.
    """

    def __init__(self, maps: torch.Tensor, positions: torch.Tensor, dropout: float):
        """``maps`` (N, C, h, w) and ``positions`` (N, 3) of all training frames."""
        super().__init__()
        dims = (0, 2, 3)
        self.register_buffer('mean', maps.float().mean(dims)[:, None, None])
        self.register_buffer('deviation', maps.float().std(dims)[:, None, None].clamp(min=1e-4))
        self.register_buffer('middle', positions.mean(0))
        self.register_buffer('spread', (positions - self.middle).norm(dim=1).mean())
        layers: list[nn.Module] = []
        height, width = maps.shape[2:]
        for inputs, outputs in zip((maps.shape[1], *CHANNELS), CHANNELS):
            height, width = math.ceil(height / 2), math.ceil(width / 2)
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.Flatten(), nn.Linear(CHANNELS[-1] * height * width, HIDDEN), nn.ReLU(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(HIDDEN, 7)

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pose = self.head(self.body((maps - self.mean) / self.deviation))
        return self.middle + self.spread * pose[:, :3], F.normalize(pose[:, 3:], dim=1)


class PoseLoss(nn.Module):
    """Position in metres and rotation as a distance of quaternions, made one number.

    Fixed: position + beta * rotation. Learned: each is divided by an uncertainty exp(s), and s is added; s begins at
    what an ignorant answer gets, ``spread`` metres and 1.
    """

    def __init__(self, spread: float, beta: float | None = None):
        """``beta`` None learns the weights."""
        super().__init__()
        self.beta = beta
        self.log_uncertainty = nn.Parameter(torch.tensor([math.log(spread), 0.0])) if beta is None else None

    def forward(self, positions: torch.Tensor, quaternions: torch.Tensor, true_positions: torch.Tensor,
                true_quaternions: torch.Tensor) -> torch.Tensor:
        """The mean over a batch; q and -q are one rotation, and the nearer one counts."""
        away = (positions - true_positions).norm(dim=1).mean()
        turned = torch.minimum((quaternions - true_quaternions).norm(dim=1),
                               (quaternions + true_quaternions).norm(dim=1)).mean()
        if self.log_uncertainty is None:
            return away + self.beta * turned
        terms = torch.stack([away, turned])
        return (terms * (-self.log_uncertainty).exp() + self.log_uncertainty).sum()
