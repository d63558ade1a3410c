"""A map on a device is scored as where it is stored, whatever fits there; and a device that fails costs no frame."""

import logging
import types

import numpy as np
import pytest
import torch

from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter, writer
from dejavu_ros.localization import exact_search
from dejavu_ros.localization.device_map import DeviceMap
from dejavu_ros.localization.exact_search import REST, ExactSearch
from dejavu_ros.ops.contextual import ContextualSettings

CHANNELS, CELLS, COUNT = 10, 48, 61
KEYFRAME = 2 * CHANNELS * CELLS  # bytes
SETTINGS = ContextualSettings()
RECORD = {'input_size': [64, 48], 'grid': [6, 8], 'channels': CHANNELS}
WHOLE = COUNT * KEYFRAME
CPU = torch.device('cpu')
ERRORS = [torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB\nmore lines'),
          RuntimeError('CUDA error: the launch timed out and was terminated')]
# a device in all but name, and one if it is there
DEVICES = [pytest.param(CPU, id='cpu'),
           pytest.param(torch.device('cuda'), id='cuda', marks=pytest.mark.skipif(
               not torch.cuda.is_available(), reason='needs a CUDA GPU'))]


def unit(count, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, CHANNELS, CELLS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def add(made, session, descriptors):
    with made, made.session(session, 'summer') as drive:
        for number, vectors in enumerate(descriptors):
            drive.add(vectors, 'front', number, Pose.planar(2 * number, 0, 0), np.eye(6), b'\xff\xd8')


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A map in shards of 7 keyframes."""
    monkeypatch.setattr(writer, 'SHARD_BYTES', 7 * KEYFRAME)
    add(MapWriter.create(tmp_path / 'M.dvmap', RECORD, 'c0ffee123456'), 'one', unit(COUNT))
    return tmp_path / 'M.dvmap'


@pytest.fixture
def queries():
    """Four frames of the map seen again; a part of the third is hidden."""
    seen = unit(COUNT)[[3, 30, 31, 60]].astype(np.float32) + 0.3 * unit(4, seed=1)
    queries = torch.nn.functional.normalize(torch.from_numpy(seen), dim=1).half()
    queries[2, :, 20:] = 0
    return queries


def searching(path, device, limit):
    search = ExactSearch(KeyframeMap.open(path), SETTINGS, CPU, 0)
    search.on_gpu = DeviceMap(search.stored, device, limit)
    return search


def assert_equal(found, expected, device):
    """Of queries by rows; a GPU rounds otherwise, and what is ten times that apart is ranked alike."""
    tolerance = 2e-4 if device.type == 'cuda' else 0
    np.testing.assert_allclose(found, expected, rtol=tolerance)
    ten = np.take_along_axis(expected, np.argsort(-found)[:, :10], 1)
    np.testing.assert_allclose(ten, -np.sort(-expected)[:, :10], rtol=10 * tolerance)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('limit', [WHOLE, WHOLE - 1, 20 * KEYFRAME, 11 * KEYFRAME, 2 * KEYFRAME, 1],
                         ids=lambda limit: f'{limit / KEYFRAME:.2f}')
def test_scores_and_the_ten_best_are_those_of_the_stored_map(path, queries, device, limit):
    expected = ExactSearch(KeyframeMap.open(path), SETTINGS, CPU, 0)(queries)
    search = searching(path, device, limit)
    for _ in range(2):  # buffers are used again
        assert_equal(search(queries), expected, device)
    assert search.on_gpu.fits == (limit == WHOLE) == (search.on_gpu.held is not None)
    rows = np.array([60, 0, 6, 7, 7, 33])
    np.testing.assert_allclose(search(queries, rows), expected[:, rows], rtol=2e-4)
    assert not search.problem


@pytest.mark.parametrize('device', DEVICES)
def test_chunks_hold_each_keyframe_once_and_no_more_than_allowed(path, device):
    stored = torch.from_numpy(unit(COUNT))
    for allowed in (2, 7, 13, 29, 59):
        search = searching(path, device, allowed * KEYFRAME)
        starts, chunks = zip(*((start, chunk.cpu().clone()) for start, chunk in search.on_gpu.chunks()))
        assert torch.equal(torch.cat(chunks), stored)
        assert list(starts) == list(range(0, COUNT, allowed // 2))
        assert sum(lane.there.nbytes for lane in search.on_gpu.lanes) <= allowed * KEYFRAME


@pytest.mark.parametrize('limit', [WHOLE * 2, 5 * KEYFRAME])
def test_a_map_that_grew_is_searched_with_what_was_appended(path, queries, limit):
    before = searching(path, CPU, limit)(queries)
    add(MapWriter.append(path, RECORD, 'c0ffee123456'), 'two', unit(10, seed=5))
    again = searching(path, CPU, limit)(torch.cat([queries, torch.from_numpy(unit(10, seed=5)[4:5])]))
    np.testing.assert_array_equal(again[:4, :COUNT], before)
    assert again[4].argmax() == COUNT + 4


class Failing:
    """Raises ``error``, while there is one, at every second chunk of 4 keyframes: stored are 7 or 5 together."""

    def __init__(self, error):
        self.error, self.tried = error, 0

    def __call__(self, queries, keyframes, *rest):
        if len(keyframes) == 4:
            self.tried += 1
            if self.error and self.tried % 2 == 0:
                raise self.error
        return masked_similarity(queries, keyframes, *rest)


masked_similarity = exact_search.masked_similarity


@pytest.mark.parametrize('error', ERRORS, ids=lambda error: str(error)[:20])
def test_a_device_that_fails_is_replaced_said_once_and_tried_again(path, queries, monkeypatch, caplog, error):
    search, queries = searching(path, CPU, 8 * KEYFRAME), queries[:2]
    expected = search(queries)
    failing = Failing(error)
    monkeypatch.setattr(exact_search, 'masked_similarity', failing)
    with caplog.at_level(logging.WARNING):
        for _ in range(2 * REST):
            np.testing.assert_array_equal(search(queries), expected)
    said, = (record.getMessage() for record in caplog.records)
    assert said == search.problem and 'the CPU searches the map: CUDA' in said and '\n' not in said
    assert failing.tried == 4, 'a chunk that went well and one that failed, twice'
    assert search.on_gpu.held is None and not search.on_gpu.lanes, 'its memory is given back'
    failing.error = None
    for _ in range(REST):
        np.testing.assert_array_equal(search(queries), expected)
    assert not search.problem


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')
def test_a_gpu_without_memory_costs_no_frame(queries):
    shard = np.tile(unit(1000), (40, 1, 1))  # 38 MB
    keyframes = types.SimpleNamespace(shards=lambda: [(0, shard)], camera_index=np.zeros(len(shard), int),
                                      cameras=[types.SimpleNamespace(mask=None)])
    expected = ExactSearch(keyframes, SETTINGS, CPU, 0)(queries)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-5)
    try:
        search = ExactSearch(keyframes, SETTINGS, torch.device('cuda'), 1 << 30)
        np.testing.assert_array_equal(search(queries), expected)
        assert 'out of memory' in search.problem
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    search.rest = 0
    np.testing.assert_allclose(search(queries), expected, rtol=2e-4)
    assert not search.problem


def test_a_mistake_of_our_own_is_not_hidden(path, queries, monkeypatch):
    def wrong(*_):
        raise RuntimeError('shapes do not fit')

    monkeypatch.setattr(exact_search, 'masked_similarity', wrong)
    with pytest.raises(RuntimeError, match='shapes'):
        searching(path, CPU, WHOLE)(queries)


def test_a_mistake_on_the_device_alone_is_not_made_good_by_the_cpu(path, queries, monkeypatch):
    monkeypatch.setattr(exact_search, 'masked_similarity', Failing(RuntimeError('The size of tensor a must match')))
    search = searching(path, CPU, 8 * KEYFRAME)
    with pytest.raises(RuntimeError, match='size of tensor'):
        search(queries[:2])
    assert not search.problem
