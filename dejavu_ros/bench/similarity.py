"""Contextual similarity: the kernels beside the plain formulas and torch in bounded memory, in milliseconds a pair."""

import subprocess
import time
from collections.abc import Callable, Sequence

import torch

from dejavu_ros.bench.turns import medians
from dejavu_ros.ops.contextual import ContextualSettings, chunked, fused, gpu
from dejavu_ros.ops.contextual.naive import contextual_pair

CHANNELS = 10      # of the published network
KEYFRAMES = 64     # for the kernel on a CPU; torch is given fewer
LOOP = 50_000_000  # exponentials, or multiply-adds


def on_cpu(cells: int, settings: ContextualSettings, repeats: int, threads: int,
           channels: int = CHANNELS) -> dict[str, float]:
    """``NAME_ms`` of each way and ratios, for maps of ``cells`` vectors with so many ``channels``.

    The limits are the kernel's own exponential and bare multiply-adds in small loops, as often as a pair needs them.
    Both are measured on one thread, and compared with the kernel only there.
    """
    maps = unit_maps(1 + KEYFRAMES, cells, 'cpu', channels)
    query, keyframes, few = maps[:1], maps[1:], maps[1:9]
    library, kernels = fused.library(), fused.kernels()
    ways = {'plain': (lambda: contextual_pair(query[0].float(), keyframes[0].float(), settings), 1),
            'chunked': (lambda: chunked.contextual_matrix(query, few, settings), len(few))}
    for name in kernels:
        ways[name] = lambda name=name: fused.contextual_matrix(query, keyframes, settings, name), KEYFRAMES
    distances = cells * cells * directions(settings)
    if library:
        number = min(kernels.values())
        ways['exp_limit'] = lambda: library.powers(number, LOOP), LOOP / distances
        ways['fma_limit'] = lambda: library.multiply_adds(number, LOOP), LOOP / (distances * channels)
    found = each(ways, repeats, time.thread_time if threads == 1 else time.perf_counter)
    figures = {f'{name}_ms': value for name, value in found.items()}
    if kernels:
        best = next(iter(kernels))
        figures |= {'ratio_vs_plain': found['plain'] / found[best], 'ratio_vs_chunked': found['chunked'] / found[best]}
        if threads == 1:
            figures['of_limits'] = (found['exp_limit'] + found['fma_limit']) / found[best]
    return figures


def on_gpu(cells: int, settings: ContextualSettings, repeats: int, keyframes: int,
           tilings: Sequence[gpu.Tiles] = (gpu.Tiles(),)) -> list[dict[str, float]]:
    """Figures of each way to cut the work, for a query that meets all ``keyframes`` at once, in wall time.

    The limit is that of the special-function units: 16 exponentials a clock and processor at the highest clock, one for
    each distance. ``of_tensor_cores`` is the share of 2,048 multiply-adds a clock and processor, Hopper's of float16,
    that the inner products need: 16 for each distance in two passes, in three for the authors' form.
    """
    maps = unit_maps(1 + keyframes, cells, 'cuda')
    query, stored, few = maps[:1], maps[1:], maps[1:201]
    ways = {'plain': (lambda: contextual_pair(query[0].float(), stored[0].float(), settings), 1),
            'chunked': (lambda: chunked.contextual_matrix(query, few, settings), len(few))}
    ways |= {str(tiles): (lambda tiles=tiles: gpu.contextual_matrix(query, stored, settings, tiles), keyframes)
             for tiles in tilings}
    found = each({name: (lambda function=function: (function(), torch.cuda.synchronize()), pairs)
                  for name, (function, pairs) in ways.items()}, repeats, time.perf_counter)
    properties = torch.cuda.get_device_properties('cuda')
    clocks = properties.multi_processor_count * highest_clock(properties)  # a second, of all processors
    exponentials = cells * cells * directions(settings)
    products = 16 * exponentials * (2 if settings.form == 'paper' else 3)
    rows = []
    for spent in (found[str(tiles)] for tiles in tilings):
        rate = exponentials / (spent * 1e-3)
        rows.append({'query_ms': spent * keyframes, 'plain_ms': found['plain'],
                     'ratio_vs_plain': found['plain'] / spent, 'ratio_vs_chunked': found['chunked'] / spent,
                     'exp_per_s': rate, 'of_limit': rate / (16 * clocks),
                     'of_tensor_cores': products / (spent * 1e-3) / (2048 * clocks)})
    return rows


def each(ways: dict[str, tuple[Callable[[], object], float]], repeats: int,
         clock: Callable[[], float]) -> dict[str, float]:
    """Milliseconds a pair of each (function, how many pairs it does)."""
    taken = medians({name: function for name, (function, _) in ways.items()}, repeats, clock)
    return {name: spent / ways[name][1] for name, spent in taken.items()}


def unit_maps(count: int, cells: int, device: str, channels: int = CHANNELS) -> torch.Tensor:
    """(count, channels, cells) float16 of unit length."""
    generator = torch.Generator(device).manual_seed(0)
    maps = torch.empty(count, channels, cells, dtype=torch.float16, device=device)
    for part in maps.split(1000):
        part.copy_(torch.nn.functional.normalize(torch.randn(part.shape, generator=generator, device=device), dim=1))
    return maps


def directions(settings: ContextualSettings) -> int:
    return 2 if settings.symmetric else 1


def highest_clock(properties) -> float:
    """In Hz; PyTorch knows it in some versions only, the driver's program always."""
    if hasattr(properties, 'clock_rate'):
        return properties.clock_rate * 1e3
    asked = ['nvidia-smi', '--query-gpu=clocks.max.sm', '--format=csv,noheader,nounits']
    return float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]) * 1e6
