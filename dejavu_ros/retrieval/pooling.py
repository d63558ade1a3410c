"""From dense maps to one vector: NetVLAD (Arandjelovic et al. 2016) and GeM (Radenovic et al. 2018)."""

import torch
import torch.nn.functional as F
from torch import nn

EPSILON = 1e-6  # below which GeM takes a value for 0, where its gradient would not be finite


class NetVLAD(nn.Module):
    """Residuals of the map's vectors to K centroids, summed by soft assignment (the paper's equation 4).

    Vectors are brought to unit length before, each centroid's sum after (intra-normalisation), and so is the whole.
    """

    def __init__(self, channels: int, clusters: int):
        super().__init__()
        self.length = clusters * channels
        self.assignment = nn.Conv2d(channels, clusters, 1)  # w_k, b_k
        self.centroids = nn.Parameter(torch.randn(clusters, channels) / channels**0.5)  # c_k

    @torch.no_grad()
    def place(self, centroids: torch.Tensor, sharpness: float) -> None:
        """Begin with these ``centroids`` (K, n), and an assignment exp(-sharpness * squared distance), normalised."""
        self.centroids.copy_(centroids)
        self.assignment.weight.copy_(2 * sharpness * centroids[..., None, None])
        self.assignment.bias.copy_(-sharpness * centroids.square().sum(1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(B, n, h, w) to (B, K * n) of unit length."""
        maps = F.normalize(maps, dim=1)
        shares = self.assignment(maps).flatten(2).softmax(1)  # (B, K, N)
        sums = shares @ maps.flatten(2).transpose(1, 2)  # (B, K, n)
        residuals = sums - shares.sum(2, keepdim=True) * self.centroids
        return F.normalize(F.normalize(residuals, dim=2).flatten(1), dim=1)


class GeM(nn.Module):
    """Mean of the p-th powers of what is positive in a map, p-th root of it; p is learnt, from 3 on."""

    def __init__(self, channels: int):
        super().__init__()
        self.length = channels
        self.power = nn.Parameter(torch.tensor(3.0))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(B, n, h, w) to (B, n) of unit length."""
        means = maps.clamp(min=EPSILON).pow(self.power).mean((2, 3))
        return F.normalize(means.pow(1 / self.power), dim=1)
