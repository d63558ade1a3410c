"""Pictures that say what they are meant to: colours of features, curves and matrices that may be empty."""

import cv2
import numpy as np

from dejavu_ros.evaluation.figures import colours, heat_maps, precision_recall_curves


def picture(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def test_one_colour_is_one_feature_in_all_maps():
    kinds = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float16)
    here, there = np.array([[0, 1, 2], [3, 4, 0]]), np.array([[4], [2], [0], [0]])
    painted = colours([kinds[here].transpose(2, 0, 1), kinds[there].transpose(2, 0, 1)])
    assert [part.shape for part in painted] == [(2, 3, 3), (4, 1, 3)]
    assert np.array_equal(painted[0][1, 1], painted[1][0, 0]) and np.array_equal(painted[0][0, 0], painted[1][3, 0])
    assert len({tuple(colour) for colour in painted[0].reshape(-1, 3).tolist()}) == 5


def test_maps_of_two_channels_have_two_colours():
    (painted,) = colours([np.random.default_rng(0).random((2, 4, 5))])
    assert painted.shape == (4, 5, 3) and not painted[..., 2].any() and painted[..., 1].any()


def test_what_is_not_defined_stays_grey():
    matrix = {'a': {'a': None, 'b': 100.0}, 'b': {'a': 50.0, 'b': None}}
    image = picture(heat_maps({'one': matrix, 'two': matrix}))
    grey = (image == 217).all(2).mean()
    assert 0.1 < grey < 0.5 and image.shape[1] > 1.5 * image.shape[0]


def test_a_curve_that_is_not_defined_is_left_out():
    empty, one = (picture(precision_recall_curves(curves)) for curves in ({'a': None}, {'a': [1.0] * 101}))
    assert empty.shape == one.shape and not np.array_equal(empty, one)
