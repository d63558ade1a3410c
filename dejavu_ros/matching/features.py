"""Keypoints with descriptors, learned or hand-made, behind one face: an image in, :class:`LocalDescriptors` out."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class LocalDescriptors:
    """``points`` (N, 2) float32, x and y in pixels of the image; ``descriptors`` (n, N) float32 of unit length."""

    points: np.ndarray
    descriptors: np.ndarray


Describe = Callable[[np.ndarray], LocalDescriptors]  # of (H, W, 3) uint8 RGB
