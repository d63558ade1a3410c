"""Features from anywhere: a torch callable named by its import path, such as ``mypackage.nets:extract``.

It takes one image as a float tensor (1, 3, H, W), RGB in [0, 1], and returns a dense map (1, n, h, w). A class is made
without arguments, once.
"""

import importlib
import inspect
import os
import sys
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.images import resize


def load_extractor(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """The callable that ``MODULE:NAME`` names, the module also sought in the current folder.

    Raises ConfigError where it cannot be had.
    """
    module, _, attribute = name.partition(':')
    if not module or not attribute:
        raise ConfigError(f'features {name!r}: give dvf, orb, sift, rootsift, or MODULE:CALLABLE of your own')
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), attribute)
        found = found() if inspect.isclass(found) else found
    except AttributeError:
        raise ConfigError(f'features {name!r}: module {module} has no {attribute}') from None
    except Exception as error:  # whatever a stranger's module raises
        raise ConfigError(f'features {name!r} cannot be loaded: {type(error).__name__}: {error}') from None
    finally:
        sys.path.remove(os.getcwd())
    if not callable(found):
        raise ConfigError(f'features {name!r} is a {type(found).__name__}, not something to call')
    return found


class TorchFeatures:
    """Dense features of a callable; wider images are first reduced to ``max_width``."""

    def __init__(self, name: str, max_width: int, device: str):
        """Raises ConfigError where ``name`` is no import path of a callable."""
        self.name, self.max_width, self.device = name, max_width, device
        self.extract = load_extractor(name)
        if isinstance(self.extract, torch.nn.Module):
            self.extract.eval().to(device)

    @torch.inference_mode()
    def dense(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB to unit vectors (n, h, w) float32. Raises DataError for anything but such a map."""
        height, width = image.shape[:2]
        if width > self.max_width:
            image = resize(image, self.max_width, max(1, round(height * self.max_width / width)))
        batch = torch.from_numpy(image).permute(2, 0, 1)[None].to(self.device).float() / 255
        try:
            features = self.extract(batch)
        except Exception as error:  # whatever a stranger's code raises
            raise DataError(f'features {self.name!r} failed on an image of {tuple(batch.shape)}: '
                            f'{type(error).__name__}: {" ".join(str(error).split())[:200]}') from None
        if not isinstance(features, torch.Tensor) or features.ndim != 4 or len(features) != 1 or not features.numel():
            got = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features).__name__
            raise DataError(f'features {self.name!r} must return a dense map (1, n, h, w), got {got}')
        features = features.float()
        if not torch.isfinite(features).all():
            raise DataError(f'features {self.name!r} returned numbers that are not finite')
        return F.normalize(features, dim=1)[0].cpu().numpy()

    def describe(self, image: np.ndarray) -> np.ndarray:
        """The same as vectors (n, h * w)."""
        features = self.dense(image)
        return features.reshape(len(features), -1)
