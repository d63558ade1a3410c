"""What a mask hides, and what becomes of the rest."""

import numpy as np
import pytest

from dejavu_ros.errors import ConfigError
from dejavu_ros.images import decode_image, encode_png
from dejavu_ros.optics.mask import blank, fitting, load_mask, mask_of, mask_to_png, visible_cells

BONNET = np.ones((48, 64), bool)
BONNET[36:] = False


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'mask.png'
    path.write_bytes(mask_to_png(BONNET))
    return path


def test_a_file_drawn_in_black_and_white(path):
    np.testing.assert_array_equal(load_mask(path), BONNET)


def test_a_file_drawn_in_colour(tmp_path):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[BONNET] = 255, 255, 0
    (tmp_path / 'mask.png').write_bytes(encode_png(picture))
    np.testing.assert_array_equal(load_mask(tmp_path / 'mask.png'), BONNET)


def test_png_is_black_where_hidden():
    assert (decode_image(mask_to_png(BONNET))[36:] == 0).all() and (decode_image(mask_to_png(BONNET))[:36] == 255).all()


@pytest.mark.parametrize('option, is_there', [('', False), ('{}', True), ('front={}', True), ('rear={}', False)])
def test_which_camera_is_meant(path, option, is_there):
    assert (mask_of(option.format(path), 'front') is not None) == is_there


def test_no_mask(tmp_path):
    with pytest.raises(ConfigError, match='mask: image .*missing.png cannot be read'):
        load_mask(tmp_path / 'missing.png')
    (tmp_path / 'black.png').write_bytes(mask_to_png(np.zeros((48, 64), bool)))
    with pytest.raises(ConfigError, match='leaves 0.0% of the picture: hidden is black'):
        load_mask(tmp_path / 'black.png')


def test_pictures_of_another_size():
    half = fitting(BONNET, 32, 24)
    assert half.shape == (24, 32) and half[:18].all() and not half[18:].any()
    with pytest.raises(ConfigError, match='mask is 64x48, the picture 64x64: draw'):
        fitting(BONNET, 64, 64)


def test_cells_count_where_most_of_them_is_seen():
    cells = visible_cells(BONNET, (6, 8)).reshape(6, 8)  # of 8 rows of pixels; the bonnet begins in the middle of one
    np.testing.assert_array_equal(cells[:, 0], [True, True, True, True, False, False])
    assert visible_cells(np.ones((5, 7), bool), (3, 3)).all()


def test_what_is_hidden_says_nothing_any_more():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (2, 48, 64, 3), np.uint8)
    pictures[:, BONNET] = pictures[0, BONNET]
    one, two = (blank(picture, BONNET) for picture in pictures)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one[BONNET], pictures[0, BONNET])
