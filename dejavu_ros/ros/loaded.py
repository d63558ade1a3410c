"""What a configured node works with. Imports no ROS."""

import dataclasses

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Estimate, Localizer, LocalizerConfig
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.camera import Camera


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The network, and the localizer on the map; None without a map."""

    config: LocalizerConfig
    extractor: FeatureExtractor
    localizer: Localizer | None

    @property
    def map(self) -> KeyframeMap | None:
        return self.localizer.map if self.localizer else None

    @property
    def problem(self) -> str:
        """What the CPU computes for a GPU that failed, in words; empty: nothing."""
        return (self.localizer or self.extractor).problem

    def use(self, camera: Camera) -> None:
        """Tell the localizer what is known of a camera, if there is one and that is news to it."""
        if self.localizer and self.localizer.cameras.get(camera.name) is not camera:
            self.localizer.use(camera)

    def warning(self, camera: str) -> str:
        """What is wrong with how a camera fits the map, in words; empty: nothing is known to be."""
        sight = self.localizer.sights.get(camera) if self.localizer else None
        return sight.warning if sight else ''

    def reset(self) -> None:
        """Forget what earlier frames said."""
        if self.localizer:
            self.localizer.reset()

    def expect(self, map_T_base: Pose, covariance: np.ndarray) -> None:
        """Begin anew from a prior pose; raises DataError as :meth:`Localizer.expect` does."""
        if self.localizer:
            self.localizer.expect(map_T_base, covariance)

    def process(self, image: np.ndarray, stamp_ns: int, camera: str, odometry: Pose | None) -> Estimate:
        """As :meth:`Localizer.process`; without one, the answer that there is no map."""
        if self.localizer is None:
            return Estimate.without_map(stamp_ns)
        return self.localizer.process(image, stamp_ns, camera, odometry)
