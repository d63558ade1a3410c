"""Gradients of the compiled kernel against autograd of the formulas in float64 on the same stored values."""

import functools
import itertools

import pytest
import torch
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity, fused
from dejavu_ros.ops.contextual.naive import contextual_pair

FORMS = [ContextualSettings(form, squared, symmetric)
         for form, squared, symmetric in itertools.product(('authors', 'paper'), (True, False), (True, False))]
every_form = pytest.mark.parametrize('settings', FORMS, ids=lambda s: f'{s.form}-{s.squared}-{s.symmetric}')
every_kernel = pytest.mark.parametrize('kernel', list(fused.kernels()) or [
    pytest.param('', marks=pytest.mark.skip('the kernel was not built: pip install -e . with a C++ compiler'))])
TOLERANCE = 5e-6  # of the largest gradient of a side
HALF = 2.0 ** -11  # what rounding to float16 adds
CLEAR = 1e-6  # of distances, and of exponents: more than float32 loses


@pytest.fixture(scope='session')
def maps(maps):
    """As those of every test here, in single precision: gradients of float16 are rounded."""
    return functools.partial(maps, dtype=torch.float32)


def weights(queries, keyframes):
    """A loss's gradient by the similarities, of both signs."""
    return torch.randn(len(queries), len(keyframes), generator=torch.Generator().manual_seed(2))


def gradients(queries, keyframes, settings, kernel=None, factors=None):
    """Similarities, and gradients by both sides of their sum times ``factors``."""
    sides = [part.detach().requires_grad_() for part in (queries, keyframes)]
    similarity = fused.contextual_matrix(*sides, settings, kernel)
    factors = weights(queries, keyframes) if factors is None else factors
    return similarity.detach(), *torch.autograd.grad(similarity, sides, factors)


def expected(queries, keyframes, settings):
    """The same by the formulas in float64."""
    sides = [part.detach().double().requires_grad_() for part in (queries, keyframes)]
    similarity = torch.stack([torch.stack([contextual_pair(q, k, settings) for k in sides[1]]) for q in sides[0]])
    return similarity.detach(), *torch.autograd.grad(similarity, sides, weights(queries, keyframes).double())


def assert_equal_to_the_formulas(queries, keyframes, settings, kernel):
    similarity, *ours = gradients(queries, keyframes, settings, kernel)
    right, *reference = expected(queries, keyframes, settings)
    torch.testing.assert_close(similarity.double(), right, rtol=2e-6, atol=0)
    for side, gradient, wanted in zip((queries, keyframes), ours, reference):
        assert gradient.dtype == side.dtype and gradient.shape == side.shape
        tolerance = TOLERANCE if side.dtype == torch.float32 else TOLERANCE + HALF
        assert (gradient.double() - wanted).abs().max() <= tolerance * wanted.abs().max() + 1e-7


@every_kernel
@every_form
@pytest.mark.parametrize('types', [(torch.float32, torch.float32), (torch.float16, torch.float32)], ids=str)
@pytest.mark.parametrize('n, n1, n2', [(10, 63, 63), (7, 301, 130), (10, 129, 513), (3, 1, 77), (16, 67, 1),
                                       (24, 192, 130)])
def test_equal_the_formulas(maps, kernel, settings, types, n, n1, n2):
    assert_equal_to_the_formulas(maps(2, n, n1, dtype=types[0]), maps(3, n, n2, seed=1, dtype=types[1]), settings,
                                 kernel)


def best_are_clear(queries, keyframes, settings):
    """Whether rounding cannot choose which distance is the least of a row, and which T the best of a column: gradients
    go through these alone, so between equals either way is right.
    """
    between = torch.cdist(queries.double()[:, None].mT, keyframes.double()[None].mT)  # (Q, K, N1, N2)
    for d in (between, between.mT):
        d = d**2 if settings.squared else d
        z = -d / (settings.bandwidth * (d.amin(3, keepdim=True) + 1e-5))
        at_stake = [(-d, 3, 1.0), (z - z.logsumexp(3, keepdim=True), 2, 1 + z.abs().max())]
        for values, axis, scale in at_stake:
            best = values.topk(min(2, values.shape[axis]), axis).values
            if best.shape[axis] == 2 and (best.diff(dim=axis).abs() <= CLEAR * scale).any():
                return False
    return True


@every_kernel
@hypothesis_settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_equal_the_formulas_at_any_size_and_bandwidth(maps, kernel, data):
    whole = st.integers
    settings = ContextualSettings(data.draw(st.sampled_from(['authors', 'paper'])), data.draw(st.booleans()),
                                  data.draw(st.booleans()), data.draw(st.floats(0.2, 100.0)))
    n, seed = data.draw(whole(4, 20)), data.draw(whole(0, 1000))
    queries = maps(data.draw(whole(1, 3)), n, data.draw(whole(1, 100)), seed)
    keyframes = maps(data.draw(whole(1, 3)), n, data.draw(whole(1, 100)), seed + 1)
    assume(best_are_clear(queries, keyframes, settings))
    assert_equal_to_the_formulas(queries, keyframes, settings, kernel)


