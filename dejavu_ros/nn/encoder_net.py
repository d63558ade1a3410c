"""A network whose encoder learnt elsewhere: dense features of one or several encoders, and a 1x1 head.

It has the interface of :class:`dejavu_ros.nn.dejavu.DejavuNet`; its map is that of the encoders' stride instead of
half the image.
"""

import torch
import torch.nn.functional as F
from torch import nn

from dejavu_ros.nn.dejavu import DejavuNet, resize
from dejavu_ros.nn.encoders import make_encoder
from dejavu_ros.nn.families import Architecture, EncoderArchitecture


class EncoderNet(nn.Module):
    """Images (B, 3, H, W) float RGB in [0, 1] to dense features (B, n, H, W), of unit length unless switched off."""

    def __init__(self, channels: int, normalise: bool, architecture: EncoderArchitecture):
        """Raises ConfigError for an encoder that is not there."""
        super().__init__()
        self.channels, self.normalise, self.architecture = channels, normalise, architecture
        self.encoders = nn.ModuleList(make_encoder(name) for name in architecture.names)
        self.stride = max(encoder.stride for encoder in self.encoders)
        self.final = nn.Conv2d(sum(encoder.width for encoder in self.encoders), channels, 1)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """The encoders' maps side by side, averaged to the coarsest: (B, C, H / stride, W / stride), rounded up."""
        maps = [encoder(images) for encoder in self.encoders]
        smallest = min((part.shape[2:] for part in maps), key=lambda size: size.numel())
        return torch.cat([averaged(part, smallest) for part in maps], 1)

    def unit(self, features: torch.Tensor) -> torch.Tensor:
        """Divide by the length over n, where this network does."""
        return F.normalize(features, dim=1) if self.normalise else features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.unit(resize(self.final(self.encode(images)), images.shape[2:]))

    def half_size(self, images: torch.Tensor) -> torch.Tensor:
        """Dense features at the encoders' own size, (B, n, H / stride, W / stride), rounded up."""
        return self.unit(self.final(self.encode(images)))


def averaged(maps: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Means over the cells of a map of this ``size``, at the border over what is there."""
    factor = -(-maps.shape[2] // size[0])
    if all(-(-old // factor) == new for old, new in zip(maps.shape[2:], size)):
        return F.avg_pool2d(maps, factor, ceil_mode=True, count_include_pad=False) if factor > 1 else maps
    return F.adaptive_avg_pool2d(maps, size)  # strides that are no multiples of each other


def make_network(channels: int, normalise: bool = True,
                 architecture: Architecture | EncoderArchitecture = Architecture()) -> DejavuNet | EncoderNet:
    """A network of any family with random weights. Raises ConfigError for an encoder that is not there."""
    kind = EncoderNet if isinstance(architecture, EncoderArchitecture) else DejavuNet
    return kind(channels, normalise, architecture)
