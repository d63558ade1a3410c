"""The fast form against the formulas, at odd sizes and on maps that make trouble."""

import dataclasses
import functools
import itertools

import pytest
import torch

from dejavu_ros.errors import ConfigError
from dejavu_ros.ops.contextual import ContextualSettings, chunked, contextual_similarity, fused, gpu
from dejavu_ros.ops.contextual.chunked import contextual_matrix
from dejavu_ros.ops.contextual.naive import contextual_pair

FORMS = [ContextualSettings(form, squared, symmetric)
         for form, squared, symmetric in itertools.product(('authors', 'paper'), (True, False), (True, False))]
every_form = pytest.mark.parametrize('settings', FORMS, ids=lambda s: f'{s.form}-{s.squared}-{s.symmetric}')


def maps(count, n, cells, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, n, cells, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(values, dim=1).to(dtype)


def naive(queries, keyframes, settings):
    return torch.stack([torch.stack([contextual_pair(q, k, settings) for k in keyframes]) for q in queries])


@every_form
@pytest.mark.parametrize('n, n1, n2', [(10, 63, 63), (10, 1, 1), (3, 1, 50), (7, 50, 1), (10, 97, 31), (16, 128, 65),
                                       (24, 63, 97)])
@pytest.mark.parametrize('block', [400, 1 << 23])
def test_equals_the_formulas_in_every_form_and_block(settings, n, n1, n2, block):
    queries, keyframes = maps(2, n, n1), maps(3, n, n2, seed=1)
    torch.testing.assert_close(contextual_matrix(queries, keyframes, settings, block),
                               naive(queries, keyframes, settings), rtol=1e-9, atol=1e-12)


@every_form
@pytest.mark.parametrize('block', [700, 1 << 23])
def test_gradients_equal_those_of_the_formulas(settings, block):
    queries, keyframes = maps(2, 5, 33).requires_grad_(), maps(2, 5, 21, seed=1).requires_grad_()
    weights = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    inputs = queries, keyframes
    fast = torch.autograd.grad((contextual_matrix(*inputs, settings, block) * weights).sum(), inputs)
    plain = torch.autograd.grad((naive(*inputs, settings) * weights).sum(), inputs)
    for ours, reference in zip(fast, plain):
        torch.testing.assert_close(ours, reference, rtol=1e-6, atol=1e-9)


@every_form
def test_half_precision_maps_score_as_the_same_numbers_in_double(settings):
    queries, keyframes = maps(2, 10, 100, dtype=torch.float16), maps(3, 10, 100, seed=1, dtype=torch.float16)
    torch.testing.assert_close(contextual_similarity(queries, keyframes, settings).double(),
                               naive(queries.double(), keyframes.double(), settings), rtol=2e-4, atol=1e-6)


@every_form
def test_identical_maps_score_one(settings):
    same = maps(1, 10, 64)
    assert contextual_similarity(same, same, settings).item() == pytest.approx(1.0, abs=1e-6)


@every_form
def test_constant_maps_are_finite_with_finite_gradients(settings):
    flat = torch.full((1, 10, 40), 0.1).requires_grad_()
    other = maps(1, 10, 30, dtype=torch.float32).requires_grad_()
    for a, b in ((flat, other), (other, flat), (flat, flat)):
        value = contextual_similarity(a, b, settings).sum()
        assert torch.isfinite(value)
        assert all(torch.isfinite(g).all() for g in torch.autograd.grad(value, {id(t): t for t in (a, b)}.values()))


@every_form
def test_a_nan_spoils_its_own_map_only(settings):
    queries, keyframes = maps(2, 10, 20), maps(3, 10, 20, seed=1)
    keyframes[1, 0, 5] = float('nan')
    similarity = contextual_similarity(queries, keyframes, settings)
    assert similarity[:, 1].isnan().all()
    assert similarity[:, [0, 2]].isfinite().all()


@every_form
def test_the_order_of_vectors_does_not_matter(settings):
    query, keyframes = maps(1, 10, 50)[0], maps(4, 10, 50, seed=1)
    shuffled = query[:, torch.randperm(50, generator=torch.Generator().manual_seed(0))]
    torch.testing.assert_close(contextual_similarity(query, keyframes, settings),
                               contextual_similarity(shuffled, keyframes, settings))


def test_a_symmetric_similarity_does_not_care_who_asks():
    a, b = maps(2, 10, 50), maps(3, 10, 40, seed=1)
    settings = ContextualSettings()
    torch.testing.assert_close(contextual_similarity(a, b, settings), contextual_similarity(b, a, settings).T)


def test_memory_is_bounded_by_the_block():
    """The largest tensor alive holds as many numbers as the block allows, forward and backward."""
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            result = function(*args, **(kwargs or {}))
            for tensor in result if isinstance(result, (tuple, list)) else (result,):
                if isinstance(tensor, torch.Tensor):
                    largest = max(largest, tensor.numel())
            return result

    queries, keyframes = maps(3, 4, 300, dtype=torch.float32).requires_grad_(), maps(5, 4, 300, dtype=torch.float32)
    with Watch():
        contextual_matrix(queries, keyframes, ContextualSettings(), block=30_000).sum().backward()
    assert largest <= 30_000


@pytest.mark.parametrize('queries, keyframes', [((2, 10, 5), (3, 9, 5)), ((10, 5), (10, 5)), ((0, 10, 5), (3, 10, 5)),
                                                ((2, 10, 0), (3, 10, 5))])
def test_shapes_that_do_not_fit_are_refused(queries, keyframes):
    ways = [contextual_similarity, *(functools.partial(way.contextual_matrix, settings=ContextualSettings())
                                     for way in (chunked, fused, gpu))]
    for way in ways:
        with pytest.raises(ConfigError, match='contextual similarity'):
            way(torch.zeros(queries), torch.zeros(keyframes))


def test_bandwidth_is_honoured():
    a, b = maps(1, 10, 30), maps(1, 10, 30, seed=1)
    wide, narrow = (contextual_similarity(a, b, dataclasses.replace(FORMS[0], bandwidth=h)).item() for h in (5.0, 0.1))
    assert narrow > wide
