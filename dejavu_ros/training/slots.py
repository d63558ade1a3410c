"""Which places go into a batch together, and which may be a negative: numbers of places in the order along the way."""

import numpy as np

from dejavu_ros.errors import DataError
from dejavu_ros.training.config import SourceConfig


def draw_slots(rng: np.random.Generator, total: int, config: SourceConfig) -> np.ndarray:
    """Places of ``total`` in random order, ``min_gap`` apart.

    With ``span`` they lie among so many neighbours, themselves drawn anew for each batch.
    """
    gap, span = config.min_gap, config.span or total
    first = rng.integers(max(total - span, 0) + 1)
    return rng.permutation(np.arange(first + rng.integers(gap), min(first + span, total), gap))


def rivals(place: int, total: int, config: SourceConfig) -> np.ndarray:
    """Places that count as different from ``place``: ``min_gap`` or more from it, and within the ``span`` where set."""
    others = np.arange(total)
    apart = np.abs(others - place)
    return others[(apart >= config.min_gap) & (apart < (config.span or total))]


def check_slots(total: int, config: SourceConfig) -> None:
    """Raise DataError where :func:`draw_slots` may draw fewer than two places: no batch without a negative."""
    among = min(total, config.span or total)
    if among < 2 * config.min_gap:
        raise DataError(f'{config.manifest or config.town}: a batch needs two places at least, and of {among} places '
                        f'seen in two sessions not always two are {config.min_gap} apart: add places, or change '
                        'min_gap and span')
