"""Contextual similarity of many pairs on the CPU by the compiled kernel (fused.cpp), where there is one."""

import ctypes
import functools
from pathlib import Path

import torch

from dejavu_ros.ops.contextual.settings import EPSILON, ContextualSettings

FOLDER = Path(__file__).parent
TYPES = torch.float16, torch.float32


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernel, or None where it was not built: then everything works, slower."""
    for path in sorted(FOLDER.glob('_fused*.so')):
        try:
            found = ctypes.CDLL(str(path))
            pointer, whole, real, yes = ctypes.c_void_p, ctypes.c_int, ctypes.c_float, ctypes.c_bool
            found.kernel_name.argtypes, found.kernel_name.restype = [whole], ctypes.c_char_p
            found.contextual_matrix.argtypes = [whole, pointer, yes, pointer, yes, ctypes.c_int64, ctypes.c_int64,
                                                whole, whole, whole, yes, yes, yes, real, real, whole, pointer]
            found.contextual_matrix.restype = None
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
    """Whether the kernel is there and takes these maps: float16 or float32, on the CPU, without gradients."""
    maps = queries, keyframes
    return (all(m.device.type == 'cpu' and m.dtype in TYPES for m in maps)
            and not (torch.is_grad_enabled() and any(m.requires_grad for m in maps))
            and library() is not None)


def contextual_matrix(queries: torch.Tensor, keyframes: torch.Tensor, settings: ContextualSettings,
                      kernel: str | None = None) -> torch.Tensor:
    """CX of every query (Q, n, N1) with every keyframe (K, n, N2): (Q, K) float32.

    ``kernel`` is one of ``kernels()``, by default the fastest. Pairs are shared among torch's threads; each works in
    4 rows of distances.
    """
    queries, keyframes = queries.contiguous(), keyframes.contiguous()
    number = next(iter(kernels().values())) if kernel is None else kernels()[kernel]
    (q, n, n1), (k, _, n2) = queries.shape, keyframes.shape
    similarity = torch.empty(q, k)
    library().contextual_matrix(
        number, queries.data_ptr(), queries.dtype == torch.float16, keyframes.data_ptr(),
        keyframes.dtype == torch.float16, q, k, n, n1, n2, settings.form == 'paper', settings.squared,
        settings.symmetric, settings.bandwidth, EPSILON, torch.get_num_threads(), similarity.data_ptr())
    return similarity
