"""What the tests of several commands share."""

import functools

import pytest
import torch

from dejavu_ros.nn import checkpoint as checkpoints


@pytest.fixture(scope='module')
def quick():
    """One thread, as so small a network is slower with more, and each checkpoint loaded once."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, 'load_checkpoint', functools.cache(checkpoints.load_checkpoint))
        yield
    torch.set_num_threads(before)
