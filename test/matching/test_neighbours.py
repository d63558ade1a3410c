"""Matches are those that a textbook would count."""

import numpy as np
import pytest

from dejavu_ros.matching.neighbours import mutual_matches


def naive(a, b, ratio):
    """Pair by pair."""
    distance = np.linalg.norm(a[:, :, None] - b[:, None, :], axis=0)

    def distinct(row):
        nearest, *others = sorted(row)
        return ratio is None or not others or nearest < ratio * others[0]

    return [(i, j) for i in range(a.shape[1]) for j in range(b.shape[1])
            if j == distance[i].argmin() and i == distance[:, j].argmin() and distinct(distance[i])
            and distinct(distance[:, j])]


@pytest.mark.parametrize('ratio', [None, 0.9, 0.5])
@pytest.mark.parametrize('sizes', [(30, 40), (1, 7), (7, 1), (1, 1), (0, 5), (5, 0)])
def test_pairs_equal_a_naive_search(sizes, ratio):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(4, sizes[0])), rng.normal(size=(4, sizes[1]))
    pairs = mutual_matches(a, b, ratio)
    assert pairs.shape == (len(pairs), 2)
    assert [tuple(pair) for pair in pairs] == (naive(a, b, ratio) if min(sizes) else [])
    swapped = mutual_matches(b, a, ratio)[:, ::-1]
    assert sorted(map(tuple, swapped)) == sorted(map(tuple, pairs))
