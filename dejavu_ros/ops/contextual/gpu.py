"""Contextual similarity of many pairs on an NVIDIA GPU by the Triton kernel, where Triton is installed."""

import functools
import importlib.util
import warnings
from typing import NamedTuple

import torch

from dejavu_ros.ops.contextual.settings import EPSILON, ContextualSettings
from dejavu_ros.ops.contextual.shapes import check_shapes

TYPES = torch.float16, torch.bfloat16, torch.float32
MOST_CHANNELS = 58  # 64 when lifted
PROGRAMS = 4        # on a processor at once; those that find no room there come late, and find no pair left


class Tiles(NamedTuple):
    """How the kernel cuts its work."""

    rows: int = 64
    columns: int = 128
    warps: int = 4      # 32 threads each
    stages: int = 2     # loads under way
    halvings: int = 0   # s > 0: 2^-s of the columns take a polynomial for their exponential
    registers: int = 0  # the most that a thread may have, 0: as many as the compiler likes


def fits(queries: torch.Tensor, keyframes: torch.Tensor) -> bool:
    """Whether the kernel works here and takes these maps: float16 to float32 on one GPU, without gradients."""
    maps = queries, keyframes
    return (all(m.is_cuda and m.dtype in TYPES for m in maps) and queries.device == keyframes.device
            and queries.shape[1] <= MOST_CHANNELS
            and not (torch.is_grad_enabled() and any(m.requires_grad for m in maps))
            and works(queries.device))


@functools.cache
def works(device: torch.device) -> bool:
    """Whether Triton is installed and compiles for this GPU, for which it needs a C compiler: tried once."""
    if (importlib.util.find_spec('triton') is None or torch.version.hip
            or torch.cuda.get_device_capability(device) < (8, 0)):
        return False
    trial = torch.ones(1, 10, 1, dtype=torch.float16, device=device)
    try:
        return contextual_matrix(trial, trial, ContextualSettings()).item() > 0.99
    except Exception as error:  # whatever fails in Triton, its compilers or the driver: torch does the same, slower
        reason = str(error).partition('\n')[0]
        warnings.warn(f'Triton is installed but does not work here ({type(error).__name__}: {reason}): contextual '
                      'similarity in plain torch, slower', stacklevel=2)
        return False


def contextual_matrix(queries: torch.Tensor, keyframes: torch.Tensor, settings: ContextualSettings,
                      tiles: Tiles = Tiles()) -> torch.Tensor:
    """CX of every query (Q, n, N1) with every keyframe (K, n, N2): (Q, K) float32, in one launch.

    Whatever Q and K are, it takes 72 KB (at N = 1024, n = 10) for each program that runs at once: 38 MB on an H200.
    Under Triton's interpreter (TRITON_INTERPRET=1, for tests) the maps are on the CPU.
    """
    check_shapes(queries, keyframes)
    from dejavu_ros.ops.contextual import triton_kernel
    queries, keyframes = queries.contiguous(), keyframes.contiguous()
    (q, n, n1), (k, _, n2) = queries.shape, keyframes.shape
    channels = max(16, 1 << (n + 5).bit_length())
    largest = max(tiles.rows, tiles.columns)
    stride = -(-max(n1, n2) // largest) * largest
    processors = torch.cuda.get_device_properties(queries.device).multi_processor_count if queries.is_cuda else 1
    programs = min(q * k, PROGRAMS * processors)
    half = torch.float32 not in (queries.dtype, keyframes.dtype)
    similarity = queries.new_empty(q, k, dtype=torch.float32)
    with torch.cuda.device_of(queries):
        triton_kernel.contextual_kernel[programs,](
            queries, keyframes, similarity,
            similarity.new_zeros(programs, 2, channels, stride, dtype=torch.float16 if half else torch.float32),
            similarity.new_empty(programs, 2, stride), similarity.new_zeros(1, dtype=torch.int32), q * k, k, n1, n2,
            stride, settings.bandwidth, EPSILON, N=n, CHANNELS=channels, PAPER=settings.form == 'paper',
            SQUARED=settings.squared, SYMMETRIC=settings.symmetric, ROWS=tiles.rows, COLUMNS=tiles.columns,
            HALVINGS=tiles.halvings, num_warps=tiles.warps, num_stages=tiles.stages,
            maxnreg=tiles.registers or None, enable_fp_fusion=True)
    return similarity
