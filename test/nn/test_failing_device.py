"""A GPU that has no memory left, or is lost, costs time and no frame."""

import numpy as np
import pytest
import torch

from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.device import is_device_failure
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings

ERRORS = [torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB'),
          RuntimeError('CUDA error: device-side assert triggered\nmore lines'),
          RuntimeError('CUDA error: the launch timed out and was terminated')]
MISTAKES = [RuntimeError('mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)'),
            RuntimeError('Expected all tensors to be on the same device, but found at least two devices, cuda:0!'),
            RuntimeError('The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0'),
            RuntimeError('CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemm( handle, ...)`'),
            RuntimeError('cuDNN error: CUDNN_STATUS_BAD_PARAM'),
            RuntimeError('CUDA error: invalid configuration argument'),
            IndexError('index 5 is out of bounds for dimension 0 with size 3')]


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


@pytest.mark.parametrize('error', MISTAKES, ids=lambda error: str(error)[:30])
def test_a_mistake_on_the_gpu_alone_does_not_become_a_slow_answer_of_the_cpu(checkpoint, image, error):
    extractor = failing(checkpoint, error)
    with pytest.raises(type(error)):
        extractor.extract([image])
    assert not extractor.problem


@pytest.mark.parametrize('error, its_own', [*((error, True) for error in ERRORS),
                                            *((error, False) for error in MISTAKES),
                                            (RuntimeError('cuDNN error: CUDNN_STATUS_INTERNAL_ERROR'), True),
                                            (RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling'), True),
                                            (RuntimeError('HIP out of memory. Tried to allocate'), True),
                                            (RuntimeError('Triton Error [CUDA]: out of resource'), True),
                                            (MemoryError('CUDA out of memory'), False)])
def test_failures_of_a_device_and_mistakes_are_told_apart(error, its_own):
    assert is_device_failure(error) == its_own


@pytest.mark.parametrize('operation', [lambda: torch.zeros(2, 3) @ torch.zeros(2, 3),
                                       lambda: torch.zeros(2) + torch.zeros(3),
                                       lambda: torch.zeros(6).view(4),
                                       lambda: torch.nn.Conv2d(3, 8, 3)(torch.zeros(1, 4, 8, 8)),
                                       lambda: torch.zeros(2, dtype=torch.half) @ torch.zeros(2)])
def test_what_torch_says_of_shapes_and_types_is_no_failure_of_a_device(operation):
    with pytest.raises(RuntimeError) as caught:
        operation()
    assert not is_device_failure(caught.value)
