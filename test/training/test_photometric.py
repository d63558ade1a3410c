"""Light and weather laid over training views."""

import numpy as np
import pytest

from dejavu_ros.training.photometric import darkness, disturb, fog


@pytest.fixture
def picture():
    blocks = np.random.default_rng(0).integers(30, 226, (6, 8, 3))
    return np.kron(blocks, np.ones((8, 8, 1))).astype(np.uint8)


def test_a_view_changes_with_the_draw_and_with_nothing_else(picture):
    before = picture.copy()
    views = [disturb(picture, 0.8, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert (views[0] == views[1]).all() and (views[0] != views[2]).any() and (picture == before).all()
    assert all(view.shape == picture.shape and view.dtype == np.uint8 for view in views)


def test_no_strength_is_no_change_and_more_is_more(picture):
    def change(strength):
        views = [disturb(picture, strength, np.random.default_rng(seed)) for seed in range(30)]
        return np.mean([np.abs(view.astype(int) - picture).mean() for view in views])
    assert change(0.0) < 0.5
    assert change(0.0) < change(0.3) < change(1.0)


def test_what_is_shown_can_still_be_seen_at_full_strength(picture):
    """Most views keep their likeness to the picture above that to any other."""
    other = picture[::-1, ::-1]
    likeness = [[np.corrcoef(disturb(picture, 1.0, np.random.default_rng(seed)).ravel(), shown.ravel())[0, 1]
                 for shown in (picture, other)] for seed in range(30)]
    assert np.mean([right > wrong + 0.3 for right, wrong in likeness]) > 0.9


def test_fog_takes_contrast_and_most_of_it_far_away(picture):
    light = picture.astype(np.float32) / 255
    fogged = fog(light, 1.0, np.random.default_rng(3))
    kept = [fogged[rows].std() / light[rows].std() for rows in (slice(16, 32), slice(40, 48))]
    assert kept[0] < kept[1] < 1


def test_darkness_dims_the_sky_most(picture):
    light = picture.astype(np.float32) / 255
    kept = (darkness(light, 1.0, np.random.default_rng(3)) / light).mean((1, 2))
    assert kept[0] < kept[-1] < 1
