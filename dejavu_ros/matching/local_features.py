"""Hand-made local features that the learned ones are held against."""

import cv2
import numpy as np

from dejavu_ros.images import resize
from dejavu_ros.matching.features import LocalDescriptors

SIFT_CONTRAST = 0.04  # below which SIFT passes over an extremum (Lowe 2004)
# L2 ratio of nearest to second nearest below which a match is distinctive (Lowe 2004). ORB's is 0.8 of Hamming
# distances, whose roots are the L2 distances of its vectors here.
RATIOS = {'orb': 0.8**0.5, 'sift': 0.8, 'rootsift': 0.8}


class LocalFeatures:
    """``orb``, ``sift`` or ``rootsift`` (Arandjelovic and Zisserman 2012): descriptors of the strongest keypoints."""

    def __init__(self, kind: str, keypoints: int = 500, max_width: int | None = None, contrast: float = SIFT_CONTRAST):
        """Wider images are reduced to ``max_width``, if any; SIFT passes over what is below ``contrast``."""
        self.kind, self.keypoints, self.max_width = kind, keypoints, max_width
        self.detector = (cv2.ORB_create(nfeatures=keypoints) if kind == 'orb' else
                         cv2.SIFT_create(nfeatures=keypoints, contrastThreshold=contrast))

    def __call__(self, image: np.ndarray) -> LocalDescriptors:
        """Keypoints and descriptors of (H, W, 3) uint8 RGB, at most ``keypoints`` and perhaps 0.

        n is 128 for SIFT, 256 for ORB, whose bits become +-1/16: squared L2 is then Hamming distance / 64.
        """
        height, width = image.shape[:2]
        if self.max_width and width > self.max_width:
            image = resize(image, self.max_width, max(1, round(height * self.max_width / width)))
        found, descriptors = self.detector.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None)
        if descriptors is None:
            return LocalDescriptors(np.zeros((0, 2), np.float32),
                                    np.zeros((256 if self.kind == 'orb' else 128, 0), np.float32))
        # SIFT may return more than asked for where a keypoint has two orientations
        strongest = np.argsort([-keypoint.response for keypoint in found], kind='stable')[:self.keypoints]
        reduced = np.float32([width / image.shape[1], height / image.shape[0]])
        points = np.float32([found[index].pt for index in strongest])
        return LocalDescriptors((points + 0.5) * reduced - 0.5, unit_vectors(descriptors[strongest], self.kind).T)

    def describe(self, image: np.ndarray) -> np.ndarray:
        """The descriptors alone: unit vectors (n, N) float32."""
        return self(image).descriptors


def unit_vectors(descriptors: np.ndarray, kind: str) -> np.ndarray:
    """OpenCV's descriptors, one a row, to unit vectors, one a row."""
    if kind == 'orb':
        return np.unpackbits(descriptors, axis=1).astype(np.float32) / 8 - np.float32(1 / 16)
    if kind == 'rootsift':
        return np.sqrt(descriptors / descriptors.sum(1, keepdims=True).clip(min=1e-6))
    return descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True).clip(min=1e-6)
