"""Places are found where most of the belief lies, whatever the size of the map."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.places import CANDIDATES, Neighbourhoods


def town(count, config=LocalizerConfig(), seed=0):
    """Keyframes all over a field of 60 m, looking anywhere."""
    rng = np.random.default_rng(seed)
    positions = np.append(rng.uniform(0, 60, (count, 2)), np.zeros((count, 1)), 1)
    return Neighbourhoods(positions, Rotation.from_euler('z', rng.uniform(-3, 3, (count, 1))).as_quat(), config)


def by_definition(places, belief):
    """The centre is that of the likeliest keyframes around which most of what is left lies."""
    left, found = belief[:-1].copy(), []
    while len(found) < places.count and left.max() > 0:
        first = np.argsort(-left, kind='stable')[:CANDIDATES]
        centre = max(first, key=lambda row: left[places.near(row)].sum())
        members = places.near(centre) & (left > 0)
        found.append((int(np.where(members, left, 0).argmax()), np.flatnonzero(members), left[members]))
        left[members] = 0
    return found


@pytest.mark.parametrize('count', [1, 7, CANDIDATES, 500])
@pytest.mark.parametrize('config', [LocalizerConfig(), LocalizerConfig(place_radius=0.0),
                                    LocalizerConfig(place_angle=0.0),
                                    LocalizerConfig(place_radius=1000.0, place_angle=180.0)], ids=repr)
def test_groups_are_those_of_the_definition(count, config):
    places = town(count, config)
    for seed in range(5):
        belief = np.random.default_rng(seed).pareto(0.5, count + 1)
        belief[::3] = belief.min()  # many are equal
        found, expected = places.groups(belief), by_definition(places, belief)
        assert len(found) == len(expected)
        for ours, right in zip(found, expected):
            assert ours[0] == right[0]
            np.testing.assert_array_equal(ours[1], right[1])
            np.testing.assert_array_equal(ours[2], right[2])


def test_every_keyframe_is_of_its_own_place():
    places = town(300, LocalizerConfig(place_radius=0.0, place_angle=0.0))
    assert all(places.near(row)[row] for row in range(300))


def test_a_part_of_the_map_has_places_of_its_own():
    places = town(200)
    rows, belief = np.arange(50, 90), np.random.default_rng(0).pareto(1, 201)
    places.groups(belief)  # of all: nothing of it may be left in the part
    for group in places.part(rows).groups(belief[:41]):
        assert group[1].max() < 40
