"""A view of the same place agrees with itself, also turned and partly hidden; another place does not."""

import numpy as np
import pytest

from dejavu_ros.localization.verification import UsualView, needed_cells

GRID = (12, 16)
CELLS = GRID[0] * GRID[1]
USUAL = 2 * np.random.default_rng(99).normal(size=(10, *GRID))


def scene(seed):
    """(10, gh, gw): what one place shows beyond the usual."""
    return np.random.default_rng(seed).normal(size=(10, *GRID))


def flat(view):
    """As a map stores it."""
    return (view / np.linalg.norm(view, axis=0)).reshape(10, CELLS).astype(np.float16)


@pytest.fixture(scope='module')
def town():
    """A map of 40 places that share most of what they show in a cell."""
    return UsualView(np.stack([flat(USUAL + scene(seed)) for seed in range(40)]), GRID)


@pytest.mark.parametrize('right, down', [(0, 0), (3, 0), (-2, 0), (1, -1)])
def test_a_turned_view_keeps_what_is_seen_in_both(town, right, down):
    other = scene(1)
    ys, xs = (slice(max(0, shift), side + min(0, shift)) for shift, side in zip((down, right), GRID))
    back_ys, back_xs = (slice(max(0, -shift), side + min(0, -shift)) for shift, side in zip((down, right), GRID))
    other[:, ys, xs] = scene(0)[:, back_ys, back_xs]
    shared = (GRID[0] - abs(down)) * (GRID[1] - abs(right)) / CELLS
    one, two = flat(USUAL + scene(0)), flat(USUAL + other)
    assert shared - 0.15 < town.agreement(one, two) <= shared + 0.05
    assert town.agreement(one, two) == pytest.approx(town.agreement(two, one), abs=1e-5)


def test_half_hidden_is_half_the_agreement(town):
    hidden = scene(0)
    hidden[:, 6:] = scene(1)[:, 6:]
    assert 0.4 < town.agreement(flat(USUAL + scene(0)), flat(USUAL + hidden)) < 0.6


def test_what_is_usual_does_not_speak_for_a_place(town):
    again = town.agreement(flat(USUAL + scene(3) + 0.3 * scene(50)), flat(USUAL + scene(3)))
    elsewhere = [town.agreement(flat(USUAL + scene(seed)), flat(USUAL + scene(3))) for seed in range(40, 60)]
    assert again > 0.8 and max(elsewhere) < 0.2
    assert UsualView(np.zeros((1, 10, CELLS)), GRID).agreement(flat(USUAL + scene(40)), flat(USUAL + scene(3))) > 0.6


@pytest.mark.parametrize('keyframes', [1, 3])
def test_a_small_map_of_one_place_does_not_take_the_place_for_usual(keyframes):
    views = np.stack([flat(scene(0) + 0.2 * scene(seed)) for seed in range(1, keyframes + 1)])
    usual = UsualView(views, GRID)
    assert usual.agreement(flat(scene(0) + 0.2 * scene(9)), views[0]) > 0.3
    assert usual.agreement(flat(scene(20)), views[0]) < 0.15


@pytest.mark.parametrize('grid', [(1, 1), (1, 5), (3, 2)])
def test_grids_of_a_few_cells(grid):
    vectors = np.random.default_rng(0).normal(size=(3, 10, grid[0] * grid[1]))
    usual = UsualView(vectors, grid)
    assert usual.agreement(vectors[0], vectors[0]) == pytest.approx(1.0, abs=1e-5)
    assert 0 <= usual.agreement(vectors[0], vectors[1]) <= 1


def test_a_map_of_few_keyframes_asks_for_nearly_all_cells():
    views = np.stack([flat(scene(seed)) for seed in range(6)])
    views[:, :, :48] = 0  # a quarter is masked
    assert [needed_cells(views[:count], 40) for count in (1, 2, 3, 4, 5)] == [122, 115, 108, 101, 40]
    assert needed_cells(views[:1], 150) == 150 and needed_cells(views[:1], 0) == 0