@every_kernel
@every_form
def test_maps_that_are_alike_equal_the_formulas(maps, kernel, settings):
    """Twins have distance 0, near twins distances far smaller than their norms."""
    same = maps(2, 10, 100)
    near = same + 1e-2 * maps(2, 10, 100, seed=1)
    even = [0.3 + 1e-2 * maps(2, 10, 70, seed) for seed in (0, 1)]
    for a, b in ((same, same), (same, near), even):
        assert_equal_to_the_formulas(a, b, settings, kernel)


@every_kernel
@every_form
def test_constant_maps_have_finite_gradients(maps, kernel, settings):
    flat, other = torch.full((1, 10, 40), 0.1), maps(1, 10, 30)
    for a, b in ((flat, flat), (flat, other), (other, flat)):
        assert all(part.isfinite().all() for part in gradients(a, b, settings, kernel))


@every_kernel
@every_form
def test_any_number_of_threads_gives_the_same_bits(maps, kernel, settings):
    queries, keyframes = maps(3, 10, 300), maps(5, 10, 530, seed=1)
    threads, found = torch.get_num_threads(), []
    try:
        for count in 1, 2, 2, 7:
            torch.set_num_threads(count)
            found.append(gradients(queries, keyframes, settings, kernel))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for others in found[1:] for one, other in zip(found[0], others))


@every_kernel
@every_form
def test_a_nan_spoils_the_gradients_of_the_pairs_that_count_only(maps, kernel, settings):
    queries, keyframes = maps(2, 10, 20), maps(3, 10, 30, seed=1)
    keyframes[1, 0, 5] = float('nan')
    _, by_queries, by_keyframes = gradients(queries, keyframes, settings, kernel)
    assert by_queries.isnan().all() and by_keyframes[1].isnan().all()
    assert by_keyframes[[0, 2]].isfinite().all()
    without = torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]])
    _, by_queries, by_keyframes = gradients(queries, keyframes, settings, kernel, without)
    assert by_queries.isfinite().all() and by_keyframes.isfinite().all() and (by_keyframes[1] == 0).all()


@every_kernel
@pytest.mark.parametrize('value', [float('inf'), float('-inf'), 1e30])
def test_what_overflows_stays_within_its_pairs(maps, kernel, value):
    queries, keyframes = maps(2, 10, 20), maps(3, 10, 30, seed=1)
    keyframes[1, 0] = value
    for settings in FORMS:
        assert gradients(queries, keyframes, settings, kernel)[2][[0, 2]].isfinite().all()


@every_kernel
@every_form
def test_similarities_with_and_without_gradients_are_the_same_bits(maps, kernel, settings):
    queries, keyframes = maps(2, 10, 130), maps(3, 10, 67, seed=1)
    assert torch.equal(gradients(queries, keyframes, settings, kernel)[0],
                       fused.contextual_matrix(queries, keyframes, settings, kernel))


@every_kernel
def test_parts_of_larger_tensors_and_one_side_alone(maps, kernel):
    stored, other, settings = maps(5, 10, 50).requires_grad_(), maps(2, 10, 40, seed=1), ContextualSettings()
    part = stored[::2, :, 3:40]
    found, = torch.autograd.grad(fused.contextual_matrix(part, other, settings, kernel), stored, weights(part, other))
    _, wanted, _ = gradients(part, other, settings, kernel)
    assert torch.equal(found[::2, :, 3:40], wanted)
    assert found.count_nonzero() == wanted.count_nonzero() > 0


@every_form
def test_without_the_kernel_gradients_are_the_same(maps, settings, tmp_path, monkeypatch):
    sides = [maps(2, 10, 63).requires_grad_(), maps(3, 10, 50, seed=1).requires_grad_()]
    factors = weights(*sides)
    usual = torch.autograd.grad(contextual_similarity(*sides, settings), sides, factors)
    monkeypatch.setattr(fused, 'FOLDER', tmp_path)
    fused.library.cache_clear()
    try:
        fallback = torch.autograd.grad(contextual_similarity(*sides, settings), sides, factors)
    finally:
        fused.library.cache_clear()
    for one, other in zip(usual, fallback):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5 * other.abs().max().item())


@pytest.mark.skipif(not fused.kernels(), reason='the kernel was not built: pip install -e . with a C++ compiler')
def test_training_maps_go_to_the_kernel_and_have_no_second_derivatives(maps):
    map_ = maps(1, 10, 20).requires_grad_()
    assert fused.fits(map_, map_)
    loss = contextual_similarity(map_, maps(1, 10, 30)).square().sum()
    gradient, = torch.autograd.grad(loss, map_, create_graph=True)
    with pytest.raises(RuntimeError, match='once_differentiable'):
        gradient.sum().backward()
