"""The torch device that a person named."""

import torch

from dejavu_ros.errors import ConfigError


def usable_device(name: str) -> torch.device:
    """The device of a name such as ``cpu`` or ``cuda:1``. Raises ConfigError for one that is not there."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f'device {name!r} cannot be used: {str(error).splitlines()[0]}') from None
