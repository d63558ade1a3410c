"""From images to the grid of vectors that is scored and stored."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError
from dejavu_ros.images import load_image
from dejavu_ros.images import resize as resize_image
from dejavu_ros.nn.dejavu import DejavuNet, resize
from dejavu_ros.nn.device import is_device_failure, usable_device
from dejavu_ros.nn.encoder_net import EncoderNet
from dejavu_ros.nn.folded import InferenceNet, inference_net
from dejavu_ros.nn.recorded import Recorded
from dejavu_ros.troubleshooting import NETWORK_ON_CPU

Network = DejavuNet | EncoderNet | InferenceNet


@dataclasses.dataclass(frozen=True)
class FeatureSettings:
    """How a checkpoint sees an image. The defaults are those of the published example."""

    input_width: int = option(256, 'width of the network\'s input', unit='px', low=16, high=4096)
    input_height: int = option(256, 'height of the network\'s input', unit='px', low=16, high=4096)
    grid_width: int = option(64, 'columns of the grid of vectors', low=1, high=1024)
    grid_height: int = option(64, 'rows of the grid of vectors', low=1, high=1024)
    reduction: str = option('bilinear', 'to the grid by sampling the full-size map (bilinear) or by averaging (area)',
                            choices=('bilinear', 'area'))
    normalise: bool = option(True, 'dense features of unit length')


def to_input(images: Sequence[np.ndarray], settings: FeatureSettings) -> torch.Tensor:
    """(H, W, 3) uint8 RGB images of any sizes to (B, 3, H, W) float, each divided by its own maximum."""
    size = settings.input_width, settings.input_height
    batch = np.stack([resize_image(image, *size) for image in images])
    return by_own_maximum(torch.from_numpy(batch))


def by_own_maximum(images: torch.Tensor) -> torch.Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float in [0, 1], each image divided by its own maximum."""
    batch = images.permute(0, 3, 1, 2).float()
    return batch / batch.amax((1, 2, 3), keepdim=True).clamp(min=1)


def to_grid(network: Network, batch: torch.Tensor, settings: FeatureSettings) -> torch.Tensor:
    """(B, 3, H, W) to the grid (B, n, gh, gw), with gradients where they are on.

    ``bilinear`` is the published example: the full-size unit-length map sampled with aligned corners, not
    renormalised. ``area`` averages the network's own map (half the image's size in the published family) over each cell
    and normalises again.
    """
    return reduce(network, dense_map(network, batch, settings), settings)


def dense_map(network: Network, batch: torch.Tensor, settings: FeatureSettings) -> torch.Tensor:
    """(B, 3, H, W) to the map that the grid is made of: (B, n, H, W), or of the network's own size for ``area``."""
    return network(batch) if settings.reduction == 'bilinear' else network.half_size(batch)


def reduce(network: Network, dense: torch.Tensor, settings: FeatureSettings) -> torch.Tensor:
    """A :func:`dense_map` to the grid (B, n, gh, gw)."""
    grid = settings.grid_height, settings.grid_width
    if settings.reduction == 'bilinear':
        return resize(dense, grid)
    return network.unit(F.adaptive_avg_pool2d(dense, grid))


class FeatureExtractor:
    """A checkpoint's network on a device: images to stored grids.

    On a GPU, single images are a recording that is replayed (:class:`dejavu_ros.nn.recorded.Recorded`). Where a GPU
    has no memory left or is lost, the CPU computes instead and ``problem`` says so in words; every image tries the GPU
    again.
    """

    def __init__(self, checkpoint, device: str = 'cpu', batch_size: int = 16, precision: str = 'float32'):
        """Take a :class:`dejavu_ros.nn.checkpoint.Checkpoint`, which is left as it is.

        ``precision`` is one of ``folded.PRECISIONS``; only in float32 are the vectors those of the plain network, up
        to the rounding of the stored float16. Raises ConfigError for another one, or a device that is not there.
        """
        self.checkpoint, self.settings, self.batch_size = checkpoint, checkpoint.settings, batch_size
        self.problem, self._substitute = '', None
        self._recorded = Recorded(self._grids)
        self.device = usable_device(device)
        try:
            self.network = inference_net(checkpoint.network, precision).to(self.device)
        except RuntimeError as error:
            if not is_device_failure(error):
                raise
            raise ConfigError(f'device {device!r} cannot be used: {str(error).splitlines()[0]}') from None

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.settings.grid_height, self.settings.grid_width

    @property
    def channels(self) -> int:
        return self.network.channels

    @property
    def record(self) -> dict:
        """What a map has to remember, so that later frames are seen the same way."""
        return {'input_size': [self.settings.input_width, self.settings.input_height], 'grid': list(self.grid),
                'channels': self.channels, 'contextual': dataclasses.asdict(self.checkpoint.contextual)}

    @torch.inference_mode()
    def extract(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """(H, W, 3) uint8 RGB images to (B, n, gh * gw) float16, row by row of the grid."""
        grids = []
        for start in range(0, len(images), self.batch_size):
            batch = to_input(images[start:start + self.batch_size], self.settings)
            grids.append(self._run(self._recorded if len(batch) == 1 else self._grids, batch))
        return np.concatenate(grids)

    def _grids(self, network: InferenceNet, images: torch.Tensor) -> torch.Tensor:
        return to_grid(network, images, self.settings).flatten(2).half()

    @torch.inference_mode()
    def dense(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB to the network's whole map (n, height, width of its input) float32."""
        return self._run(lambda network, images: network(images)[0], to_input([image], self.settings))

    def _run(self, work: Callable[[InferenceNet, torch.Tensor], torch.Tensor], batch: torch.Tensor) -> np.ndarray:
        """``work(network, batch)`` on the device, or on the CPU where a GPU fails."""
        if self.device.type != 'cpu':
            try:
                result = work(self.network, batch.to(self.device)).cpu().numpy()
                self.problem = ''
                return result
            except RuntimeError as error:
                if not is_device_failure(error):
                    raise
                self.problem = NETWORK_ON_CPU(device=self.device, reason=str(error).splitlines()[0])
            self._substitute = self._substitute or inference_net(self.checkpoint.network)
            return work(self._substitute, batch).cpu().numpy()
        return work(self.network, batch).cpu().numpy()

    def extract_files(self, paths: Sequence[str | Path]) -> np.ndarray:
        """Image files to (B, n, gh * gw) float16, a batch of images in memory at a time. Raises ImageError."""
        starts = tqdm(range(0, len(paths), self.batch_size), desc='features', unit='batch', disable=None)
        return np.concatenate([self.extract([load_image(path) for path in paths[start:start + self.batch_size]])
                               for start in starts])
