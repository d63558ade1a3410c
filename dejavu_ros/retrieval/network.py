"""Backbone, pooling and whitening: images to one vector each."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from dejavu_ros.images import resize
from dejavu_ros.retrieval.pooling import GeM, NetVLAD
from dejavu_ros.retrieval.settings import DescriberSettings


class DescriberNet(nn.Module):
    """Images (B, 3, H, W) float RGB in [0, 1] to descriptors (B, D) of unit length, which a product compares.

    With a ``frozen`` backbone its weights have no gradients and its batch norms keep their statistics.
    """

    def __init__(self, settings: DescriberSettings, backbone: nn.Module, frozen: bool = True):
        super().__init__()
        self.settings, self.backbone, self.frozen = settings, backbone.requires_grad_(not frozen), frozen
        channels = backbone.channels
        self.pooling = NetVLAD(channels, settings.clusters) if settings.pooling == 'netvlad' else GeM(channels)
        self.whitening = nn.Linear(self.pooling.length, settings.whitening) if settings.whitening else None

    def train(self, mode: bool = True) -> 'DescriberNet':
        super().train(mode)
        self.backbone.train(mode and not self.frozen)
        return self

    def maps(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to the dense maps (B, n, h, w) that are pooled."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.backbone(images)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.maps(images).float()
        with torch.autocast(maps.device.type, enabled=False):  # sums of small residuals want all their digits
            pooled = self.pooling(maps)
            return pooled if self.whitening is None else F.normalize(self.whitening(pooled), dim=1)


def to_input(images: Sequence[np.ndarray], settings: DescriberSettings) -> torch.Tensor:
    """(H, W, 3) uint8 RGB images of any sizes to (B, 3, input_height, input_width) float in [0, 1]."""
    batch = np.stack([resize(image, settings.input_width, settings.input_height) for image in images])
    return scaled(torch.from_numpy(batch))


def scaled(images: torch.Tensor) -> torch.Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255
