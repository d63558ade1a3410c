"""Encoders whose weights were learnt elsewhere, by name: from images to dense feature maps.

Each is written here from its publication; the names of ``timm`` models, ``timm:NAME``, need that package. An encoder
takes images (B, 3, H, W) float RGB in [0, 1], normalises them itself as it was trained, and returns (B, ``width``,
H / ``stride``, W / ``stride``), sizes rounded up.
"""

import importlib
from collections.abc import Callable
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import nn

from dejavu_ros.errors import ConfigError
from dejavu_ros.nn.families import TIMM


class ConvBN(nn.Module):
    """Convolution without bias and batch norm; padding as TensorFlow's ``SAME`` where ``same``, else kernel // 2."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, *,
                 same: bool = False, eps: float = 1e-5, affine: bool = True):
        super().__init__()
        self.same = same and stride > 1  # with stride 1 and an odd kernel both are the same
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, 0 if self.same else kernel // 2, groups=groups,
                              bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=eps, affine=affine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(pad_same(x, self.conv) if self.same else x))


class FoldedConvBN(nn.Module):
    """A ConvBN in eval mode as one convolution."""

    def __init__(self, layer: ConvBN):
        super().__init__()
        conv, bn = layer.conv, layer.bn
        scale = torch.rsqrt(bn.running_var + bn.eps)
        scale, shift = (scale * bn.weight, bn.bias) if bn.affine else (scale, torch.zeros_like(scale))
        self.same = layer.same
        self.conv = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                              groups=conv.groups)
        self.conv.weight = nn.Parameter((conv.weight * scale[:, None, None, None]).detach())
        self.conv.bias = nn.Parameter((shift - bn.running_mean * scale).detach())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(pad_same(x, self.conv) if self.same else x)


def pad_same(x: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
    """Zeros around ``x`` so that ``conv`` gives size / stride, rounded up: the odd one below and to the right."""
    sides = []
    for size, kernel, stride in zip(x.shape[:1:-1], conv.kernel_size, conv.stride):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides)


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection (Sandler et al. 2018), with ReLU6; added where it fits."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        middle = inputs * expansion
        self.expand = ConvBN(inputs, middle, eps=1e-3) if expansion > 1 else None
        self.depthwise = ConvBN(middle, middle, kernel, stride, middle, same=True, eps=1e-3)
        self.project = ConvBN(middle, outputs, eps=1e-3)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        middle = x if self.expand is None else F.relu6(self.expand(x))
        result = self.project(F.relu6(self.depthwise(middle)))
        return result + x if self.shortcut else result


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite (Tan and Le 2019, without squeeze and excitation) up to the last block at stride 16."""

    stride = 16
    STAGES = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6))  # kernel, stride of the first block, expansion

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...]):
        """``widths`` and ``depths`` are channels and blocks of each of the five stages."""
        super().__init__()
        self.width = widths[-1]
        self.stem = ConvBN(3, 32, 3, 2, same=True, eps=1e-3)
        self.blocks, inputs = nn.Sequential(), 32
        for width, depth, (kernel, stride, expansion) in zip(widths, depths, self.STAGES):
            for index in range(depth):
                self.blocks.append(InvertedResidual(inputs, width, kernel, 1 if index else stride, expansion))
                inputs = width

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.blocks(F.relu6(self.stem(((images * 255 - 127) / 128).to(self.stem.conv.weight.dtype))))


