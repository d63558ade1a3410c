"""AlexNet, VGG-16 and ResNet-50 up to the maps that NetVLAD pools, with torchvision's names of parameters.

So a file of torchvision's weights loads; what such a file holds beyond the maps is left aside. The classifiers are not
built: AlexNet (Krizhevsky 2014) and VGG-16 (Simonyan and Zisserman 2015) end with their last convolution, before its
ReLU, as in the NetVLAD paper; ResNet-50 (He et al. 2016) with its third stage, at a sixteenth of the image.
"""

import torch
import torch.nn.functional as F
from torch import nn

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, which torchvision's weights expect
VGG16 = 64, 64, 'pool', 128, 128, 'pool', 256, 256, 256, 'pool', 512, 512, 512, 'pool', 512, 512, 512


def standardised(images: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) in [0, 1] less ImageNet's mean colour, over its deviation."""
    mean, deviation = (images.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (images - mean) / deviation


class Plain(nn.Module):
    """A row of layers, ``features.0``, ``features.1``, ...: (B, 3, H, W) in [0, 1] to (B, channels, h, w)."""

    def __init__(self, layers: list[nn.Module], channels: int):
        super().__init__()
        self.features, self.channels = nn.Sequential(*layers), channels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.features(standardised(images))


def alexnet() -> Plain:
    def pool():
        return nn.MaxPool2d(3, 2)

    return Plain([nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), pool(), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), pool(),
                  nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
                  nn.Conv2d(256, 256, 3, padding=1)], 256)


def vgg16() -> Plain:
    layers, inputs = [], 3
    for outputs in VGG16:
        if outputs == 'pool':
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
    return Plain(layers[:-1], inputs)


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1 convolutions, four times wider at the end, and the shortcut."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + shortcut)


def stage(count: int, inputs: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(Bottleneck(inputs, width, stride),
                         *(Bottleneck(4 * width, width, 1) for _ in range(count - 1)))


class ResNet50(nn.Module):
    """(B, 3, H, W) in [0, 1] to (B, 1024, H/16, W/16)."""

    channels = 1024

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.layer1, self.layer2, self.layer3 = stage(3, 64, 64, 1), stage(4, 256, 128, 2), stage(6, 512, 256, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(standardised(images)))), 3, 2, 1)
        return self.layer3(self.layer2(self.layer1(x)))
