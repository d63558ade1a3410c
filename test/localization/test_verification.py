"""A view of the same place agrees with itself, also turned and partly hidden; another place does not."""

import numpy as np
import pytest

from dejavu_ros.localization.verification import count_inliers

GRID = (12, 16)


def scene(seed):
    """(10, gh, gw) unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(10, *GRID))
    return vectors / np.linalg.norm(vectors, axis=0)


def inliers(a, b):
    return count_inliers(a.reshape(10, -1).astype(np.float16), b.reshape(10, -1).astype(np.float16), GRID)


@pytest.mark.parametrize('right, down, seen_in_both', [(0, 0, 192), (3, 0, 13 * 12), (1, 2, 15 * 10)])
def test_a_turned_view_keeps_what_is_seen_in_both(right, down, seen_in_both):
    found = inliers(scene(0), np.roll(scene(0), (down, right), (1, 2)))
    assert seen_in_both <= found <= seen_in_both + 5


def test_half_hidden_is_half_the_inliers():
    hidden = scene(0)
    hidden[:, 6:] = scene(1)[:, 6:]
    assert 80 < inliers(scene(0), hidden) < 115


def test_another_place_has_few():
    assert max(inliers(scene(0), scene(seed)) for seed in range(1, 10)) < 40


def test_too_few_matches_are_none():
    assert inliers(np.repeat(scene(0)[:, :1, :1], 192, 1).reshape(10, *GRID), scene(1)) == 0
