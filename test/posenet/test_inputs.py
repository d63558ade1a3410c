"""Pictures and features as maps of one size."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dejavu_ros.images import resize
from dejavu_ros.nn.checkpoint import save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.posenet.inputs import Features, Rgb, chosen_inputs, in_other_light
from dejavu_ros.posenet.settings import PoseNetSettings


@pytest.fixture(scope='module')
def pictures():
    small = np.random.default_rng(0).integers(0, 256, (5, 12, 16, 3), np.uint8)
    return np.stack([resize(picture, 128, 96) for picture in small])


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'small.pt'
    torch.manual_seed(0)
    save_checkpoint(path, DejavuNet(channels=7), FeatureSettings(64, 48, 8, 6), ContextualSettings())
    return str(path)


def test_nothing_of_a_picture_is_lost(pictures):
    maps = Rgb(PoseNetSettings()).maps(pictures, 'test')
    assert maps.shape == (5, 12, 36, 48)
    back = (F.pixel_shuffle(maps.float(), 2) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(back, np.stack([resize(picture, 96, 72) for picture in pictures]))


def test_features_come_at_the_size_of_the_pictures_maps(pictures, checkpoint):
    rgb, features = chosen_inputs(PoseNetSettings(checkpoint=checkpoint))
    maps = features.maps(pictures, 'test')
    assert (rgb.name, features.name) == ('rgb', 'features small')
    assert maps.shape == (5, 7, 36, 48) and len(features.identity) == 12


def test_the_nearest_frame_is_the_frame_itself(pictures, checkpoint):
    features = Features(checkpoint, PoseNetSettings())
    maps = features.maps(pictures, 'test')
    assert features.nearest(maps[[3, 1]], maps).tolist() == [3, 1]


def test_other_light_is_the_same_every_time(pictures):
    versions, again = (in_other_light(pictures, 3, 0.7) for _ in range(2))
    np.testing.assert_array_equal(versions[0], pictures)
    np.testing.assert_array_equal(versions[2], again[2])
    assert len({version.tobytes() for version in versions}) == 3
