"""Which shapes belong together: checked wherever maps come in, since a kernel reads memory as it is told."""

import torch

from dejavu_ros.errors import ConfigError


def check_shapes(queries: torch.Tensor, keyframes: torch.Tensor) -> None:
    """Raise ConfigError unless queries are (Q, n, N1) and keyframes (K, n, N2), with the same n and vectors in both."""
    if queries.ndim != 3 or keyframes.ndim != 3 or queries.shape[1] != keyframes.shape[1]:
        raise ConfigError(f'contextual similarity takes queries (Q, n, N1) and keyframes (K, n, N2), got '
                          f'{tuple(queries.shape)} and {tuple(keyframes.shape)}')
    if 0 in queries.shape or 0 in keyframes.shape:
        raise ConfigError(f'contextual similarity of empty maps: {tuple(queries.shape)}, {tuple(keyframes.shape)}')
