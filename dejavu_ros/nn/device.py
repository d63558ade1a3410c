"""The torch device that a person named, and the failures that are the device's own."""

import re

import torch

from dejavu_ros.errors import ConfigError

# PyTorch's own classes, the last one since 2.8
FAILURES = tuple(kind for name in ('OutOfMemoryError', 'AcceleratorError') if (kind := getattr(torch, name, None)))
# earlier versions, and the libraries below PyTorch, raise a plain RuntimeError that names them
NAMES = re.compile(r'\b(CUDA|HIP|cuDNN|MIOpen|NCCL|XPU)\b[\w ]*\berror|\bTriton Error|\b\w+ out of memory',
                   re.IGNORECASE)
# what they answer to a call with wrong arguments, such as shapes that do not fit
MISTAKES = re.compile(r'\w+_STATUS_(INVALID_VALUE|BAD_PARAM\w*|NOT_SUPPORTED\w*|DIMENSION_MISMATCH)|'
                      r'error: invalid (argument|configuration argument|device function)', re.IGNORECASE)


def usable_device(name: str) -> torch.device:
    """The device of a name such as ``cpu`` or ``cuda:1``. Raises ConfigError for one that is not there."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f'device {name!r} cannot be used: {str(error).splitlines()[0]}') from None


def is_device_failure(error: BaseException) -> bool:
    """Whether a device failed (no memory left, lost, its libraries broken), and not the work it was given.

    Only then is it right to do the same work elsewhere: tensors whose shapes do not fit are a mistake on every device.
    """
    if not isinstance(error, (*FAILURES, RuntimeError)) or MISTAKES.search(str(error)):
        return False
    return isinstance(error, FAILURES) or bool(NAMES.search(str(error)))
