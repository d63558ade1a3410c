"""The plan of a town: the same for the same seed, and nothing stands where cars drive."""

import itertools

import numpy as np
import pytest

from dejavu_ros.town.layout import PAVEMENT_END, make_plan, overlap
from dejavu_ros.town.mesh import Frame

SEEDS = (1, 2, 101, 201)


@pytest.fixture(scope='module', params=SEEDS)
def plan(request):
    return make_plan(request.param)


def test_loop_is_as_long_as_promised(plan):
    assert 600 <= plan.road.length <= 700
    np.testing.assert_allclose(plan.road.centre(plan.road.length), plan.road.centre(0.0), atol=1e-9)


def test_arc_length_is_metres(plan):
    s = np.arange(0.0, plan.road.length, 1.0)
    np.testing.assert_allclose(np.linalg.norm(np.diff(plan.road.centre(s), axis=0), axis=1), 1.0, atol=0.01)


def test_left_is_left_of_the_way_ahead(plan):
    frame, beside = plan.road.frame(10.0), plan.road.frame(10.0, 2.0)
    ahead = plan.road.centre(11.0) - frame.xy
    aside = beside.xy - frame.xy
    assert np.cross([*ahead, 0], [*aside, 0])[2] > 0
    assert np.linalg.norm(aside) == pytest.approx(2.0)


def test_houses_keep_off_the_pavement_and_each_other(plan):
    assert len(plan.houses) > 30
    for house in plan.houses:
        outline = np.concatenate([np.linspace(a, b, 20) for a, b in zip(house.corners, np.roll(house.corners, -1, 0))])
        assert min(plan.road.distance(point) for point in outline) > PAVEMENT_END - 1.5
    for one, other in itertools.combinations(plan.houses, 2):
        assert not overlap(one.corners, other.corners)


def test_trees_stand_neither_on_the_road_nor_in_houses(plan):
    for tree in plan.trees:
        assert plan.road.distance(tree.frame.xy) > 4.5
        point = tree.frame.xy + 0.1 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        assert not any(overlap(house.corners, point) for house in plan.houses)


def test_a_seed_is_one_town():
    one, same, other = make_plan(5), make_plan(5), make_plan(6)
    assert [house.seed for house in one.houses] == [house.seed for house in same.houses]
    assert one.road.length == same.road.length
    assert [house.seed for house in one.houses] != [house.seed for house in other.houses]


def test_houses_differ_within_a_town(plan):
    walls = {tuple(np.round(house.style.wall)) for house in plan.houses}
    assert len(walls) == len(plan.houses)


@pytest.mark.parametrize('shift, expected', [(0.5, True), (0.99, True), (1.01, False), (5.0, False)])
def test_overlap_of_squares(shift, expected):
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert overlap(square, square + (shift, 0.3)) is expected


def test_overlap_sees_between_turned_shapes():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    diamond = np.array([[0.0, -1.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert not overlap(square, diamond + (1.9, 1.9))  # bounding boxes meet, the shapes do not
    assert overlap(square, diamond + (1.3, 1.3))


def test_equal_quarters_follow_each_other_all_around():
    quarters = 3
    plan = make_plan(3, quarters)
    assert len(plan.houses) >= 20
    third = Frame(np.zeros(2), 2 * np.pi / quarters).rotation
    s = np.arange(0.0, plan.road.length, 10.0)
    further = plan.road.centre(s + plan.road.length / quarters)
    np.testing.assert_allclose(plan.road.centre(s) @ third.T, further, atol=0.1)
    for items in (plan.houses, plan.trees, plan.things):
        places = np.array([item.frame.xy for item in items])
        to_next = np.linalg.norm((places @ third.T)[:, None] - places, axis=2).min(1)
        assert to_next.max() < 0.01, 'each has its like a quarter further on'
    assert not any(overlap(one.corners, other.corners) for one, other in itertools.combinations(plan.houses, 2))
