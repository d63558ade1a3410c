"""What is remembered of a point: a hand-made descriptor, a learned one, or both joined."""

import numpy as np

from dejavu_ros.images import resize
from dejavu_ros.matching.dense_features import sample
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.matching.local_features import LocalFeatures
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.sixdof.model import PointModel
from dejavu_ros.sixdof.settings import PointSettings

SIFT = 128  # numbers of its descriptor


class PointFeatures:
    """SIFT's keypoints with the descriptors that were chosen; ``extractor`` is not asked for RootSIFT alone."""

    def __init__(self, settings: PointSettings, extractor: FeatureExtractor | None = None,
                 model: PointModel = PointModel()):
        self.kind, self.model = settings.point_features, model
        self.sift = LocalFeatures('rootsift', settings.keypoints, contrast=model.contrast)
        self.extractor = extractor

    def __call__(self, image: np.ndarray) -> LocalDescriptors:
        """Of (H, W, 3) uint8 RGB; points in its pixels, descriptors (n, N) of unit length."""
        height, width = image.shape[:2]
        scale = min(1.0, self.model.longer_side / max(height, width))
        small = resize(image, round(width * scale), round(height * scale))
        found = self.sift(small)
        learned = None
        if self.kind != 'rootsift':
            learned = sample(self.extractor.dense(image), found.points, small.shape[:2])
        descriptors = joined(None if self.kind == 'dvf' else found.descriptors, learned, self.model.learned_share)
        back = np.float32([width / small.shape[1], height / small.shape[0]])
        return LocalDescriptors((found.points + 0.5) * back - 0.5, descriptors)


def joined(rootsift: np.ndarray | None, learned: np.ndarray | None, learned_share: float) -> np.ndarray:
    """One descriptor (n, N) of unit length of the one or the two that there are.

    ``learned_share`` is that of the learned part in the squared distance between two.
    """
    if rootsift is None or learned is None:
        return learned if rootsift is None else rootsift
    return np.concatenate([rootsift * (1 - learned_share)**0.5, learned * learned_share**0.5])


def parted(descriptors: np.ndarray, kind: str,
           learned_share: float) -> tuple[np.ndarray | None, np.ndarray | None]:
    """RootSIFT and learned part of joined descriptors, the inverse of :func:`joined`; ``kind`` as in the settings."""
    if kind == 'both':
        return descriptors[:SIFT] / (1 - learned_share)**0.5, descriptors[SIFT:] / learned_share**0.5
    return (None, descriptors) if kind == 'dvf' else (descriptors, None)
