"""Dense Deja-Vu maps, read at keypoints."""

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F

from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.matching.keypoints import keypoints
from dejavu_ros.matching.settings import FeatureChoice
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor


class DenseFeatures:
    """A checkpoint's dense map of an image, larger than for recognising places and in the image's own proportions."""

    def __init__(self, choice: FeatureChoice):
        """Raises CheckpointError, ConfigError."""
        self.choice = choice
        self.extractor = FeatureExtractor(load_checkpoint(choice.checkpoint), choice.device)

    def dense(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB to (n, h, w) float32 of unit length, the longer of h and w being ``input_side``."""
        height, width = image.shape[:2]
        scale = self.choice.input_side / max(height, width)
        self.extractor.settings = dataclasses.replace(self.extractor.settings,
                                                      input_width=max(16, round(width * scale)),
                                                      input_height=max(16, round(height * scale)))
        return self.extractor.dense(image)

    def __call__(self, image: np.ndarray) -> LocalDescriptors:
        """Keypoints of (H, W, 3) uint8 RGB, at most ``count`` and perhaps 0, and the map's vectors there."""
        points = keypoints(image, self.choice.keypoints, self.choice.count)
        return LocalDescriptors(points, sample(self.dense(image), points, image.shape[:2]))


def sample(dense: np.ndarray, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Unit vectors (n, N): a map (n, h, w) of an image of ``size`` (H, W), bilinear at ``points`` (N, 2) of the image.

    Points in pixels of the image, pixel centres at whole numbers; beyond the map's outermost vectors these go on.
    """
    height, width = size
    relative = (torch.from_numpy(points) + 0.5) * 2 / torch.tensor([width, height]) - 1
    found = F.grid_sample(torch.from_numpy(dense)[None], relative[None, None], mode='bilinear', padding_mode='border',
                          align_corners=False)
    return F.normalize(found[0, :, 0], dim=0).numpy()
