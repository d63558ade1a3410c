"""What makes the dense maps that are pooled: images (B, 3, H, W), RGB in [0, 1], to (B, n, h, w)."""

import pickle
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.nn.checkpoint import check_archive, check_tensors, load_published
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.foreign import failure, load_extractor
from dejavu_ros.retrieval.classic import ResNet50, alexnet, vgg16

CLASSIC = {'alexnet': alexnet, 'vgg16': vgg16, 'resnet50': ResNet50}
PROBE = 128  # side of the image on which a stranger's backbone shows how many channels it has


class DejavuEncoder(nn.Module):
    """The maps of two depths of a Deja-Vu network, each of unit length: (B, 64 + 128, H/4, W/4).

    Each image is divided by its own maximum, as that network sees it.
    """

    channels = 192

    def __init__(self, network: DejavuNet):
        """Take the encoder out of ``network``, which cannot be used any more."""
        super().__init__()
        self.network = network
        for decoder in ('branch1', 'branch2', 'branch3', 'branch4', 'last_conv', 'final'):
            delattr(network, decoder)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        brightest = images.amax((1, 2, 3), keepdim=True).clamp(min=1 / 255)
        _, low, high = self.network.encode(images / brightest)
        return torch.cat([F.normalize(low, dim=1), F.normalize(high, dim=1)], 1)


class Foreign(nn.Module):
    """A stranger's callable as a backbone; its weights are kept where it is a module."""

    def __init__(self, name: str):
        """Raises ConfigError where it cannot be loaded or makes no dense maps."""
        super().__init__()
        self.extract = load_extractor(name)
        try:
            with torch.no_grad():
                maps = self.extract(torch.rand(1, 3, PROBE, PROBE))
        except Exception as error:  # whatever a stranger's code raises
            raise ConfigError(f'backbone {name!r} failed on an image of {PROBE}x{PROBE}: {failure(error)}') from None
        if not isinstance(maps, torch.Tensor) or maps.ndim != 4 or len(maps) != 1:
            got = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
            raise ConfigError(f'backbone {name!r} must return dense maps (B, n, h, w), got {got}')
        self.channels = maps.shape[1]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.extract(images)


def empty_backbone(name: str) -> nn.Module:
    """A backbone with weights of no use, to be loaded. Raises ConfigError for a name that means none."""
    if name == 'dejavu':
        return DejavuEncoder(DejavuNet())
    if name in CLASSIC:
        return CLASSIC[name]()
    if ':' not in name:
        raise ConfigError(f'no backbone {name!r}: give dejavu, {", ".join(CLASSIC)}, or MODULE:CALLABLE of your own')
    return Foreign(name)


def open_backbone(name: str, weights: str) -> nn.Module:
    """A backbone with the weights of a file.

    For dejavu a checkpoint of the published network, empty for the shipped one of that; for the others a state dict,
    empty for random weights, or as a stranger's module comes. Raises CheckpointError for a file that does not fit,
    ConfigError.
    """
    if name == 'dejavu':
        return DejavuEncoder(load_published(weights).network)
    backbone = empty_backbone(name)
    if weights:
        load_weights(backbone.extract if isinstance(backbone, Foreign) else backbone, weights)
    return backbone


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Fill ``module`` from a state dict as torchvision saves it; entries beyond it are left aside.

    Raises CheckpointError where an entry is missing or of another shape, or the file is unsafe or no state dict.
    """
    check_archive(Path(path))
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except OSError as error:
        raise CheckpointError(f'no weights {path}: {error.strerror}') from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError):
        raise CheckpointError(f'weights {path} are no plain state dict: save model.state_dict() again') from None
    check_tensors(state, path)
    if not isinstance(module, nn.Module):
        raise CheckpointError(f'weights {path} have no place: the backbone is a function, not a torch module')
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state]
    other = [name for name in wanted if name in state and state[name].shape != wanted[name].shape]
    if missing or other:
        why = f'no {missing[0]}' if missing else f'{other[0]} of another shape'
        raise CheckpointError(f'weights {path} are of another network: {why} ({len(missing + other)} of {len(wanted)} '
                              'entries do not fit)')
    module.load_state_dict({name: state[name] for name in wanted})
