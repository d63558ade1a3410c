"""The network that is run computes what the network that was trained computes."""

import pytest
import torch

from dejavu_ros.errors import ConfigError
from dejavu_ros.localization.config import PRECISIONS as CHOICES
from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.families import FAMILIES
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.nn.folded import PRECISIONS, FoldedNet


def used(normalise=True, family='published') -> DejavuNet:
    """Random weights whose batch norms are not the identity."""
    generator = torch.Generator().manual_seed(0)
    network = DejavuNet(normalise=normalise, architecture=FAMILIES[family]).eval()
    for name, value in network.state_dict().items():
        if 'bn' in name and value.is_floating_point():
            mean = 0.0 if name.endswith(('bias', 'running_mean')) else 1.0
            value.copy_(mean + 0.2 * torch.rand(value.shape, generator=generator))
    return network


@pytest.mark.parametrize('family, height, width', [
    ('published', 84, 112), ('published', 83, 113), ('published', 33, 47), ('published', 16, 16),
    ('student', 84, 112), ('student', 33, 47), ('stronger', 33, 47), ('stronger', 16, 16)])
@torch.inference_mode()
def test_float32_equals_the_plain_network(family, height, width):
    network, images = used(family=family), torch.rand(2, 3, height, width)
    folded = FoldedNet(network)
    torch.testing.assert_close(folded.half_size(images), network.half_size(images), rtol=0, atol=1e-4)
    torch.testing.assert_close(folded(images), network(images), rtol=0, atol=1e-4)


@torch.inference_mode()
def test_features_of_any_length_are_equal_too():
    network, images = used(normalise=False), torch.rand(1, 3, 64, 80)
    expected = network(images)
    assert (FoldedNet(network)(images) - expected).abs().max() < 1e-4 * expected.abs().max()


@torch.inference_mode()
def test_bfloat16_points_the_same_way():
    network, images = used(), torch.rand(1, 3, 84, 112)
    cosine = (FoldedNet(network, 'bfloat16').half_size(images) * network.half_size(images)).sum(1)
    assert cosine.min() > 0.99


def test_the_trained_network_is_left_as_it_is():
    checkpoint = random_checkpoint()
    before = {name: value.clone() for name, value in checkpoint.network.state_dict().items()}
    FeatureExtractor(checkpoint, precision='bfloat16')
    after = checkpoint.network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in after)


def test_precisions_that_can_be_chosen_exist():
    assert set(CHOICES) == set(PRECISIONS)


def test_an_unknown_precision_is_named():
    with pytest.raises(ConfigError, match='int3'):
        FoldedNet(DejavuNet(), 'int3')
