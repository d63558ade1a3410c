"""What is painted means what it is called."""

import numpy as np
import pytest

from dejavu_ros.town.facades import FacadeStyle, paint_facade, paint_poster, paint_road_sign, paint_sign
from dejavu_ros.town.textures import MATERIALS, SIZE, Textures


@pytest.fixture(scope='module')
def textures():
    return Textures(np.random.default_rng(0))


def mean_colour(textures, name):
    return textures.layers[textures[name]][..., :3].reshape(-1, 3).mean(axis=0)


def test_every_material_has_a_layer(textures):
    assert textures.stack().shape == (len(MATERIALS), SIZE, SIZE, 4)
    assert textures.stack().dtype == np.uint8


def test_snow_is_white(textures):
    colour = mean_colour(textures, 'snow')
    assert colour.min() > 220 and np.ptp(colour) < 15


@pytest.mark.parametrize('name', ['grass', 'hedge'])
def test_grass_is_green(textures, name):
    red, green, blue = mean_colour(textures, name)
    assert green > 1.2 * red > 0 and green > 1.5 * blue


def test_asphalt_is_dark_grey(textures):
    colour = mean_colour(textures, 'asphalt')
    assert colour.max() < 120 and np.ptp(colour) < 10


@pytest.mark.parametrize('name', ['asphalt', 'grass', 'snow', 'concrete', 'plaster_detail', 'mottle'])
def test_tiles_have_no_seam(textures, name):
    image = textures.layers[textures[name]].astype(float)
    for axis in (0, 1):
        inside = np.abs(np.diff(image, axis=axis)).mean()
        seam = np.abs(image.take(0, axis) - image.take(-1, axis)).mean()
        assert seam < 1.5 * inside + 1


@pytest.mark.parametrize('name', ['broad_leaves', 'fine_leaves', 'long_leaves', 'needles'])
def test_leaves_have_gaps(textures, name):
    alpha = textures.layers[textures[name]][..., 3]
    assert 0.15 < (alpha > 100).mean() < 0.9


def facade(seed, **options):
    rng = np.random.default_rng(seed)
    return paint_facade(rng, FacadeStyle.draw(rng), 12.0, 9.4, front=True, **options)


def test_fronts_have_glass_and_wall():
    for seed in range(10):
        glass = (facade(seed)[..., 3] < 128).mean()
        assert 0.02 < glass < 0.7


def test_a_seed_paints_one_front():
    np.testing.assert_array_equal(facade(3), facade(3))
    assert np.abs(facade(3).astype(int) - facade(4)).mean() > 10


@pytest.mark.parametrize('paint', [paint_sign, paint_poster, paint_road_sign])
def test_signs_are_opaque_and_show_something(paint):
    for seed in range(8):
        image = paint(np.random.default_rng(seed))
        assert image.shape == (SIZE, SIZE, 4) and (image[..., 3] == 255).all()
        assert image[..., :3].std() > 10
