"""Seeing with one camera as another would have: other angles of view, other distortion, turned otherwise."""

import dataclasses
from collections.abc import Mapping

import cv2
import numpy as np

from dejavu_ros.errors import ConfigError
from dejavu_ros.images import MAX_PIXELS, resize
from dejavu_ros.intrinsics import FISHEYE, scale_of, scaled_matrix

WIDEST, NARROWEST = 0.02, 200.0  # focal length by the size of the picture: beyond any lens
PINHOLE = '', 'plumb_bob', 'rational_polynomial'
REFINEMENTS = 5  # of OpenCV's inverse, which alone may miss by pixels
PRECISE, TOLERANCE = 0.05, 0.5  # pixels: good enough, and of no use


@dataclasses.dataclass(frozen=True)
class Lens:
    """A calibrated camera: ``K`` (9,) row by row in pixels, ``D`` of the distortion ``model``, as in CameraInfo.

    Raises ConfigError for a model that is not known, or figures that do not fit it.
    """

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
        if not np.isfinite((*self.K, *self.D)).all():
            raise ConfigError('the camera is not calibrated: its camera_info has numbers that are not finite')
        if not all(NARROWEST > focal / size > WIDEST for focal, size in ((self.K[0], self.width),
                                                                         (self.K[4], self.height))):
            raise ConfigError(f'a focal length of {self.K[0]:g} x {self.K[4]:g} pixels cannot be that of pictures of '
                              f'{self.width}x{self.height}: is K in pixels, of pictures of this size?')
        if len(self.D) not in ((0, 4) if self.model in FISHEYE else (0, 4, 5, 8, 12, 14)):
            raise ConfigError(f'{len(self.D)} distortion coefficients do not fit the model {self.model!r}')
        if any(self.D[12:]):
            raise ConfigError('a tilted sensor (distortion coefficients 13 and 14) is not supported')

    @classmethod
    def of(cls, intrinsics: Mapping) -> 'Lens':
        """From what a map or a bag says: ``width``, ``height``, ``K``, ``D``, ``model``. Raises ConfigError."""
        try:
            return cls(int(intrinsics['width']), int(intrinsics['height']), tuple(map(float, intrinsics['K'])),
                       tuple(map(float, intrinsics['D'])), str(intrinsics['model']))
        except (KeyError, TypeError, ValueError):
            raise ConfigError('the camera is not calibrated: width, height, K, D and model are needed') from None

    def resized(self, width: int, height: int) -> 'Lens':
        """The lens of its pictures resized to another size. Raises ConfigError for a size of another shape."""
        if (width, height) == (self.width, self.height):
            return self
        scale = scale_of((self.width, self.height), (width, height))
        return dataclasses.replace(self, width=width, height=height, K=tuple(scaled_matrix(self.K, *scale)))

    @property
    def matrix(self) -> np.ndarray:
        return np.reshape(self.K, (3, 3))

    @property
    def distortion(self) -> np.ndarray:
        return np.array(self.D or (0.0,) * 4)

    def rays(self) -> np.ndarray:
        """Where each pixel looks, (H * W, 2): x right and y down at a distance of 1."""
        pixels = np.stack(np.meshgrid(np.arange(float(self.width)), np.arange(float(self.height))), -1)
        return self.rays_of(pixels.reshape(-1, 2))

    def rays_of(self, pixels: np.ndarray) -> np.ndarray:
        """Where pixels (N, 2) look, (N, 2); NaN where the distortion cannot be undone, or behind the camera."""
        if not len(pixels):
            return np.zeros((0, 2))
        rays = start = self._undistorted(pixels)
        error = np.abs(self._projected(rays) - pixels).max(1)
        for _ in range(REFINEMENTS):
            if error.max() < PRECISE:
                break
            closer = rays + start - self._undistorted(self._projected(rays))
            left = np.abs(self._projected(closer) - pixels).max(1)
            better = left < error
            rays, error = np.where(better[:, None], closer, rays), np.where(better, left, error)
        return np.where((error < TOLERANCE)[:, None], rays, np.nan)

    def pixels(self, rays: np.ndarray) -> np.ndarray:
        """Where rays (N, 2) are seen, (N, 2); NaN for those that no pixel looks along.

        A distortion is fitted to the picture alone: beyond its edge the polynomial may well lead back into it.
        """
        found = self._projected(rays)
        x, y = found.T
        seen = (x > -1) & (x < self.width) & (y > -1) & (y < self.height)
        seen &= np.linalg.norm(rays, axis=1) <= 1.01 * self._widest
        return np.where(seen[:, None], found, np.nan)

    def _undistorted(self, pixels: np.ndarray) -> np.ndarray:
        undistort = cv2.fisheye.undistortPoints if self.model in FISHEYE else cv2.undistortPoints
        return undistort(pixels[:, None], self.matrix, self.distortion).reshape(-1, 2)

    def _projected(self, rays: np.ndarray) -> np.ndarray:
        """As OpenCV's projectPoints, at a hundredth of its time."""
        x, y = rays.T
        squared = x * x + y * y
        if self.model in FISHEYE:
            k1, k2, k3, k4 = self.distortion
            radius = np.sqrt(squared)
            angle = np.arctan(radius)
            a2 = angle * angle
            ratio = angle / np.maximum(radius, 1e-9) * (1 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4))))
            points = rays * np.where(radius > 1e-9, ratio, 1.0)[:, None]
        else:
            k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4 = np.pad(self.distortion, (0, 12))[:12]
            ratio = 1 + squared * (k1 + squared * (k2 + squared * k3))
            ratio /= 1 + squared * (k4 + squared * (k5 + squared * k6))
            points = np.stack([
                x * ratio + 2 * p1 * x * y + p2 * (squared + 2 * x * x) + squared * (s1 + squared * s2),
                y * ratio + p1 * (squared + 2 * y * y) + 2 * p2 * x * y + squared * (s3 + squared * s4)], 1)
        return points @ self.matrix[:2, :2].T + self.matrix[:2, 2]

    @property
    def _widest(self) -> float:
        """The length of the longest ray that the picture shows."""
        x, y = np.meshgrid(np.linspace(-1, self.width, 40), np.linspace(-1, self.height, 40))
        rays = self.rays_of(np.stack([x.ravel(), y.ravel()], 1))
        return float(np.nanmax(np.linalg.norm(rays, axis=1)))


