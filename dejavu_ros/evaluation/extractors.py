"""Features from anywhere: a torch callable of dense maps, see :mod:`dejavu_ros.nn.foreign`."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from dejavu_ros.errors import DataError
from dejavu_ros.images import resize
from dejavu_ros.nn.foreign import failure


class TorchFeatures:
    """Dense features of a callable, for images reduced to ``max_width``, in maps reduced to ``max_grid``."""

    def __init__(self, name: str, extract: Callable[[torch.Tensor], torch.Tensor], max_width: int, max_grid: int,
                 device: str):
        self.name, self.max_width, self.max_grid, self.device = name, max_width, max_grid, device
        self.channels: int | None = None
        self.extract = extract
        if isinstance(self.extract, torch.nn.Module):
            self.extract.eval().to(device)

    @torch.inference_mode()
    def dense(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB to unit vectors (n, h, w) float16, h and w at most ``max_grid``.

        Raises DataError where the callable fails or returns anything but such a map, of one n for all images.
        """
        height, width = image.shape[:2]
        if width > self.max_width:
            image = resize(image, self.max_width, max(1, round(height * self.max_width / width)))
        batch = torch.from_numpy(image).permute(2, 0, 1)[None].to(self.device).float() / 255
        try:
            features = self.extract(batch)
        except Exception as error:  # whatever a stranger's code raises
            raise DataError(f'features {self.name!r} failed on an image of {tuple(batch.shape)}: '
                            f'{failure(error)}') from None
        if not isinstance(features, torch.Tensor) or features.ndim != 4 or len(features) != 1 or not features.numel():
            got = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features).__name__
            raise DataError(f'features {self.name!r} must return a dense map (1, n, h, w), got {got}')
        self.channels = self.channels or features.shape[1]
        if features.shape[1] != self.channels:
            raise DataError(f'features {self.name!r} returned n = {self.channels} for one image and '
                            f'{features.shape[1]} for another')
        if not torch.isfinite(features).all():
            raise DataError(f'features {self.name!r} returned numbers that are not finite')
        rows, columns = (min(side, self.max_grid) for side in features.shape[2:])
        features = F.adaptive_avg_pool2d(features.float(), (rows, columns))
        return F.normalize(features, dim=1)[0].half().cpu().numpy()

    def describe(self, image: np.ndarray) -> np.ndarray:
        """The same as vectors (n, h * w)."""
        features = self.dense(image)
        return features.reshape(len(features), -1)
