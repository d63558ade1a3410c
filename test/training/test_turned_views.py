"""What a turning camera sees, cut from a picture that shows more."""

import cv2
import numpy as np
import torch

from dejavu_ros.geowarp.quadrilaterals import FRAME, SMALLEST, area
from dejavu_ros.geowarp.warping import warp
from dejavu_ros.training.geowarp import seen_in
from dejavu_ros.training.turned_views import draw_two, draw_views

HFOV, ASPECT = 118.4, 0.75


def test_views_are_half_as_large_turned_to_both_sides_and_within_the_picture():
    views = draw_views(np.random.default_rng(0), 200, HFOV, ASPECT)
    assert np.abs(views).max() < 1.1
    middles = views.mean(1)
    assert middles[:, 0].min() < -0.3 and middles[:, 0].max() > 0.3 and np.abs(middles[:, 1]).max() < 0.15
    straight = views[np.abs(middles[:, 0]).argmin()]
    assert np.abs(straight - FRAME / 2).max() < 0.15


def test_two_views_of_a_place_show_the_same_where_it_is_said():
    noise = np.random.default_rng(0).random((192, 256, 3)).astype(np.float32)
    picture = torch.from_numpy(cv2.GaussianBlur(noise, (0, 0), 8)).permute(2, 0, 1)[None]
    for seed in range(5):
        views = draw_views(np.random.default_rng(seed), 6, HFOV, ASPECT)
        first, second, shared = draw_two(np.random.default_rng(seed), views)
        assert first != second and area(shared) >= SMALLEST * area(views[first])
        one, other, shared = (torch.from_numpy(part).float()[None] for part in (views[first], views[second], shared))
        truth = seen_in(one, other, shared)
        seen = [warp(warp(picture, own, (192, 256)), truth[:, side], (48, 64)) for side, own in enumerate((one, other))]
        assert (seen[0] - seen[1]).abs().mean() < 0.1 * picture.std()
        assert (seen[0] - seen[1].flip(3)).abs().mean() > 0.5 * picture.std()


def test_views_that_share_nothing_are_never_a_pair():
    apart = np.array([FRAME * 0.2 - 0.7, FRAME * 0.2 + 0.7])
    first, second, shared = draw_two(np.random.default_rng(0), apart)
    assert first == second == 0
    np.testing.assert_array_equal(shared, apart[0])


def test_a_view_straight_ahead_is_what_a_narrower_camera_sees():
    """The homography of a turn keeps straight lines of sight: the picture's middle ray goes to where the turn says."""
    views = draw_views(np.random.default_rng(3), 50, HFOV, ASPECT)
    half = np.tan(np.radians(HFOV / 2))
    left, right = (np.arctan(half * views[:, corner, 0]) for corner in (0, 1))
    spans = np.degrees(right - left)
    assert 74 < spans.min() and spans.max() < 86, 'a camera of 80 degrees sees 80 degrees, however it is turned'
