"""Keypoints lie where one would look, in pixels of the image."""

import numpy as np
import pytest

from dejavu_ros.matching.keypoints import corners, grid


def test_corners_of_a_box():
    image = np.full((60, 80, 3), 40, np.uint8)
    image[20:40, 30:60] = 200
    found = corners(image, 4)
    for corner in ((30, 20), (59, 20), (30, 39), (59, 39)):
        assert np.linalg.norm(found - corner, axis=1).min() < 2


def test_a_bright_lamp_does_not_hide_what_is_dim():
    image = np.full((60, 80, 3), 10, np.uint8)
    image[5:10, 5:10] = 255
    image[30:45, 40:60] = 24
    found = corners(image, 8)
    assert np.linalg.norm(found - (40, 30), axis=1).min() < 2


def test_a_flat_image_has_no_corners():
    assert corners(np.full((60, 80, 3), 90, np.uint8), 50).shape == (0, 2)


@pytest.mark.parametrize('size, count', [((48, 64), 12), ((37, 123), 100), ((3, 200), 8), ((200, 3), 8), ((2, 2), 50)])
def test_grid_covers_the_image_evenly(size, count):
    points = grid(size, count)
    assert 0 < len(points) <= count
    low, high = points.min(0), points.max(0)
    np.testing.assert_allclose(low + high, [size[1] - 1, size[0] - 1], atol=1e-3)  # as far from either side
    assert (low >= 0).all() and len(np.unique(points, axis=0)) == len(points)
