"""The network as it is run: what :class:`dejavu_ros.nn.dejavu.DejavuNet` does in eval mode, in fewer steps.

- :func:`inference_net` makes it from a network of any family.
- Batch norms are folded into the convolutions before them.
- What is linear and works on single pixels commutes with a bilinear resize. So the head is applied at half size, and
  the widest convolution's nine taps on the pyramid's maps of few pixels before these are resized to half size.

DejavuNet and EncoderNet are what is trained, and the reference that the tests hold this to.
"""

import copy
import functools

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dejavu_ros.errors import ConfigError
from dejavu_ros.nn.dejavu import ConvNorm, DejavuNet, resize
from dejavu_ros.nn.encoder_net import EncoderNet
from dejavu_ros.nn.encoders import ConvBN, FoldedConvBN

PRECISIONS = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


class FoldedNet(nn.Module):
    """A DejavuNet's ``forward`` and ``half_size``, for inference alone; float32 images and maps in any precision."""

    def __init__(self, network: DejavuNet, precision: str = 'float32'):
        """Leaves ``network`` as it is. Raises ConfigError for a precision that is none of PRECISIONS."""
        super().__init__()
        self.channels, self.unit, self.dtype = network.channels, network.unit, dtype_of(precision)
        body = fold(copy.deepcopy(network).eval().double())
        widest, final = body.last_conv['block1'], body.final.weight
        projections = [branch.block.out_channels for branch in body.pyramid]
        inputs = [widest.in_channels - sum(projections), *projections]
        levels, *pooled = widest.weight.detach().split(inputs, 1)
        self.merge = nn.Conv2d(inputs[0], len(levels), 3, padding=1)
        self.merge.weight, self.merge.bias = nn.Parameter(levels), widest.bias
        self.merge_pooled = nn.ModuleList(ResizedConv(weight) for weight in pooled)
        self.head = pointwise(torch.einsum('nchw,cdhw->ndhw', final, body.last_conv['conv1'].weight))
        self.stem_head = pointwise(final)
        self.body = body
        del body.last_conv, body.final
        self.to(self.dtype, memory_format=torch.channels_last).requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, n, H, W)."""
        return self.unit(resize(self.linear(images), images.shape[2:]))

    def half_size(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, n, H/2, W/2), sizes rounded up."""
        return self.unit(self.linear(images))

    def linear(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, n, H/2, W/2) before they are brought to unit length."""
        images = images.to(self.dtype, memory_format=torch.channels_last)
        stem, low, high = self.body.encode(images)
        merged = self.merge(resize(torch.cat([low, high], 1), stem.shape[2:]))
        for merge, branch in zip(self.merge_pooled, self.body.pyramid):
            merged += merge(branch(high), high.shape[2:], stem.shape[2:])
        return (self.head(F.relu(merged)) + self.stem_head(stem)).float()


class FoldedEncoderNet(nn.Module):
    """An EncoderNet's ``forward`` and ``half_size``, for inference alone; the head and what follows are float32."""

    def __init__(self, network: EncoderNet, precision: str = 'float32'):
        """Leaves ``network`` as it is. Raises ConfigError for a precision that is none of PRECISIONS."""
        super().__init__()
        self.channels, self.unit, self.dtype = network.channels, network.unit, dtype_of(precision)
        self.body = fold(copy.deepcopy(network).eval().double()).float()
        self.body.encoders.to(self.dtype)
        self.to(memory_format=torch.channels_last).requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, n, H, W)."""
        return self.unit(resize(self.linear(images), images.shape[2:]))

    def half_size(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, n, H / stride, W / stride), sizes rounded up."""
        return self.unit(self.linear(images))

    def linear(self, images: torch.Tensor) -> torch.Tensor:
        """The same before the vectors are brought to unit length."""
        return self.body.final(self.body.encode(images.contiguous(memory_format=torch.channels_last)).float())


InferenceNet = FoldedNet | FoldedEncoderNet


def inference_net(network: DejavuNet | EncoderNet, precision: str = 'float32') -> InferenceNet:
    """A network of any family as it is run. Raises ConfigError for a precision that is none of PRECISIONS."""
    return (FoldedEncoderNet if isinstance(network, EncoderNet) else FoldedNet)(network, precision)


def dtype_of(precision: str) -> torch.dtype:
    """Raises ConfigError for a precision that is none of PRECISIONS."""
    if precision not in PRECISIONS:
        raise ConfigError(f'precision {precision!r} is none of {", ".join(PRECISIONS)}')
    return PRECISIONS[precision]


class ResizedConv(nn.Module):
    """A 3x3 convolution of a map after two bilinear resizes: the taps first, then the resizes and their sum."""

    def __init__(self, weight: torch.Tensor):
        """``weight`` is (outputs, inputs, 3, 3)."""
        super().__init__()
        self.outputs = len(weight)
        self.taps = pointwise(weight.permute(0, 2, 3, 1).flatten(0, 2)[..., None, None])

    def forward(self, x: torch.Tensor, between: torch.Size, size: torch.Size) -> torch.Tensor:
        """(B, inputs, h, w), resized to ``between`` and then to ``size``, to (B, outputs, *size), zeros around it."""
        # what is traced must not keep the tracer's tensors
        resizing = shifted_resize if torch.compiler.is_compiling() else kept_resize
        rows, columns = (resizing(*sizes, x.device, x.dtype) for sizes in zip(x.shape[2:], between, size))
        taps = self.taps(x).unflatten(1, (self.outputs, 3, 3)).permute(0, 1, 2, 4, 3, 5)
        return rows.T @ taps.flatten(4).flatten(2, 3) @ columns  # matrix products: every ONNX runtime has them


def shifted_resize(old: int, between: int, new: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """The linear map (3 * old, new) of a line to its resized form, seen from one place before, at, and one after."""
    line = torch.eye(old, device=device)[None]  # made there: nothing may be copied to a GPU within a CUDA graph
    for size in (between, new):
        line = F.interpolate(line, size=size, mode='linear', align_corners=True)
    return F.pad(line[0], (1, 1)).unfold(1, 3, 1).permute(2, 0, 1).flatten(0, 1).to(dtype)


kept_resize = functools.lru_cache(maxsize=64)(shifted_resize)  # 8 of them for one size of the input


def pointwise(weight: torch.Tensor) -> nn.Conv2d:
    """The 1x1 convolution of a weight (outputs, inputs, 1, 1)."""
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], 1, bias=False)
    conv.weight = nn.Parameter(weight.detach())
    return conv


def fold(module: nn.Module) -> nn.Module:
    """Replace every ConvNorm and ConvBN below ``module`` by one convolution, in place."""
    for name, child in module.named_children():
        if isinstance(child, ConvNorm):
            setattr(module, name, fuse_conv_bn_eval(child._layers['conv'], child._layers['bn']))
        elif isinstance(child, ConvBN):
            setattr(module, name, FoldedConvBN(child))
        else:
            fold(child)
    return module
