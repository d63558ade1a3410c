"""A stranger's dense features: a torch callable named by its import path, such as ``mypackage.nets:extract``.

It takes images as a float tensor (B, 3, H, W), RGB in [0, 1], and returns dense maps (B, n, h, w). A class is made
without arguments, once.
"""

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable

import torch

from dejavu_ros.errors import ConfigError


def load_extractor(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """The callable that ``MODULE:NAME`` names, the module also sought in the current folder.

    Raises ConfigError where it cannot be had.
    """
    module, _, attribute = name.partition(':')
    if not module or not attribute:
        raise ConfigError(f'features {name!r}: give dvf, netvlad, caps, orb, sift, rootsift, or MODULE:CALLABLE of '
                          'your own')
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), attribute, None)
        found = found() if inspect.isclass(found) else found
    except Exception as error:  # whatever a stranger's module raises
        raise ConfigError(f'features {name!r} cannot be loaded: {failure(error)}') from None
    finally:
        sys.path.remove(os.getcwd())
    if not callable(found):
        raise ConfigError(f'features {name!r}: {module} has no {attribute} that can be called')
    return found


def failure(error: Exception) -> str:
    """What was raised, and where, in one line."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f'{type(error).__name__}: {" ".join(str(error).split())[:200]} ({where.filename} line {where.lineno})'
