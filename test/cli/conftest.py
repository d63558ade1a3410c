"""What the tests of several commands share."""

import functools

import pytest
import torch

from dejavu_ros.nn import checkpoint as checkpoints
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings


@pytest.fixture(scope='module')
def quick():
    """One thread, as so small a network is slower with more, and each checkpoint loaded once."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, 'load_checkpoint', functools.cache(checkpoints.load_checkpoint))
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A network of the real shape with a tiny input, untrained."""
    path = tmp_path_factory.mktemp('checkpoint') / 'tiny.pt'
    checkpoints.save_checkpoint(path, DejavuNet(), FeatureSettings(64, 48, 8, 6), ContextualSettings())
    return path
