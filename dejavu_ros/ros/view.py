"""Seeing with one camera as another would have: other angles of view, other distortion. No ROS here."""

import cv2
import numpy as np

from dejavu_ros.errors import ConfigError
from dejavu_ros.images import resize
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.lens import Lens


class View:
    """From images of ``ours`` to what ``theirs`` would have seen; ``coverage`` is the share that ours sees at all."""

    def __init__(self, ours: Lens, theirs: Lens):
        self.ours, self.theirs = ours, theirs
        pixels = ours.pixels(theirs.rays()).reshape(theirs.height, theirs.width, 2)
        x, y = pixels[..., 0], pixels[..., 1]
        self.coverage = float(((x > -1) & (x < ours.width) & (y > -1) & (y < ours.height)).mean())
        self._pixels = pixels

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB of ours, of any size, to that of theirs; black where ours sees nothing."""
        # first to about the same detail, as sampling alone would alias
        scale = min(1.0, self.theirs.K[0] / self.ours.K[0])
        width, height = max(1, round(scale * self.ours.width)), max(1, round(scale * self.ours.height))
        image = resize(image, width, height)
        size = np.array([width / self.ours.width, height / self.ours.height])
        pixels = ((self._pixels + 0.5) * size - 0.5).astype(np.float32)  # pixel centres are at whole numbers
        return cv2.remap(image, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR)


def lens_of_map(keyframes: KeyframeMap, camera: str) -> Lens:
    """The camera that made the map, that of the same name first. Raises ConfigError where no calibration is known."""
    known = [row for row in keyframes.cameras if row.intrinsics]
    row = next((row for row in known if row.name == camera), next(iter(known), None))
    if row is None:
        raise ConfigError('no calibration is known')
    return Lens.of_record(row.intrinsics)
