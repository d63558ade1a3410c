"""CAPS heads (Wang et al., ECCV 2020) on the Deja-Vu encoder: descriptors at a sixteenth and at a quarter of an image.

A file of weights holds ``model``, the state dict of the whole, and ``caps``, plain numbers.
"""

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from dejavu_ros.errors import CheckpointError
from dejavu_ros.files import new_file
from dejavu_ros.nn.checkpoint import check_archive, check_tensors, default_checkpoint_path
from dejavu_ros.nn.dejavu import ConvNorm, DejavuNet

HIDDEN = 64  # channels within a head
SHIPPED = 'caps.pt'  # beside the shipped checkpoint


class CapsNet(nn.Module):
    """Images (B, 3, H, W) to maps of unit vectors: coarse (B, n, H/16, W/16) and fine (B, n, H/4, W/4), rounded up.

    ``encoder`` is a whole Deja-Vu network, whose own features stay what they are for as long as it is frozen.
    """

    def __init__(self, encoder: DejavuNet, length: int):
        """``length`` is n."""
        super().__init__()
        self.encoder, self.length = encoder, length
        self.coarse = nn.Sequential(ConvNorm(128, HIDDEN, 3, stride=2), nn.ReLU(),
                                    ConvNorm(HIDDEN, HIDDEN, 3, stride=2), nn.ReLU(), nn.Conv2d(HIDDEN, length, 1))
        self.fine = nn.Sequential(ConvNorm(192, HIDDEN, 3), nn.ReLU(), nn.Conv2d(HIDDEN, length, 1))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        _, low, high = self.encoder.encode(images)
        return self.heads(low, high)

    def heads(self, low: torch.Tensor, high: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """From the encoder's maps of two depths at a quarter, (B, 64, h, w) and (B, 128, h, w)."""
        return F.normalize(self.coarse(high), dim=1), F.normalize(self.fine(torch.cat([low, high], 1)), dim=1)


def centres(height: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """Centres of a map's cells in shares, row by row: (height * width, 2), in device and type as ``like``."""
    y, x = ((torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count for count in (height, width))
    return torch.stack(torch.meshgrid(x, y, indexing='xy'), -1).flatten(0, 1)


def sample(maps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Vectors (B, n, N) of maps (B, n, h, w) at ``points`` (B, N, 2), x and y as shares of the image; bilinear.

    Beyond the centres of the outermost vectors these go on.
    """
    return F.grid_sample(maps, 2 * points[:, None] - 1, mode='bilinear', padding_mode='border',
                         align_corners=False)[:, :, 0]


def describe(coarse: torch.Tensor, fine: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Descriptors (B, 2n, N) of unit length at ``points`` (B, N, 2) in shares: the coarse vectors above the fine."""
    return F.normalize(torch.cat([F.normalize(sample(maps, points), dim=1) for maps in (coarse, fine)], 1), dim=1)


def save_caps(path: str | Path, network: CapsNet, record: dict[str, Any]) -> None:
    """Write weights in float16 and ``record``, plain values; whole or not at all."""
    state = {name: (value.half() if value.is_floating_point() else value).cpu()
             for name, value in network.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({'model': state, 'caps': {**record, 'length': network.length,
                                         'channels': network.encoder.channels}}, buffer)
    with new_file(path) as file:
        file.write(buffer.getvalue())


def file_of(path: str | Path) -> Path:
    """An empty name is the shipped file."""
    return Path(path) if str(path) else default_checkpoint_path().with_name(SHIPPED)


def identity_of(path: str | Path) -> str:
    """12 hex digits of the hash of a file. Raises CheckpointError where it cannot be read."""
    try:
        return hashlib.sha256(file_of(path).read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise CheckpointError(f'no checkpoint {path}: {error.strerror}') from None


def load_caps(path: str | Path = '') -> CapsNet:
    """Load a file without running anything in it; an empty name is the shipped one.

    Raises CheckpointError for one that is missing, damaged, unsafe or no CAPS.
    """
    path = file_of(path)
    check_archive(path)
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except OSError as error:
        raise CheckpointError(f'no checkpoint {path}: {error.strerror}') from None
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        raise CheckpointError(f'checkpoint {path} is damaged or no plain file of weights') from None
    if not isinstance(content, dict) or not isinstance(content.get('caps'), dict):
        raise CheckpointError(f'checkpoint {path} has no CAPS heads: dejavu train-caps makes such files')
    check_tensors(content.get('model'), path)
    try:
        network = CapsNet(DejavuNet(content['caps']['channels']), content['caps']['length'])
        network.load_state_dict({name: value.float() if value.is_floating_point() else value
                                 for name, value in content['model'].items()})
    except (RuntimeError, KeyError, TypeError) as error:
        why = ' '.join(str(error).split())[:200]
        raise CheckpointError(f'checkpoint {path} is of another network: {why}') from None
    return network.eval()
