"""From the place of a hypothesis to its pose in six degrees of freedom."""

import dataclasses

import numpy as np

from dejavu_ros.errors import ConfigError
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization.estimate import Hypothesis
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.camera import Sight
from dejavu_ros.optics.lens import Lens
from dejavu_ros.sixdof.features import PointFeatures
from dejavu_ros.sixdof.locator import Locator
from dejavu_ros.sixdof.map_points import MapPoints
from dejavu_ros.sixdof.settings import SixDofSettings


class PoseRefiner:
    """Matches frames with the points of the keyframes around a hypothesis."""

    def __init__(self, keyframes: KeyframeMap, extractor: FeatureExtractor):
        """Raises ConfigError where the map has no points, MapError where they cannot be read."""
        self.map, self.points = keyframes, MapPoints(keyframes)
        if self.points.kind is None:
            raise ConfigError(f'six_dof needs keyframes with points, and map {keyframes.name} has none: build it with '
                              '--depth-topic, --right-topic or --triangulate, or switch six_dof off')
        settings = SixDofSettings(point_features=self.points.kind)
        self.features, self.locator = PointFeatures(settings, extractor), Locator(settings)

    def __call__(self, image: np.ndarray, hypothesis: Hypothesis, sight: Sight | None) -> tuple[Hypothesis, str]:
        """The hypothesis with the pose of this frame, and in words how; the same hypothesis where there is none.

        ``image`` (H, W, 3) uint8 RGB as ``sight`` gives it; None: of a camera like that of the map, mounted as it.
        The covariance is that of the fit and that of the keyframe's own pose.
        """
        row = hypothesis.keyframe
        views = self.points.around(row)
        lens = self.lens(row, sight)
        if not views or lens is None:
            return hypothesis, 'its keyframe has no points'
        mounting = sight.base_T_camera if sight is not None and sight.base_T_camera else None
        mounting = mounting or self.points.camera(row).base_T_camera
        fit = self.locator.locate(self.features(image), scaled(lens, image), mounting, views)
        if fit is None:
            return hypothesis, 'too few points agree with a pose'
        covariance = fit.covariance + self.map.keyframes.covariances[row]
        return (dataclasses.replace(hypothesis, map_T_base=fit.map_T_base, covariance=covariance),
                f'its pose from {fit.inliers} points')

    def lens(self, row: int, sight: Sight | None) -> Lens | None:
        """What the image was taken with, or looks as if it were; None where nobody recorded it."""
        if sight is not None and sight.view is not None:
            return sight.view.theirs
        try:
            return self.points.lens(row)
        except ConfigError:
            return None


def scaled(lens: Lens, image: np.ndarray) -> Lens:
    """The lens for an image (H, W, 3) of another size than it was calibrated for."""
    height, width = image.shape[:2]
    if (width, height) == (lens.width, lens.height):
        return lens
    fx, skew, cx, zero, fy, cy, *last = lens.K
    across, down = width / lens.width, height / lens.height
    return dataclasses.replace(lens, width=width, height=height, K=(
        fx * across, skew * across, (cx + 0.5) * across - 0.5, zero, fy * down, (cy + 0.5) * down - 0.5, *last))