class XFeat(nn.Module):
    """The dense descriptors of XFeat (Potje et al., CVPR 2024), 64 channels at an eighth, before unit length.

    It sees grey images, each with its own mean subtracted and divided by its own deviation.
    """

    width, stride = 64, 8

    def __init__(self):
        super().__init__()
        self.skip1 = nn.Conv2d(1, 24, 1)
        self.block1 = conv_stack((1, 4, 3, 1), (4, 8, 3, 2), (8, 8, 3, 1), (8, 24, 3, 2))
        self.block2 = conv_stack((24, 24, 3, 1), (24, 24, 3, 1))
        self.block3 = conv_stack((24, 64, 3, 2), (64, 64, 3, 1), (64, 64, 1, 1))
        self.block4 = conv_stack((64, 64, 3, 2), (64, 64, 3, 1), (64, 64, 3, 1))
        self.block5 = conv_stack((64, 128, 3, 2), (128, 128, 3, 1), (128, 128, 3, 1), (128, 64, 1, 1))
        self.fusion = conv_stack((64, 64, 3, 1), (64, 64, 3, 1))
        self.descriptor = nn.Conv2d(64, 64, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        grey = images.mean(1, keepdim=True)
        grey = grey - grey.mean((2, 3), keepdim=True)
        grey = (grey * torch.rsqrt(grey.square().mean((2, 3), keepdim=True) + 1e-5)).to(self.skip1.weight.dtype)
        quarter = self.block1(grey)
        skip = self.skip1(F.avg_pool2d(grey, 4, ceil_mode=True, count_include_pad=False))
        third = self.block3(self.block2(quarter + skip))
        fourth = self.block4(third)
        fifth = self.block5(fourth)
        larger = [F.interpolate(level, size=third.shape[2:], mode='bilinear', align_corners=False)
                  for level in (fourth, fifth)]
        return self.descriptor(self.fusion(third + larger[0] + larger[1]))


def conv_stack(*layers: tuple[int, int, int, int]) -> nn.Sequential:
    """Of (inputs, outputs, kernel, stride): convolution, batch norm without weights of its own, ReLU, each."""
    stack = nn.Sequential()
    for inputs, outputs, kernel, stride in layers:
        stack.append(ConvBN(inputs, outputs, kernel, stride, affine=False)).append(nn.ReLU())
    return stack


def timm_model(name: str, pretrained: bool) -> tuple[ModuleType, nn.Module]:
    """The package and a model that returns the maps of its levels. Raises ConfigError where one is not there."""
    try:
        timm = importlib.import_module('timm')
    except Exception as error:  # a torchvision that does not fit the torch raises RuntimeError
        raise ConfigError(f'encoder {TIMM}{name} needs the package timm, which cannot be imported: '
                          f'{" ".join(str(error).split())[:200]}; pip install timm') from None
    any_size = {'dynamic_img_size': True, 'dynamic_img_pad': True} if name.startswith('vit') else {}
    try:
        return timm, timm.create_model(name, pretrained=pretrained, features_only=True, **any_size)
    except (RuntimeError, OSError, TypeError) as error:
        raise ConfigError(f'timm makes no encoder {name!r}: {" ".join(str(error).split())[:200]}') from None


class TimmEncoder(nn.Module):
    """A model of the ``timm`` package, without weights: the features of its last layer at stride 16, or the last."""

    def __init__(self, name: str):
        """Raises ConfigError where timm or the model is not there."""
        super().__init__()
        timm, model = timm_model(name, pretrained=False)
        strides = model.feature_info.reduction()
        self.level = max(index for index, stride in enumerate(strides) if stride <= 16 or index == 0)
        self.model, self.stride, self.width = model, strides[self.level], model.feature_info.channels()[self.level]
        config = timm.data.resolve_model_data_config(model)
        self.register_buffer('mean', torch.tensor(config['mean'])[:, None, None], persistent=False)
        self.register_buffer('std', torch.tensor(config['std'])[:, None, None], persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = (images - self.mean) / self.std
        return self.model(images.to(next(self.model.parameters()).dtype))[self.level]


MAKERS: dict[str, Callable[[], nn.Module]] = {  # of the names in families.ENCODERS
    'efficientnet_lite0': lambda: EfficientNetLite((16, 24, 40, 80, 112), (1, 2, 2, 3, 3)),
    'efficientnet_lite1': lambda: EfficientNetLite((16, 24, 40, 80, 112), (1, 3, 3, 4, 4)),
    'efficientnet_lite2': lambda: EfficientNetLite((16, 24, 48, 88, 120), (1, 3, 3, 4, 4)),
    'xfeat': XFeat,
}


def make_encoder(name: str) -> nn.Module:
    """An encoder by its name in ``families.ENCODERS``, or ``timm:NAME``, with random weights.

    Raises ConfigError where timm or its model is not there.
    """
    return TimmEncoder(name.removeprefix(TIMM)) if name.startswith(TIMM) else MAKERS[name]()
