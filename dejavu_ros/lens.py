"""A calibrated camera: from pixels to rays and back. Pixel centres are at whole numbers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from dejavu_ros.errors import ConfigError

PINHOLE, FISHEYE = ('', 'plumb_bob', 'rational_polynomial'), ('equidistant', 'fisheye')


@dataclasses.dataclass(frozen=True)
class Lens:
    """A calibrated camera: ``K`` (9,) row by row in pixels, ``D`` of the distortion ``model``, as in CameraInfo.

    Raises ConfigError for a model that is not known, or numbers that do not fit it.
    """

    width: int
    height: int
    K: tuple[float, ...]
    D: tuple[float, ...] = ()
    model: str = ''

    def __post_init__(self):
        if self.model not in (*PINHOLE, *FISHEYE):
            raise ConfigError(f'the distortion model {self.model!r} is none of {", ".join(PINHOLE[1:] + FISHEYE)}')
        if len(self.K) != 9 or self.K[0] <= 0 or self.K[4] <= 0 or min(self.width, self.height) < 1:
            raise ConfigError('the camera is not calibrated: its camera_info has no focal length or no size')
        if len(self.D) not in ((0, 4) if self.model in FISHEYE else (0, 4, 5, 8, 12, 14)):
            raise ConfigError(f'{len(self.D)} distortion coefficients do not fit the model {self.model!r}')

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> 'Lens':
        """From the ``intrinsics`` that maps and bags hold: ``width``, ``height``, ``K``, ``D``, ``model``."""
        return cls(values['width'], values['height'], tuple(values['K']), tuple(values['D']), values['model'])

    @classmethod
    def pinhole(cls, matrix: np.ndarray, width: int, height: int) -> 'Lens':
        """From intrinsics (3, 3) without distortion."""
        return cls(width, height, tuple(map(float, np.ravel(matrix))))

    @property
    def matrix(self) -> np.ndarray:
        return np.reshape(self.K, (3, 3))

    @property
    def distortion(self) -> np.ndarray:
        return np.array(self.D or (0.0,) * 4)

    def rays(self) -> np.ndarray:
        """Where each pixel looks, (H * W, 2): x right and y down at a distance of 1."""
        pixels = np.stack(np.meshgrid(np.arange(float(self.width)), np.arange(float(self.height))), -1)
        return self.rays_at(pixels.reshape(-1, 2))

    def rays_at(self, pixels: np.ndarray) -> np.ndarray:
        """Where pixels (N, 2) look, (N, 2)."""
        if not len(pixels):
            return np.zeros((0, 2))
        undistort = cv2.fisheye.undistortPoints if self.model in FISHEYE else cv2.undistortPoints
        return undistort(np.asarray(pixels, float).reshape(-1, 1, 2), self.matrix, self.distortion).reshape(-1, 2)

    def pixels(self, rays: np.ndarray) -> np.ndarray:
        """Where rays (N, 2) are seen, (N, 2)."""
        points, still = np.insert(rays, 2, 1.0, axis=1)[:, None], np.zeros(3)
        project = cv2.fisheye.projectPoints if self.model in FISHEYE else cv2.projectPoints
        return project(points, still, still, self.matrix, self.distortion)[0].reshape(-1, 2)
