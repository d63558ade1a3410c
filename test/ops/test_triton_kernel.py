"""The Triton kernel against the formulas on the same stored values: by Triton's interpreter, by a GPU if one is here.

The interpreter has to be chosen before Triton is imported, so it works in a process of its own.
"""

import concurrent.futures
import importlib.util
import itertools
import multiprocessing
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.ops.contextual import ContextualSettings, chunked, contextual_similarity, gpu

needs_triton = pytest.mark.skipif(importlib.util.find_spec('triton') is None, reason='Triton is not installed')
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')
FORMS = [ContextualSettings(form, squared, symmetric)
         for form, squared, symmetric in itertools.product(('authors', 'paper'), (True, False), (True, False))]
every_form = pytest.mark.parametrize('form', FORMS, ids=lambda s: f'{s.form}-{s.squared}-{s.symmetric}')
TYPES = torch.float16, torch.bfloat16, torch.float32
# of the formulas in float64 on the same stored values
TOLERANCE = {'rtol': 1e-5, 'atol': 1e-8}
GPU_TOLERANCE = {'rtol': 2e-4, 'atol': 1e-6}  # approximate exponentials and roots, sums in the tensor cores' own order
SMALL = gpu.Tiles(rows=64, columns=64)


@pytest.fixture(scope='module')
def interpreted():
    """``gpu.contextual_matrix`` in a process where Triton interprets its kernels, in small tiles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TRITON_INTERPRET', '1')
        patch.setenv('PYTHONWARNINGS', 'ignore::RuntimeWarning')  # infinities times 0 in rows that do not count
        pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context('spawn'))
        pool.submit(os.getpid).result()  # the process starts in this environment

    def contextual_matrix(queries, keyframes, form, tiles=SMALL):
        return pool.submit(gpu.contextual_matrix, queries, keyframes, form, tiles).result()

    with pool:
        yield contextual_matrix


@needs_triton
@every_form
def test_equals_the_formulas_in_every_form(maps, formulas, interpreted, form):
    queries, keyframes = maps(1, 10, 65), maps(1, 10, 97, seed=1)
    torch.testing.assert_close(interpreted(queries, keyframes, form), formulas(queries, keyframes, form), **TOLERANCE)


@needs_triton
@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.sampled_from(FORMS), st.sampled_from(TYPES), st.sampled_from(TYPES), st.integers(1, 28), st.integers(1, 70),
       st.integers(1, 70), st.integers(0, 3), st.sampled_from([0.01, 1.0, 100.0]))
def test_equals_the_formulas_at_any_size_type_and_length(maps, formulas, interpreted, form, dtype1, dtype2, n, n1, n2,
                                                         halvings, length):
    query, keyframe = ((length * maps(1, n, cells, seed, torch.float32)).to(dtype)
                       for cells, seed, dtype in ((n1, 0, dtype1), (n2, 1, dtype2)))
    torch.testing.assert_close(interpreted(query, keyframe, form, SMALL._replace(halvings=halvings)),
                               formulas(query, keyframe, form), **TOLERANCE)


@needs_triton
def test_polynomials_are_as_good_as_exponentials(maps, interpreted):
    """T of one vector with two is 1 / (1 + 2^z), and these columns lie in the half that takes polynomials."""
    query, keyframes, form = maps(1, 10, 1), maps(12, 10, 2, seed=1), ContextualSettings('paper', symmetric=False)
    torch.testing.assert_close(interpreted(query, keyframes, form, SMALL._replace(halvings=1)),
                               interpreted(query, keyframes, form), rtol=4e-7, atol=0)


@needs_triton
@pytest.mark.parametrize('rows, columns', [(64, 32), (32, 128)])
def test_tiles_of_any_shape(maps, formulas, interpreted, rows, columns):
    query, keyframe, form = maps(1, 10, 65), maps(1, 10, 97, seed=1), ContextualSettings()
    torch.testing.assert_close(interpreted(query, keyframe, form, gpu.Tiles(rows, columns)),
                               formulas(query, keyframe, form), **TOLERANCE)


@needs_triton
def test_one_launch_ranks_a_map_for_several_queries(maps, formulas, interpreted):
    """The queries are two of the keyframes seen again; the ten best are those of the formulas, in their order."""
    keyframes = maps(14, 10, 33)
    queries = torch.nn.functional.normalize(keyframes[[3, 8]].float() + 0.3 * maps(2, 10, 33, 1).float(), dim=1).half()
    form = ContextualSettings('paper', symmetric=False)
    found, expected = interpreted(queries, keyframes, form), formulas(queries, keyframes, form)
    assert found.shape == (2, 14)
    assert torch.equal(found.topk(10).indices, expected.topk(10).indices)
    assert found.argmax(1).tolist() == [3, 8]


@needs_triton
@every_form
def test_twins_equal_the_formulas(maps, formulas, interpreted, form):
    """Twins have distance 0, near twins one that is far smaller than their norms: D divides by it.

    The rounding error of such a distance depends on the order of its sums, which a library chooses by processor and by
    place in a tile. It cancels because the kernel makes a distance by the same product of the same tiles each time.
    """
    same = maps(1, 10, 40)
    near = (same + 1e-3 * maps(1, 10, 40, seed=1)).half()
    for a, b in ((same, same), (same, near), (near, same)):
        torch.testing.assert_close(interpreted(a, b, form), formulas(a, b, form), **TOLERANCE)


@needs_triton
@every_form
def test_even_maps_equal_the_formulas(maps, formulas, interpreted, form):
    """All vectors nearly one, as in a sky. Multiples of 2^-10 below 1: their sums are exact in float32 in any order."""
    flat = torch.full((1, 10, 40), 0.125).half()
    even = [((307 + (20 * maps(1, 10, 40, seed, torch.float32)).round()) / 1024).half() for seed in (0, 1)]
    for a, b in ((flat, flat), (flat, even[0]), (even[0], even[0]), even):
        torch.testing.assert_close(interpreted(a, b, form), formulas(a, b, form), **TOLERANCE)


@needs_triton
@pytest.mark.parametrize('form', [FORMS[1], FORMS[-1]], ids=['authors', 'paper'])
@pytest.mark.parametrize('value', [float('nan'), float('inf'), 3e4])
def test_what_is_not_a_number_or_too_long_spoils_its_own_map_only(maps, interpreted, form, value):
    query, keyframes = maps(1, 10, 20), maps(2, 10, 40, seed=1)
    keyframes[1, 2, 35] = value
    for similarity in interpreted(query, keyframes, form)[0], interpreted(keyframes, query, form)[:, 0]:
        assert similarity.isnan().tolist() == [False, True]


@needs_triton
@pytest.mark.parametrize('bandwidth', [0.01, 100.0])
def test_any_bandwidth(maps, formulas, interpreted, bandwidth):
    queries, keyframes = maps(1, 10, 33), maps(1, 10, 40, seed=1)
    form = ContextualSettings(bandwidth=bandwidth)
    torch.testing.assert_close(interpreted(queries, keyframes, form), formulas(queries, keyframes, form), **TOLERANCE)


@needs_triton
@pytest.mark.skipif(os.environ.get('TRITON_INTERPRET') == '1', reason='Triton only interprets in this environment')
def test_compiles_to_tensor_core_instructions(tmp_path, monkeypatch):
    """For a GPU that need not be here: what the interpreter lets pass, the compiler may not."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from dejavu_ros.ops.contextual.triton_kernel import contextual_kernel
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    constants = {'N': 10, 'CHANNELS': 16, 'PAPER': False, 'SQUARED': True, 'SYMMETRIC': False, 'ROWS': 64,
                 'COLUMNS': 128, 'HALVINGS': 3}
    types = dict.fromkeys(['queries', 'keyframes', 'lifted'], '*fp16') | dict.fromkeys(
        ['similarities', 'statistics'], '*fp32') | {'next_pair': '*i32', 'bandwidth': 'fp32', 'epsilon': 'fp32'}
    signature = {name: 'constexpr' if name in constants else types.get(name, 'i32')
                 for name in contextual_kernel.arg_names}
    compiled = triton.compile(ASTSource(contextual_kernel, signature, constants), GPUTarget('cuda', 90, 32),
                              {'num_warps': 4, 'num_stages': 2, 'enable_fp_fusion': True})
    assert 'wgmma' in compiled.asm['ptx']


