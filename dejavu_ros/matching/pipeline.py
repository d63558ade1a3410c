"""Two images to matches."""

import numpy as np

from dejavu_ros.matching.caps_features import CapsFeatures
from dejavu_ros.matching.dense_features import DenseFeatures
from dejavu_ros.matching.features import Describe, LocalDescriptors
from dejavu_ros.matching.local_features import RATIOS, LocalFeatures
from dejavu_ros.matching.neighbours import mutual_matches
from dejavu_ros.matching.settings import FeatureChoice

DENSE_RATIO = 0.8  # fewest wrong matches among 0.8, 0.9 and none on validation


def make_features(features: str, choice: FeatureChoice) -> Describe:
    """``dvf``, ``orb``, ``sift``, ``rootsift`` or ``caps`` as chosen. Raises CheckpointError, ConfigError."""
    learned = {'dvf': DenseFeatures, 'caps': CapsFeatures}
    return learned[features](choice) if features in learned else LocalFeatures(features, choice.count)


def match(a: LocalDescriptors, b: LocalDescriptors, features: str, ratio: float = 0.0) -> np.ndarray:
    """Pairs (M, 2) of keypoints that are each other's nearest, and distinct by ``ratio``, 0 being the features' own."""
    ratio = ratio or RATIOS.get(features, DENSE_RATIO)
    return mutual_matches(a.descriptors, b.descriptors, ratio if ratio < 1 else None)
