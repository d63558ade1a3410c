"""What a person chooses for poses in six degrees of freedom. Loads nothing heavy: the parser reads it."""

import dataclasses

from dejavu_ros.config import option

FEATURES = ('rootsift', 'dvf', 'both')


@dataclasses.dataclass(frozen=True)
class PointSettings:
    """Which points a keyframe carries."""

    point_features: str = option('both', 'descriptors of the points: RootSIFT, Deja-Vu features, or both joined',
                                 choices=FEATURES)
    points: int = option(500, 'points of a keyframe, at most', low=20, high=5000)
    keypoints: int = option(1000, 'keypoints of a frame, at most', low=20, high=20000)
    max_depth: float = option(80.0, 'points further away are left out', unit='m', low=1.0, high=1000.0)


@dataclasses.dataclass(frozen=True)
class SixDofSettings(PointSettings):
    """Which points a keyframe carries, and how a frame is matched with them."""

    window: float = option(0.25, 'where a point is looked for around where the keyframe saw it, as a share of the '
                                 'focal length', low=0.01, high=5.0)
    tolerance: float = option(2.0, 'how far a match may be off its pose, for an image 320 px wide', unit='px', low=0.1,
                              high=100.0)
    min_points: int = option(8, 'keypoints of a frame that must agree with a pose', low=6, high=1000)
