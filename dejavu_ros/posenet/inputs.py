"""What a regressor sees: pictures or frozen features, as maps of one size.

A picture's squares of 2x2 pixels become 12 channels, nothing lost; features come as the network's own half-size map.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from dejavu_ros.images import resize
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, to_input
from dejavu_ros.ops.contextual import contextual_similarity
from dejavu_ros.posenet.settings import PoseNetSettings
from dejavu_ros.training.photometric import disturb

BATCH = 16  # pictures at a time


class Rgb:
    """Pictures as they are."""

    name, identity = 'rgb', None

    def __init__(self, settings: PoseNetSettings):
        self.size = settings.input_width, settings.input_height

    def maps(self, pictures: np.ndarray, title: str) -> torch.Tensor:
        """(N, H, W, 3) uint8 RGB to (N, 12, h, w) float16 in [0, 1]; ``title`` says what they are."""
        small = np.stack([resize(picture, *self.size) for picture in pictures])
        return F.pixel_unshuffle(torch.from_numpy(small).permute(0, 3, 1, 2).half() / 255, 2)


class Features:
    """Dense features of a frozen checkpoint; ``identity`` is the checkpoint's."""

    def __init__(self, checkpoint: str, settings: PoseNetSettings):
        """Raises CheckpointError for a file that is none, ConfigError for a device that is not there."""
        self.extractor = FeatureExtractor(load_checkpoint(checkpoint), settings.device)
        self.size = settings.input_height // 2, settings.input_width // 2
        self.name = f'features {Path(checkpoint).stem or "shipped"}'
        self.identity = self.extractor.checkpoint.identity

    @torch.inference_mode()
    def maps(self, pictures: np.ndarray, title: str) -> torch.Tensor:
        """(N, H, W, 3) uint8 RGB to (N, n, h, w) float16; ``title`` says what they are."""
        maps = []
        for start in tqdm(range(0, len(pictures), BATCH), f'{self.name}, {title}', leave=False, disable=None):
            batch = to_input(pictures[start:start + BATCH], self.extractor.settings).to(self.extractor.device)
            dense = self.extractor.network.half_size(batch)
            if dense.shape[2:] != self.size:
                dense = F.interpolate(dense, self.size, mode='bilinear', antialias=True)
            maps.append(dense.half().cpu())
        return torch.cat(maps)

    def nearest(self, queries: torch.Tensor, known: torch.Tensor) -> np.ndarray:
        """Which of the maps ``known`` (K, n, h, w) is most like each of ``queries`` (Q, n, h, w) under CX: (Q,)."""
        grids = [F.normalize(F.adaptive_avg_pool2d(maps.float(), self.extractor.grid), dim=1).flatten(2)
                 for maps in (queries, known)]
        return contextual_similarity(*grids, self.extractor.checkpoint.contextual).argmax(1).numpy()


def chosen_inputs(settings: PoseNetSettings) -> list[Rgb | Features]:
    """What is compared. Raises CheckpointError, ConfigError."""
    pictures = [Rgb(settings)] if 'rgb' in settings.inputs.split(',') else []
    return pictures + [Features(checkpoint, settings) for checkpoint in settings.checkpoints]


def in_other_light(pictures: np.ndarray, versions: int, strength: float) -> list[np.ndarray]:
    """The pictures (N, H, W, 3) themselves and ``versions`` - 1 of them in other light, always the same ones."""
    return [pictures, *(np.stack([disturb(picture, strength, np.random.default_rng((version, index)))
                                  for index, picture in enumerate(pictures)]) for version in range(1, versions))]
