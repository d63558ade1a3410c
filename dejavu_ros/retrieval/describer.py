"""A describer on a device: image arrays and files to descriptors."""

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from dejavu_ros.images import load_image
from dejavu_ros.nn.device import usable_device
from dejavu_ros.nn.folded import fold
from dejavu_ros.retrieval.files import NetworkFile
from dejavu_ros.retrieval.network import to_input

BATCH = 16


class Describer:
    """Images to vectors (D,) float16 of unit length."""

    def __init__(self, file: NetworkFile, device: str = 'cpu'):
        """Leaves ``file`` as it is. Raises ConfigError for a device that is not there."""
        self.settings, self.identity, self.device = file.settings, file.identity, usable_device(device)
        self.network = fold(copy.deepcopy(file.network).double()).float().to(self.device)

    @torch.inference_mode()
    def describe(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """(H, W, 3) uint8 RGB images of any sizes to (B, D) float16."""
        found = [self.network(to_input(images[start:start + BATCH], self.settings).to(self.device)).half().cpu().numpy()
                 for start in range(0, len(images), BATCH)]
        return np.concatenate(found)

    def describe_all(self, images: Iterable[np.ndarray], count: int) -> np.ndarray:
        """The same for ``count`` images that are made one by one, a batch of them in memory at a time."""
        batch, found = [], []
        for image in tqdm(images, desc='describe', total=count, unit='image', disable=None):
            batch.append(image)
            if len(batch) == BATCH:
                found.append(self.describe(batch))
                batch = []
        return np.concatenate([*found, *([self.describe(batch)] if batch else [])])

    def describe_files(self, paths: Sequence[str | Path]) -> np.ndarray:
        """Image files to (B, D) float16. Raises ImageError."""
        return self.describe_all(map(load_image, paths), len(paths))

    @torch.inference_mode()
    def maps(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [0, 1], of any size, to the dense maps (B, n, h, w) below the pooling."""
        size = self.settings.input_height, self.settings.input_width
        return self.network.maps(F.interpolate(images, size, mode='bilinear', antialias=True))
