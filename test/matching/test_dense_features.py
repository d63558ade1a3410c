"""Dense maps are read where the keypoint is, whatever the size of the map."""

import numpy as np
import pytest
import torch

from dejavu_ros.matching.dense_features import DenseFeatures, sample
from dejavu_ros.matching.settings import FeatureChoice
from dejavu_ros.nn.checkpoint import save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings


@pytest.mark.parametrize('reduced', [1, 2, 4])
def test_sampling_is_bilinear_in_pixels_of_the_image(reduced):
    height, width = 24, 40
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    ramp = np.stack([x, y, np.full_like(x, 10)]).astype(np.float32)
    dense = ramp.reshape(3, height // reduced, reduced, width // reduced, reduced).mean((2, 4))
    points = np.float32([[7, 5], [7.25, 5.75], [20, 12.5], [35, 19]])
    expected = np.concatenate([points.T, np.full((1, 4), 10)])
    np.testing.assert_allclose(sample(dense, points, (height, width)), expected / np.linalg.norm(expected, axis=0),
                               atol=1e-5)


def test_points_at_the_rim_have_the_rim_s_vector():
    dense = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)
    found = sample(dense, np.float32([[0, 0], [49, 29]]), (30, 50))
    corners = dense[:, [0, -1], [0, -1]]
    np.testing.assert_allclose(found, corners / np.linalg.norm(corners, axis=0), atol=1e-6)


@pytest.mark.parametrize('keypoints', ['corners', 'grid'])
def test_features_of_images_in_their_own_proportions(tmp_path, keypoints):
    torch.manual_seed(0)
    save_checkpoint(tmp_path / 'small.pt', DejavuNet(), FeatureSettings(32, 24, 4, 3), ContextualSettings())
    features = DenseFeatures(FeatureChoice(checkpoint=str(tmp_path / 'small.pt'), input_side=96, count=60,
                                           keypoints=keypoints))
    rng = np.random.default_rng(0)
    for size, expected in (((50, 200), (10, 24, 96)), ((90, 30), (10, 96, 32)), ((200, 8), (10, 96, 16))):
        image = rng.integers(0, 256, (*size, 3), np.uint8)
        assert features.dense(image).shape == expected
        found = features(image)
        assert 0 < len(found.points) <= 60 and found.descriptors.shape == (10, len(found.points))
        np.testing.assert_allclose(np.linalg.norm(found.descriptors, axis=0), 1, atol=1e-5)
