"""The compiled kernel against the formulas on the same stored values, and life without it."""

import itertools

import pytest
import torch

from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity, fused
from dejavu_ros.ops.contextual.chunked import contextual_matrix as chunked

FORMS = [ContextualSettings(form, squared, symmetric)
         for form, squared, symmetric in itertools.product(('authors', 'paper'), (True, False), (True, False))]
every_form = pytest.mark.parametrize('settings', FORMS, ids=lambda s: f'{s.form}-{s.squared}-{s.symmetric}')
# every kernel that this processor has; one test below covers a machine that has none
every_kernel = pytest.mark.parametrize('kernel', list(fused.kernels()) or [
    pytest.param('', marks=pytest.mark.skip('the kernel was not built: pip install -e . with a C++ compiler'))])
TYPES = [torch.float16, torch.float32]
TOLERANCE = {'rtol': 2e-6, 'atol': 0}  # of the formulas in float64 on the same stored values, for both types


@every_kernel
@every_form
@pytest.mark.parametrize('dtype', TYPES, ids=str)
@pytest.mark.parametrize('n, n1, n2', [(10, 63, 63), (10, 500, 129), (3, 1, 77), (16, 67, 1), (24, 192, 129)])
def test_equals_the_formulas(maps, formulas, kernel, settings, dtype, n, n1, n2):
    queries, keyframes = maps(2, n, n1, dtype=dtype), maps(3, n, n2, seed=1, dtype=dtype)
    torch.testing.assert_close(fused.contextual_matrix(queries, keyframes, settings, kernel),
                               formulas(queries, keyframes, settings), **TOLERANCE)


@every_kernel
@pytest.mark.parametrize('settings', [FORMS[0], FORMS[-1]], ids=['authors', 'paper'])
def test_equals_the_formulas_on_large_maps(maps, formulas, kernel, settings):
    queries, keyframes = maps(1, 10, 500), maps(1, 10, 1000, seed=1)
    torch.testing.assert_close(fused.contextual_matrix(queries, keyframes, settings, kernel),
                               formulas(queries, keyframes, settings), **TOLERANCE)


@every_kernel
@every_form
def test_maps_that_are_alike_equal_the_formulas(maps, formulas, kernel, settings):
    """Twins have distance 0, near twins one that float16 rounds: D divides by both."""
    same = maps(2, 10, 100, dtype=torch.float32)
    near = same + 1e-3 * maps(2, 10, 100, seed=1, dtype=torch.float32)
    flat = torch.full((1, 10, 40), 0.1)
    for a, b in ((same, same), (same, near), (same.half(), near.half()), (flat, flat), (flat, same), (same, flat)):
        torch.testing.assert_close(fused.contextual_matrix(a, b, settings, kernel), formulas(a, b, settings),
                                   **TOLERANCE)


@every_kernel
@every_form
@pytest.mark.parametrize('spread', [1e-4, 1e-3, 1e-2])
def test_even_maps_equal_the_formulas(maps, formulas, kernel, settings, spread):
    """All vectors nearly one, as in a sky: their distances are far smaller than their norms."""
    a, b = (0.3 + spread * maps(2, 10, 70, seed, torch.float32) for seed in (0, 1))
    torch.testing.assert_close(fused.contextual_matrix(a, b, settings, kernel), formulas(a, b, settings),
                               **TOLERANCE)


@every_kernel
@every_form
@pytest.mark.parametrize('dtype', TYPES, ids=str)
@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
def test_what_is_not_a_number_counts_as_in_the_formulas(maps, formulas, kernel, settings, dtype, value):
    good, bad = maps(2, 10, 70, dtype=dtype), maps(3, 10, 40, seed=1, dtype=dtype)
    bad[1, 2, 35] = value
    for a, b in ((good, bad), (bad, good)):
        torch.testing.assert_close(fused.contextual_matrix(a, b, settings, kernel), formulas(a, b, settings),
                                   **TOLERANCE, equal_nan=True)


@every_kernel
def test_reads_every_float16_as_it_is(maps, kernel):
    """All 63488 finite values, down to the subnormal ones, as coordinates: their distances overflow as in float32."""
    bits = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16).view(torch.float16)
    every = bits[bits.isfinite()].reshape(62, 1, 1024)[:, :, ::8].contiguous()
    settings, few = ContextualSettings(), maps(1, 1, 30)
    torch.testing.assert_close(fused.contextual_matrix(few, every, settings, kernel),
                               fused.contextual_matrix(few.float(), every.float(), settings, kernel), rtol=0, atol=0)


@every_kernel
@pytest.mark.parametrize('bandwidth', [1e-3, 0.1, 100.0])
def test_any_bandwidth(maps, kernel, bandwidth):
    a, b = maps(1, 10, 65, dtype=torch.float32), maps(2, 10, 65, seed=1, dtype=torch.float32)
    for form in 'authors', 'paper':
        settings = ContextualSettings(form, bandwidth=bandwidth)
        torch.testing.assert_close(fused.contextual_matrix(a, b, settings, kernel).double(),
                                   chunked(a.double(), b.double(), settings), rtol=1e-4, atol=1e-30)


@every_kernel
def test_parts_of_larger_tensors_and_any_number_of_threads(maps, kernel):
    stored = maps(9, 10, 50)
    view, settings, threads = stored[::2, :, 3:40], ContextualSettings(), torch.get_num_threads()
    expected = fused.contextual_matrix(view.clone(), view.clone(), settings, kernel)
    try:
        for count in 1, 3, 40:
            torch.set_num_threads(count)
            assert torch.equal(fused.contextual_matrix(view, view, settings, kernel), expected)
    finally:
        torch.set_num_threads(threads)


@every_form
def test_without_the_kernel_the_answer_is_the_same(maps, settings, tmp_path, monkeypatch):
    queries, keyframes = maps(2, 10, 63), maps(3, 10, 50, seed=1)
    usual = contextual_similarity(queries, keyframes, settings)
    (tmp_path / '_fused.so').write_text('built for another machine')
    monkeypatch.setattr(fused, 'FOLDER', tmp_path)
    fused.library.cache_clear()
    try:
        assert not fused.fits(queries, keyframes)
        assert fused.kernels() == {}
        torch.testing.assert_close(contextual_similarity(queries, keyframes, settings), usual, rtol=2e-4, atol=1e-6)
    finally:
        fused.library.cache_clear()


def test_double_precision_and_other_devices_are_left_to_torch(maps):
    a = maps(1, 10, 20, dtype=torch.float32)
    assert not fused.fits(a.double(), a)
    assert not fused.fits(a.to('meta'), a)
    assert contextual_similarity(a.double(), a.double()).dtype == torch.float64
