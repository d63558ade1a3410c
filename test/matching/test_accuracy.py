"""Mean matching accuracy is the mean over pairs of the share of right matches."""

import numpy as np

from dejavu_ros.matching.accuracy import mean_correct, mean_matching_accuracy


def test_shares_and_counts():
    errors = [np.array([0.5, 2.0, 2.01, 40.0]), np.array([9.5]), np.zeros(0)]
    np.testing.assert_allclose(mean_matching_accuracy(errors), np.array([1/4, 2/4, *[3/4] * 7, 3/4 + 1]) / 3)
    np.testing.assert_allclose(mean_correct(errors), np.array([1, 2, *[3] * 7, 4]) / 3)