def test_maps_on_a_cpu_gradients_and_double_precision_are_left_to_others(maps):
    a = maps(1, 10, 20)
    assert not gpu.fits(a, a)
    assert contextual_similarity(a.double(), a.double()).dtype == torch.float64


def test_without_triton_the_answer_is_that_of_torch(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert not gpu.works.__wrapped__(torch.device('cuda'))


def test_where_triton_cannot_compile_it_says_so_and_torch_is_used(monkeypatch):
    def fail(*_):
        raise RuntimeError('Failed to find C compiler.\nPlease specify')

    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (9, 0))
    monkeypatch.setattr(torch, 'ones', lambda *shape, **_: None)
    monkeypatch.setattr(gpu, 'contextual_matrix', fail)
    with pytest.warns(UserWarning, match=r'does not work here \(RuntimeError: Failed to find C compiler.\): .* torch'):
        assert not gpu.works.__wrapped__(torch.device('cuda'))


def test_maps_that_fit_go_to_the_kernel(maps, monkeypatch):
    monkeypatch.setattr(gpu, 'fits', lambda queries, keyframes: True)
    monkeypatch.setattr(gpu, 'contextual_matrix', lambda queries, keyframes, form: torch.full((1, 3), 0.25))
    a = maps(1, 10, 20, dtype=torch.float64)  # the CPU's kernel leaves these
    assert contextual_similarity(a[0], maps(3, 10, 20, dtype=torch.float64)).tolist() == [0.25] * 3


@needs_triton
@needs_cuda
@every_form
@pytest.mark.parametrize('dtype', TYPES, ids=str)
@pytest.mark.parametrize('halvings', [0, 3])
def test_equals_the_formulas_on_a_gpu(maps, formulas, form, dtype, halvings):
    for n, n1, n2 in (10, 1024, 1024), (10, 500, 129), (3, 1, 77), (16, 67, 1), (24, 192, 192):
        queries, keyframes = maps(2, n, n1, dtype=dtype).cuda(), maps(3, n, n2, seed=1, dtype=dtype).cuda()
        assert gpu.fits(queries, keyframes)
        torch.testing.assert_close(gpu.contextual_matrix(queries, keyframes, form, gpu.Tiles(halvings=halvings)),
                                   formulas(queries, keyframes, form), **GPU_TOLERANCE)


@needs_triton
@needs_cuda
@pytest.mark.parametrize('form', [FORMS[0], FORMS[-1]], ids=['authors', 'paper'])
def test_more_keyframes_than_programs_equal_torch_on_a_gpu(maps, form):
    queries, keyframes = maps(2, 10, 300).cuda(), maps(2000, 10, 300, seed=1).cuda()
    torch.testing.assert_close(contextual_similarity(queries, keyframes, form),
                               chunked.contextual_matrix(queries, keyframes, form), **GPU_TOLERANCE)
