"""CAPS descriptors at keypoints."""

import numpy as np
import torch

from dejavu_ros.images import resize
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.matching.keypoints import keypoints
from dejavu_ros.matching.settings import FeatureChoice
from dejavu_ros.nn.caps import centres, describe, load_caps
from dejavu_ros.nn.device import usable_device
from dejavu_ros.nn.features import by_own_maximum


class CapsFeatures:
    """Coarse and fine vectors of an image in its own proportions."""

    def __init__(self, choice: FeatureChoice):
        """Raises CheckpointError, ConfigError."""
        self.choice, self.device = choice, usable_device(choice.device)
        self.network = load_caps(choice.caps).to(self.device)

    @torch.inference_mode()
    def maps(self, image: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """(H, W, 3) uint8 RGB to its coarse and fine maps, the longer side of the input being ``input_side``."""
        scale = self.choice.input_side / max(image.shape[:2])
        height, width = (max(32, round(side * scale)) for side in image.shape[:2])
        small = torch.from_numpy(resize(image, width, height)).to(self.device)
        return self.network(by_own_maximum(small[None]))

    def dense(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB to descriptors everywhere, (2n, h, w) float32 of unit length, at the fine map's size."""
        coarse, fine = self.maps(image)
        height, width = fine.shape[2:]
        return describe(coarse, fine, centres(height, width, fine)[None])[0].unflatten(1, (height, width)).cpu().numpy()

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> LocalDescriptors:
        """Keypoints of (H, W, 3) uint8 RGB, at most ``count`` and perhaps 0, and the descriptors there."""
        points = keypoints(image, self.choice.keypoints, self.choice.count)
        shares = (torch.from_numpy(points) + 0.5) / torch.tensor(image.shape[1::-1])
        return LocalDescriptors(points, describe(*self.maps(image), shares[None].to(self.device))[0].cpu().numpy())
