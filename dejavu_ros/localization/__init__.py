"""From an image to a place on the map, or to the answer that it is unknown. No ROS here."""

import importlib

# loaded on first use, so that the command line can offer the settings without loading torch
_HOMES = {'REJECT_REASONS': 'estimate', 'Estimate': 'estimate', 'Hypothesis': 'estimate', 'Localizer': 'localizer',
          'LocalizerConfig': 'config'}
__all__ = [*_HOMES]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
