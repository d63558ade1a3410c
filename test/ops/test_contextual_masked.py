"""Masked cells do not count: in every form, similarity is that of the maps without them."""

import itertools

import numpy as np
import pytest
import torch

from dejavu_ros.errors import ConfigError
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.ops.contextual.masked import masked_similarity, shown
from dejavu_ros.ops.contextual.naive import contextual_pair

CHANNELS, CELLS = 10, 63
FORMS = [ContextualSettings(form, squared, symmetric)
         for form, squared, symmetric in itertools.product(('paper', 'authors'), (True, False), (True, False))]


def unit(*shape):
    vectors = np.random.default_rng(sum(shape)).normal(size=shape)
    return torch.from_numpy((vectors / np.linalg.norm(vectors, axis=-2, keepdims=True)).astype(np.float16))


@pytest.mark.parametrize('settings', FORMS, ids=str)
def test_similarity_is_that_of_what_is_seen(settings):
    queries, keyframes = unit(3, CHANNELS, CELLS), unit(7, CHANNELS, CELLS)
    seen, views = [np.arange(CELLS), np.arange(40), np.arange(CELLS)], np.array([0, 2, 1, 1, 0, 2, 0])
    cells = [None, np.arange(20, 50), np.arange(0, CELLS, 3)]
    queries[1, :, 40:] = 0
    for keyframe, view in zip(keyframes, views):
        if cells[view] is not None:
            keyframe[:, np.setdiff1d(np.arange(CELLS), cells[view])] = 0
    groups = shown(queries)
    assert sorted(numbers for numbers, _ in groups) == [[0, 2], [1]]
    for numbers, group in groups:
        found = masked_similarity(group, keyframes, views, cells, settings)
        for number, row in zip(numbers, found):
            for similarity, keyframe, view in zip(row, keyframes, views):
                columns = slice(None) if cells[view] is None else cells[view]
                wanted = contextual_pair(queries[number][:, seen[number]].double(), keyframe[:, columns].double(),
                                         settings)
                assert float(similarity) == pytest.approx(float(wanted), abs=1e-5)


def test_zeros_that_counted_would_be_noticed():
    query, keyframes = unit(1, CHANNELS, CELLS), unit(2, CHANNELS, CELLS)
    keyframes[:, :, 30:] = 0
    settings, views = ContextualSettings(), np.zeros(2, int)
    right = masked_similarity(query, keyframes, views, [np.arange(30)], settings)
    wrong = masked_similarity(query, keyframes, views, [None], settings)
    assert (right - wrong).abs().min() > 1e-3


@pytest.mark.parametrize('queries, keyframes, views, cells, message', [
    ((CHANNELS, CELLS), (2, CHANNELS, CELLS), 2, [None], r'queries \(Q, n, N1\) .* got \(10, 63\) and \(2, 10, 63\)'),
    ((1, CHANNELS, CELLS), (CHANNELS, CELLS), 10, [None], r'keyframes \(K, n, N2\), got \(1, 10, 63\) and \(10, 63\)'),
    ((1, CHANNELS, CELLS), (2, CHANNELS + 1, CELLS), 2, [None], r'\(1, 10, 63\) and \(2, 11, 63\)'),
    ((1, CHANNELS, CELLS), (2, CHANNELS, CELLS), 3, [None], r'views of 2 keyframes must be \(2,\), got \(3,\)')])
def test_shapes_that_do_not_belong_together_are_refused(queries, keyframes, views, cells, message):
    with pytest.raises(ConfigError, match=message):
        masked_similarity(torch.ones(queries), torch.ones(keyframes), np.zeros(views, int), cells, ContextualSettings())


def test_a_query_without_its_axis_of_queries_is_refused():
    with pytest.raises(ConfigError, match=r'queries must be \(Q, n, N1\), got \(10, 63\)'):
        shown(torch.ones(CHANNELS, CELLS))
