"""A recording gives what the work itself gives, and where none can be made the work is done."""

import numpy as np
import pytest
import torch

from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.nn.recorded import Recorded

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')


def images(count, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (count, 48, 64, 3), np.uint8))


@pytest.fixture(scope='module')
def checkpoint():
    return random_checkpoint(settings=FeatureSettings(64, 48, 8, 6, 'area'))


def test_on_a_cpu_the_work_is_done_each_time():
    recorded = Recorded(lambda network, batch: network(batch))
    for value in 1.0, 2.0:
        assert recorded(torch.nn.Identity(), torch.full((1, 3), value)).tolist() == [[value] * 3]
    assert not recorded.recordings


def test_what_cannot_be_recorded_is_done_and_tried_once(monkeypatch):
    class OnGpu(torch.Tensor):
        is_cuda = True

    tried = []

    def fail(*arguments):
        tried.append(arguments)
        raise RuntimeError('CUDA error: operation not permitted when stream is capturing')

    recorded = Recorded(lambda network, batch: network(batch))
    monkeypatch.setattr(recorded, 'record', fail)
    for value in 1.0, 2.0:
        batch = torch.full((1, 3), value).as_subclass(OnGpu)
        assert recorded(torch.nn.Identity(), batch).tolist() == [[value] * 3]
    assert len(tried) == 1


def test_a_mistake_in_what_is_recorded_is_not_hidden(monkeypatch):
    class OnGpu(torch.Tensor):
        is_cuda = True

    def fail(*arguments):
        raise RuntimeError('The size of tensor a (2) must match the size of tensor b (3)')

    recorded = Recorded(lambda network, batch: network(batch))
    monkeypatch.setattr(recorded, 'record', fail)
    with pytest.raises(RuntimeError, match='must match'):
        recorded(torch.nn.Identity(), torch.full((1, 3), 1.0).as_subclass(OnGpu))


@needs_cuda
@pytest.mark.parametrize('precision, tolerance', [('float32', 2e-2), ('bfloat16', 0.2), ('float16', 2e-2)])
def test_single_images_on_a_gpu_are_those_of_a_batch_and_of_the_cpu(checkpoint, precision, tolerance):
    extractor, views = FeatureExtractor(checkpoint, 'cuda', precision=precision), images(4)
    single = np.concatenate([extractor.extract([view]) for view in views])
    assert all(extractor._recorded.recordings.values()), 'it was recorded'
    np.testing.assert_allclose(single, extractor.extract(views), atol=tolerance)
    np.testing.assert_allclose(single, FeatureExtractor(checkpoint).extract(views), atol=tolerance)
    assert not extractor.problem


@needs_cuda
def test_a_recording_for_each_shape_and_new_values_each_time(checkpoint):
    recorded = Recorded(lambda network, batch: network.half_size(batch))
    network = FeatureExtractor(checkpoint, 'cuda').network
    with torch.inference_mode():
        for shape in (1, 3, 48, 64), (2, 3, 48, 64), (1, 3, 96, 64), (1, 3, 48, 64):
            batch = torch.rand(shape, device='cuda')
            torch.testing.assert_close(recorded(network, batch), network.half_size(batch), atol=2e-2, rtol=0)
    assert len(recorded.recordings) == 3
