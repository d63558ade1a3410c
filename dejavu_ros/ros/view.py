"""Seeing with one camera as another would have: other angles of view, other distortion. No ROS here."""

import dataclasses

import cv2
import numpy as np

from dejavu_ros.errors import ConfigError
from dejavu_ros.images import MAX_PIXELS, resize
from dejavu_ros.keyframes import KeyframeMap

PINHOLE, FISHEYE = ('', 'plumb_bob', 'rational_polynomial'), ('equidistant', 'fisheye')


@dataclasses.dataclass(frozen=True)
class Lens:
    """A calibrated camera: ``K`` (9,) row by row in pixels, ``D`` of the distortion ``model``, as in CameraInfo."""

    width: int
    height: int
    K: tuple[float, ...]
    D: tuple[float, ...]
    model: str

    def __post_init__(self):
        if self.model not in (*PINHOLE, *FISHEYE):
            raise ConfigError(f'the distortion model {self.model!r} is none of {", ".join(PINHOLE[1:] + FISHEYE)}')
        if len(self.K) != 9 or self.K[0] <= 0 or self.K[4] <= 0 or min(self.width, self.height) < 1:
            raise ConfigError('the camera is not calibrated: its camera_info has no focal length or no size')
        if self.width * self.height > MAX_PIXELS:
            raise ConfigError(f'a camera of {self.width}x{self.height} is none: over {MAX_PIXELS:,} pixels')
        if len(self.D) not in ((0, 4) if self.model in FISHEYE else (0, 4, 5, 8, 12, 14)):
            raise ConfigError(f'{len(self.D)} distortion coefficients do not fit the model {self.model!r}')

    @property
    def matrix(self) -> np.ndarray:
        return np.reshape(self.K, (3, 3))

    @property
    def distortion(self) -> np.ndarray:
        return np.array(self.D or (0.0,) * 4)

    def rays(self) -> np.ndarray:
        """Where each pixel looks, (H * W, 2): x right and y down at a distance of 1."""
        pixels = np.stack(np.meshgrid(np.arange(float(self.width)), np.arange(float(self.height))), -1)
        undistort = cv2.fisheye.undistortPoints if self.model in FISHEYE else cv2.undistortPoints
        return undistort(pixels.reshape(-1, 1, 2), self.matrix, self.distortion).reshape(-1, 2)

    def pixels(self, rays: np.ndarray) -> np.ndarray:
        """Where rays (N, 2) are seen, (N, 2)."""
        points, still = np.insert(rays, 2, 1.0, axis=1)[:, None], np.zeros(3)
        project = cv2.fisheye.projectPoints if self.model in FISHEYE else cv2.projectPoints
        return project(points, still, still, self.matrix, self.distortion)[0].reshape(-1, 2)


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
        width, height = (max(1, min(round(scale * calibrated), present)) for calibrated, present in (
            (self.ours.width, image.shape[1]), (self.ours.height, image.shape[0])))
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
    values = row.intrinsics
    return Lens(values['width'], values['height'], tuple(values['K']), tuple(values['D']), values['model'])
