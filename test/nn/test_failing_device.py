"""A GPU that has no memory left, or is lost, costs time and no frame."""

import numpy as np
import pytest
import torch

from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings

ERRORS = [torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB'),
          RuntimeError('CUDA error: device-side assert triggered\nmore lines'),
          RuntimeError('CUDA error: the launch timed out and was terminated')]


class Failing:
    """A network on a GPU that raises ``error`` while there is one."""

    def __init__(self, error):
        self.error, self.calls = error, 0

    def __call__(self, batch):
        self.calls += 1
        assert batch.device.type == 'meta'
        if self.error:
            raise self.error
        return torch.zeros(1)

    half_size, unit = __call__, None


@pytest.fixture(scope='module')
def checkpoint():
    return random_checkpoint(settings=FeatureSettings(64, 48, 8, 6, 'area'))


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def failing(checkpoint, error):
    extractor = FeatureExtractor(checkpoint)
    extractor.device, extractor.network = torch.device('meta'), Failing(error)
    return extractor


@pytest.mark.parametrize('error', ERRORS, ids=lambda error: str(error)[:20])
def test_the_cpu_computes_the_same_and_it_is_said(checkpoint, image, error):
    expected = FeatureExtractor(checkpoint)
    extractor = failing(checkpoint, error)
    assert (extractor.extract([image]) == expected.extract([image])).all()
    assert np.allclose(extractor.dense(image), expected.dense(image))
    assert 'the CPU computes instead' in extractor.problem and 'CUDA' in extractor.problem
    assert '\n' not in extractor.problem


def test_the_gpu_is_tried_again(checkpoint, image):
    extractor = failing(checkpoint, ERRORS[0])
    extractor.dense(image)
    assert extractor.problem
    extractor.network.error = None
    extractor._run(lambda network, batch: torch.zeros(1), torch.zeros(1))
    assert not extractor.problem and extractor.network.calls == 1


def test_a_mistake_of_our_own_is_not_hidden(checkpoint, image):
    def wrong(network, batch):
        raise RuntimeError('shapes do not fit')

    with pytest.raises(RuntimeError, match='shapes'):
        failing(checkpoint, None)._run(wrong, torch.zeros(1))
