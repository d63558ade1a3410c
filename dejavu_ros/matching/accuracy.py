"""Mean matching accuracy (Mikolajczyk and Schmid 2005; Dusmanu et al. 2019), of the errors of matches in px."""

from collections.abc import Sequence

import numpy as np

THRESHOLDS = tuple(range(1, 11))  # px


def mean_matching_accuracy(errors: Sequence[np.ndarray]) -> np.ndarray:
    """(10,): share of matches off by at most 1, 2, ... 10 px, mean over pairs of images; a pair without matches has 0.

    ``errors`` (M_i,) in px of each pair.
    """
    return np.mean([correct(pair) / max(1, len(pair)) for pair in errors], 0)


def mean_correct(errors: Sequence[np.ndarray]) -> np.ndarray:
    """(10,): how many matches of a pair are off by at most 1, 2, ... 10 px, mean over pairs."""
    return np.mean([correct(pair) for pair in errors], 0)


def correct(errors: np.ndarray) -> np.ndarray:
    """(10,): matches within each threshold, of errors (M,) in px."""
    return (errors[:, None] <= THRESHOLDS).sum(0)
