"""The Deja-Vu feature network (Spencer et al., CVPR 2020), with the parameter names of the published weights.

Its sizes are an :class:`dejavu_ros.nn.families.Architecture`.
"""

import torch
import torch.nn.functional as F
from torch import nn

from dejavu_ros.nn.families import Architecture

POOLS = (32, 16, 8, 4)  # branch1 to branch4


class ConvNorm(nn.Module):
    """Convolution without bias, and batch norm: ``_layers.conv``, ``_layers.bn``."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        padding = dilation if kernel == 3 else 0
        conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
        self._layers = nn.ModuleDict({'conv': conv, 'bn': nn.BatchNorm2d(outputs)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._layers['bn'](self._layers['conv'](x))


class Gate(nn.Module):
    """Squeeze and excitation (Hu et al. 2018): each channel times a weight that the mean of all of them decides."""

    def __init__(self, channels: int, reduction: int):
        super().__init__()
        narrow = max(1, channels // reduction)
        self.squeeze, self.excite = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))).sigmoid()


class Residual(nn.Module):
    """[conv3x3, bn, relu], [conv3x3, bn], a gate where ``attention`` is not 0, add; nothing after the addition."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1, attention: int = 0):
        super().__init__()
        self.block1 = ConvNorm(inputs, outputs, 3, stride, dilation)
        self.block2 = ConvNorm(outputs, outputs, 3, 1, dilation)
        self.gate = Gate(outputs, attention) if attention else None
        self.downsample = ConvNorm(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        change = self.block2(F.relu(self.block1(x)))
        return (change if self.gate is None else self.gate(change)) + shortcut


def residual_layer(count: int, inputs: int, outputs: int, stride: int = 1, dilation: int = 1,
                   attention: int = 0) -> nn.Sequential:
    blocks = nn.Sequential()
    for index in range(count):
        first = index == 0
        block = Residual(inputs if first else outputs, outputs, stride if first else 1, dilation, attention)
        blocks.add_module(f'block{index + 1}', block)
    return blocks


class Branch(nn.Module):
    """One level of the spatial pyramid: average over squares of ``size`` and project."""

    def __init__(self, size: int, inputs: int, outputs: int):
        super().__init__()
        self.size = size
        self.block = ConvNorm(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # a map smaller than the square is averaged as a whole, so that small inputs have an answer
        square = [min(self.size, side) for side in x.shape[2:]]
        return F.relu(self.block(F.avg_pool2d(x, square)))


def resize(x: torch.Tensor, size) -> torch.Tensor:
    """Bilinear with aligned corners, as everywhere in this network."""
    return F.interpolate(x, size=tuple(size), mode='bilinear', align_corners=True)


class DejavuNet(nn.Module):
    """Images (B, 3, H, W) float RGB in [0, 1] to dense features (B, n, H, W), of unit length unless switched off."""

    def __init__(self, channels: int = 10, normalise: bool = True, architecture: Architecture = Architecture()):
        super().__init__()
        self.channels, self.normalise, self.architecture = channels, normalise, architecture
        stem, low, high = architecture.stem, architecture.low, architecture.high
        self.first_conv = nn.ModuleDict({'block1': ConvNorm(3, stem, 3, 2), 'block2': ConvNorm(stem, stem, 3),
                                         'block3': ConvNorm(stem, stem, 3)})
        self.layer1 = residual_layer(architecture.layer1, stem, stem)
        self.layer2 = residual_layer(architecture.layer2, stem, low, stride=2, attention=architecture.attention)
        self.layer3 = residual_layer(architecture.layer3, low, high, attention=architecture.attention)
        self.layer4 = residual_layer(architecture.layer4, high, high, dilation=2, attention=architecture.attention)
        self.branch1, self.branch2, self.branch3, self.branch4 = (Branch(size, high, architecture.branch)
                                                                  for size in POOLS)
        merged = low + high + len(POOLS) * architecture.branch
        self.last_conv = nn.ModuleDict({'block1': ConvNorm(merged, architecture.decoder, 3),
                                        'conv1': nn.Conv2d(architecture.decoder, stem, 1, bias=False)})
        self.final = nn.Conv2d(stem, channels, 1, bias=False)

    @property
    def pyramid(self) -> list[Branch]:
        """From small squares to large, which is their order in ``last_conv``."""
        return [self.branch4, self.branch3, self.branch2, self.branch1]

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, 3, H, W) to the stem's map, (B, stem, H/2, W/2), and those of two depths, low and high at a quarter."""
        stem = images
        for block in self.first_conv.values():
            stem = F.relu(block(stem))
        low = self.layer2(self.layer1(stem))
        return stem, low, self.layer4(self.layer3(low))

    def decode(self, images: torch.Tensor) -> torch.Tensor:
        """Everything below the head: (B, 3, H, W) to (B, stem, H/2, W/2), sizes rounded up."""
        stem, low, high = self.encode(images)
        pyramid = [resize(branch(high), high.shape[2:]) for branch in self.pyramid]
        merged = resize(torch.cat([low, high, *pyramid], 1), stem.shape[2:])
        return self.last_conv['conv1'](F.relu(self.last_conv['block1'](merged))) + stem

    def unit(self, features: torch.Tensor) -> torch.Tensor:
        """Divide by the length over n, where this network does."""
        return F.normalize(features, dim=1) if self.normalise else features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.unit(self.final(resize(self.decode(images), images.shape[2:])))

    def half_size(self, images: torch.Tensor) -> torch.Tensor:
        """Dense features at the decoder's own size, (B, n, H/2, W/2), sizes rounded up.

        The head is linear and 1x1, so it commutes with the last resize and costs a quarter here.
        """
        return self.unit(self.final(self.decode(images)))
