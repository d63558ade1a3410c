"""Contextual similarity of many pairs on the CPU by the compiled kernel (fused.cpp), where there is one."""

import ctypes
import functools
from pathlib import Path

import torch
from torch.autograd.function import once_differentiable

from dejavu_ros.ops.contextual.settings import EPSILON, ContextualSettings
from dejavu_ros.ops.contextual.shapes import check_shapes

FOLDER = Path(__file__).parent
TYPES = torch.float16, torch.float32


class Maps(ctypes.Structure):
    """As in fused.cpp."""

    _fields_ = [('values', ctypes.c_void_p), ('count', ctypes.c_int64), ('n', ctypes.c_int), ('cells', ctypes.c_int),
                ('half', ctypes.c_bool)]

    def __init__(self, maps: torch.Tensor):
        super().__init__(maps.data_ptr(), *maps.shape, maps.dtype == torch.float16)


class Form(ctypes.Structure):
    """As in fused.cpp."""

    _fields_ = [('paper', ctypes.c_bool), ('squared', ctypes.c_bool), ('symmetric', ctypes.c_bool),
                ('bandwidth', ctypes.c_float), ('epsilon', ctypes.c_float)]

    def __init__(self, settings: ContextualSettings):
        super().__init__(settings.form == 'paper', settings.squared, settings.symmetric, settings.bandwidth, EPSILON)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernel, or None where it was not built: then everything works, slower."""
    for path in sorted(FOLDER.glob('_fused*.so')):
        try:
            found = ctypes.CDLL(str(path))
            pointer, whole, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
            problem = [whole, whole, ctypes.POINTER(Maps), ctypes.POINTER(Maps), ctypes.POINTER(Form)]
            found.kernel_name.argtypes, found.kernel_name.restype = [whole], ctypes.c_char_p
            found.contextual_matrix.argtypes, found.contextual_matrix.restype = problem + [pointer] * 3, None
            found.contextual_gradients.argtypes, found.contextual_gradients.restype = problem + [pointer] * 5, None
            for limit in (found.powers, found.multiply_adds):
                limit.argtypes, limit.restype = [whole, ctypes.c_int64], real
            return found
        except (OSError, AttributeError):  # built for another machine, or from other sources
            continue
    return None


def kernels() -> dict[str, int]:
    """Kernels that this processor can run, fastest first: name to number."""
    names, number = {}, 0
    while library() and (name := library().kernel_name(number)) is not None:
        if name:
            names[name.decode()] = number
        number += 1
    return names


def fits(queries: torch.Tensor, keyframes: torch.Tensor) -> bool:
    """Whether the kernel is there and takes these maps: float16 or float32, on the CPU."""
    return (all(m.device.type == 'cpu' and m.dtype in TYPES for m in (queries, keyframes))
            and library() is not None)


def contextual_matrix(queries: torch.Tensor, keyframes: torch.Tensor, settings: ContextualSettings,
                      kernel: str | None = None) -> torch.Tensor:
    """CX of every query (Q, n, N1) with every keyframe (K, n, N2): (Q, K) float32.

    ``kernel`` is one of ``kernels()``, by default the fastest. Pairs are shared among torch's threads, in the backward
    pass parts of 256 rows of a pair; each works in 4 rows of distances. Gradients are float32 sums, the same bits on
    any number of threads. There are no second derivatives.
    """
    check_shapes(queries, keyframes)
    number = next(iter(kernels().values())) if kernel is None else kernels()[kernel]
    return Fused.apply(queries.contiguous(), keyframes.contiguous(), settings, number)


class Fused(torch.autograd.Function):
    """CX of contiguous maps (Q, n, N1) and (K, n, N2) by the kernel of this number: (Q, K)."""

    @staticmethod
    def forward(ctx, queries: torch.Tensor, keyframes: torch.Tensor, settings: ContextualSettings,
                kernel: int) -> torch.Tensor:
        (q, _, n1), (k, _, n2) = queries.shape, keyframes.shape
        best_query = best_keyframe = None  # which vector is the best for each of the other map
        if any(ctx.needs_input_grad) and settings.form == 'authors':
            best_query, best_keyframe = (torch.empty(q, k, cells, dtype=torch.int32) for cells in (n2, n1))
        similarity = torch.empty(q, k, dtype=torch.float32)
        library().contextual_matrix(kernel, torch.get_num_threads(), Maps(queries), Maps(keyframes), Form(settings),
                                    address(similarity), address(best_query), address(best_keyframe))
        ctx.settings, ctx.kernel = settings, kernel
        ctx.save_for_backward(queries, keyframes, best_query, best_keyframe)
        return similarity

    @staticmethod
    @once_differentiable
    def backward(ctx, by_similarity: torch.Tensor):
        queries, keyframes, best_query, best_keyframe = ctx.saved_tensors
        by_similarity = by_similarity.contiguous()
        by_queries, by_keyframes = (torch.zeros(part.shape, dtype=torch.float32) for part in (queries, keyframes))
        library().contextual_gradients(
            ctx.kernel, torch.get_num_threads(), Maps(queries), Maps(keyframes), Form(ctx.settings),
            address(by_similarity), address(best_query), address(best_keyframe), address(by_queries),
            address(by_keyframes))
        return by_queries.to(queries.dtype), by_keyframes.to(keyframes.dtype), None, None


def address(tensor: torch.Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
