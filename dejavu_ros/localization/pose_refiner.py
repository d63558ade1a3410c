"""From the place of a hypothesis to its pose in six degrees of freedom."""

import dataclasses

import numpy as np

from dejavu_ros.errors import ConfigError
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.keyframes.keyframe_map import Camera
from dejavu_ros.localization.estimate import Hypothesis
from dejavu_ros.localization.model import model_of
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.camera import Sight, is_known
from dejavu_ros.optics.lens import Lens
from dejavu_ros.sixdof.features import PointFeatures
from dejavu_ros.sixdof.locator import Locator
from dejavu_ros.sixdof.map_points import MapPoints
from dejavu_ros.sixdof.model import PnPModel, PointModel
from dejavu_ros.sixdof.settings import SixDofSettings


class PoseRefiner:
    """Matches frames with the points of the keyframes around a hypothesis."""

    def __init__(self, keyframes: KeyframeMap, extractor: FeatureExtractor):
        """Raises ConfigError where the map has no points, MapError where they cannot be read."""
        card = extractor.checkpoint.card
        model, pnp = model_of(card, 'points', PointModel), model_of(card, 'pnp', PnPModel)
        self.map, self.points, self.max_turn = keyframes, MapPoints(keyframes, model, pnp), np.radians(pnp.max_turn)
        if self.points.kind is None:
            raise ConfigError(f'six_dof needs keyframes with points, and map {keyframes.name} has none: build it with '
                              '--depth-topic, --right-topic or --triangulate, or switch six_dof off')
        settings = SixDofSettings(point_features=self.points.kind)
        for camera in keyframes.cameras:
            _check_size(camera, keyframes.name)
        self.features, self.locator = PointFeatures(settings, extractor, model), Locator(settings, pnp)

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
        height, width, _ = image.shape
        try:
            lens = lens.resized(width, height)
        except ConfigError as error:
            return hypothesis, f'no pose from points: {error}'
        mounting = self.points.camera(row).base_T_camera
        if sight is not None and sight.base_T_camera and is_known(mounting):  # beside an assumed one, ours says nothing
            mounting = sight.base_T_camera
        fit = self.locator.locate(self.features(image), lens, mounting, views)
        if fit is None:
            return hypothesis, 'too few points agree with a pose'
        if fit.map_T_base.distance(hypothesis.map_T_base)[1] > self.max_turn:
            return hypothesis, 'the pose from points lies the robot on its side, or turns it away: it is not believed'
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


def _check_size(camera: Camera, name: str) -> None:
    """Raises ConfigError where the points of a map were made with a calibration of other pictures than its own."""
    known = camera.intrinsics
    if known and camera.width and (known.get('width'), known.get('height')) != (camera.width, camera.height):
        raise ConfigError(f'the points of map {name} are wrong: the pictures of session {camera.session} are '
                          f'{camera.width}x{camera.height}, and it was made with the calibration of '
                          f'{known.get("width")}x{known.get("height")}: build it again, or switch six_dof off')
