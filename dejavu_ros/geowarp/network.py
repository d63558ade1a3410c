"""From the maps of two images to the quadrilaterals, one in each, that show what both show."""

import torch
import torch.nn.functional as F
from torch import nn

from dejavu_ros.geowarp.settings import GeoWarpSettings
from dejavu_ros.geowarp.warping import frame_corners, warp
from dejavu_ros.nn.checkpoint import Checkpoint
from dejavu_ros.nn.features import dense_map, reduce
from dejavu_ros.nn.folded import inference_net
from dejavu_ros.retrieval.pooling import GeM, NetVLAD

GAIN = 0.1  # of the corners' offsets: sums over all cells would leap with each step otherwise


class HomographyRegression(nn.Module):
    """Grids (B, n, rows, columns) of two images to their common area in each: (B, 2, 4, 2).

    The cosine of every cell of the first with all cells of the second, sharpened into shares by a softmax whose
    temperature is learnt, goes through convolutions to 16 numbers: how far each corner lies from the image's own. A
    fresh network says that the images show the same.
    """

    def __init__(self, rows: int, columns: int, width: int = 64):
        super().__init__()
        cells = rows * columns
        self.sharpness = nn.Parameter(torch.tensor(3.0))  # log of the softmax's inverse temperature
        self.layers = nn.Sequential(block(cells, 2 * width), block(2 * width, width), block(width, width // 2))
        self.corners = nn.Linear(width // 2 * cells, 16)
        nn.init.zeros_(self.corners.weight)
        nn.init.zeros_(self.corners.bias)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        shares = (self.sharpness.exp() * correlation(first, second)).softmax(1)
        features = self.layers(shares * shares.shape[1]**0.5)  # (B, width, rows, columns)
        offsets = GAIN * self.corners(features.flatten(1)).unflatten(1, (2, 4, 2))
        return frame_corners(offsets) + offsets


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def correlation(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Cosines (B, cells of the second, rows, columns) of grids (B, n, rows, columns)."""
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    return torch.einsum('bnhw,bnm->bmhw', first, second.flatten(2))


class GeoWarpNet(nn.Module):
    """Maps of a frozen ``backbone``, what ranks by them, and the regression of what two of them share.

    Without a backbone, as in the file of one for stored grids, the grids come from elsewhere.
    """

    def __init__(self, settings: GeoWarpSettings, backbone: nn.Module | None):
        super().__init__()
        self.settings, self.backbone = settings, backbone and backbone.requires_grad_(False)
        self.pooling = None
        if settings.pooling != 'cx' and backbone is not None:
            channels = backbone.channels
            self.pooling = NetVLAD(channels, settings.clusters) if settings.pooling == 'netvlad' else GeM(channels)
            self.pooling.requires_grad_(False)
        self.regression = HomographyRegression(settings.rows, settings.columns, settings.width)

    def train(self, mode: bool = True) -> 'GeoWarpNet':
        super().train(mode)
        if self.backbone is not None:
            self.backbone.eval()
        return self

    @torch.no_grad()
    def maps(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [0, 1] to the backbone's maps (B, n, h, w) float32."""
        return self.backbone(images).float()

    def grids(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps averaged to the cells that are compared: (B, n, rows, columns) of unit length."""
        if isinstance(self.backbone, StoredGrid):
            return self.backbone.stored(maps)
        return F.normalize(F.adaptive_avg_pool2d(maps, (self.settings.rows, self.settings.columns)), dim=1)

    def common_area(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """The common area of two images in each, (B, 2, 4, 2), asked in both orders."""
        return (self.regression(first, second) + self.regression(second, first).flip(1)) / 2

    def warped(self, first: torch.Tensor, second: torch.Tensor,
               corners: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Grids seen through quadrilaterals (B, 2, 4, 2): two of the same size, cell upon cell."""
        size = first.shape[2:]
        return warp(first, corners[:, 0], size), warp(second, corners[:, 1], size)


class StoredGrid(nn.Module):
    """A Deja-Vu checkpoint as a backbone: the maps that its stored grids are made of, and these."""

    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.network, self.settings = inference_net(checkpoint.network), checkpoint.settings
        self.channels, self.contextual = checkpoint.network.channels, checkpoint.contextual

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        brightest = images.amax((1, 2, 3), keepdim=True).clamp(min=1 / 255)
        return dense_map(self.network, images / brightest, self.settings)

    def stored(self, maps: torch.Tensor) -> torch.Tensor:
        """Such maps to the grid (B, n, rows, columns) that the checkpoint's maps hold."""
        return reduce(self.network, maps, self.settings)
