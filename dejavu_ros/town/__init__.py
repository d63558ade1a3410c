"""A rendered town: one loop road in nine conditions, with exact poses and depth.

``Town(seed)`` is what stays, ``Traversal(town, condition, seed)`` is what changes from drive to drive (weather,
light, leaves, parked cars, people), and ``Renderer`` takes pictures of both.
"""

import importlib

# loaded on first use, so that the command line can offer the conditions without loading what renders them
_HOMES = {'CONDITIONS': 'conditions', 'MOUNTS': 'config', 'Renderer': 'render', 'Town': 'scene', 'TownConfig': 'config',
          'Traversal': 'traversal', 'camera_mount': 'camera'}
__all__ = [*_HOMES]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