class View:
    """From images of ``ours`` to what ``theirs`` would have seen from the same point."""

    def __init__(self, ours: Lens, theirs: Lens, ours_R_theirs: np.ndarray | None = None):
        """``ours_R_theirs`` (3, 3) turns directions seen from their camera to ours; None: they look the same way."""
        self.ours, self.theirs = ours, theirs
        rays = theirs.rays()
        if ours_R_theirs is not None:
            turned = np.insert(rays, 2, 1.0, axis=1) @ ours_R_theirs.T
            rays = np.where(turned[:, 2:] > 1e-3, turned[:, :2] / turned[:, 2:].clip(min=1e-3), np.nan)
        pixels = np.full(rays.shape, np.nan)
        known = np.isfinite(rays).all(1)
        pixels[known] = ours.pixels(rays[known])
        self._pixels = pixels.reshape(theirs.height, theirs.width, 2)
        self.seen = np.isfinite(self._pixels[..., 0])  # (H, W) bool of theirs
        self._pixels[~self.seen] = -2.0

    @property
    def coverage(self) -> float:
        """The share of their picture that ours sees."""
        return float(self.seen.mean())

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB of ours, of any size, to that of theirs; black where ours sees nothing."""
        # first to about the same detail, as sampling alone would alias
        scale = min(1.0, self.theirs.K[0] / self.ours.K[0])
        width, height = (max(1, min(round(scale * calibrated), present)) for calibrated, present in (
            (self.ours.width, image.shape[1]), (self.ours.height, image.shape[0])))
        image = self._sampled(resize(image, width, height), cv2.INTER_LINEAR)
        image[~self.seen] = 0
        return image

    def of_mask(self, mask: np.ndarray) -> np.ndarray:
        """(H, W) bool of ours, of any size, to that of theirs; False where ours sees nothing."""
        return self._sampled(mask.astype(np.uint8), cv2.INTER_NEAREST).astype(bool) & self.seen

    def _sampled(self, image: np.ndarray, interpolation: int) -> np.ndarray:
        size = np.array([image.shape[1] / self.ours.width, image.shape[0] / self.ours.height])
        pixels = ((self._pixels + 0.5) * size - 0.5).astype(np.float32)  # pixel centres are at whole numbers
        return cv2.remap(image, pixels[..., 0], pixels[..., 1], interpolation, borderMode=cv2.BORDER_REPLICATE)
