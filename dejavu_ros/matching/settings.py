"""What a person chooses for matching two images. Loads nothing heavy: the command line's parser reads it."""

import dataclasses
import math

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError

FEATURES = ('dvf', 'orb', 'sift', 'rootsift', 'caps')
WITHOUT_CAPS = FEATURES[:-1]  # what needs no weights of a person's own
DENSE = ('dvf', 'caps')  # these have descriptors everywhere


@dataclasses.dataclass(frozen=True)
class FeatureChoice:
    """Which keypoints and descriptors."""

    checkpoint: str = option('', 'file of weights for dvf; empty is the shipped one, random are untrained weights')
    caps: str = option('', 'file of weights for caps, as dejavu train-caps writes it; empty is the shipped one')
    device: str = option('cpu', 'torch device of the network, e.g. cpu or cuda')
    input_side: int = option(224, 'dvf, caps: longer side of the image that the network sees', unit='px', low=64,
                             high=4096)
    keypoints: str = option('corners', 'dvf, caps: at the corners of the image (Shi-Tomasi), or everywhere on a '
                                       'regular grid',
                            choices=('corners', 'grid'))
    count: int = option(1000, 'keypoints of an image, at most', low=8, high=20000)
    ratio: float = option(0.0, 'a match counts where its distance is below this share of that to the second nearest; '
                               '0: as usual for the features, 1: always', low=0.0, high=1.0)


def check_caps(weights: str, features: list[str]) -> None:
    """Raises ConfigError for weights of what is not among the features."""
    if weights and 'caps' not in features:
        raise ConfigError(f'--caps {weights} is for caps features, not for {", ".join(features)}')


@dataclasses.dataclass(frozen=True)
class MatchSettings(FeatureChoice):
    """Which keypoints and descriptors, and what the matches must agree with."""

    features: str = option('dvf', 'Deja-Vu features of a checkpoint, a hand-made baseline, or CAPS', choices=FEATURES)
    model: str = option('homography', 'what matches must agree with: a plane or a turned camera (homography), any '
                                      'rigid scene (fundamental), the same with a known camera (essential)',
                        choices=('homography', 'fundamental', 'essential'))
    tolerance: float = option(3.0, 'how far an inlier may be off', unit='px', low=0.1, high=100.0)
    intrinsics: str = option('', 'for essential: FX,FY,CX,CY of the camera of both images in their pixels')

    def __post_init__(self) -> None:
        if self.checkpoint and self.features != 'dvf':
            raise ConfigError(f'--checkpoint is for dvf features, not for {self.features}')
        if self.keypoints == 'grid' and self.features not in DENSE:
            raise ConfigError(f'--keypoints grid is for {" and ".join(DENSE)} features, not for {self.features}')
        check_caps(self.caps, [self.features])
        if bool(self.intrinsics) != (self.model == 'essential'):
            raise ConfigError('--intrinsics FX,FY,CX,CY and --model essential belong together, one is missing')
        if self.intrinsics:
            self.camera_numbers()

    def camera_numbers(self) -> list[float]:
        """FX, FY, CX, CY. Raises ConfigError where ``intrinsics`` is not such four numbers."""
        try:
            numbers = [float(part) for part in self.intrinsics.split(',')]
        except ValueError:
            numbers = []
        if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[:2]) <= 0:
            raise ConfigError(f'--intrinsics must be FX,FY,CX,CY in pixels, FX and FY above 0, got '
                              f'{self.intrinsics!r}')
        return numbers


@dataclasses.dataclass(frozen=True)
class AccuracySettings(FeatureChoice):
    """Which keypoints and descriptors are measured, and on what."""

    features: str = option(','.join(WITHOUT_CAPS), 'what to measure, separated by commas')
    pairs: int = option(500, 'pairs of images of a place, at most, evenly chosen', low=1, high=1000000)
    shifts: str = option('', 'folder of location_N.txt (GRIEF): by how many pixels what is seen of place N in session '
                             'i lies further right in session j (row i, column j); empty: the cameras do not move')

    def __post_init__(self) -> None:
        unknown = sorted(set(self.names) - set(FEATURES))
        if unknown:
            raise ConfigError(f'--features must be some of {", ".join(FEATURES)}, got {self.features!r}')
        check_caps(self.caps, self.names)

    @property
    def names(self) -> list[str]:
        """The features to measure."""
        return self.features.split(',')
