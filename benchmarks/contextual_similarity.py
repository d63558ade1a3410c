"""Contextual similarity: the kernels for CPU and GPU beside the plain formulas and torch in bounded memory.

    taskset -c 1 python benchmarks/contextual_similarity.py --threads 1 [--json FILE]
    python benchmarks/contextual_similarity.py --only gpu --keyframes 10000 [--tiles 64,128,4,2,0,0 ...]

Milliseconds a pair, medians of passes that take turns, so that what else the machine does meets all alike. With one
thread it is the thread's processor time that counts, which a busy machine disturbs least; with more it is wall time.
The limits are the kernel's own exponential and bare multiply-adds in small loops, as often as a pair needs them; both
are measured on one thread, so they are compared with the kernel only there.

On a GPU a query meets all keyframes at once, in wall time, and the limit is that of its special-function units: 16
exponentials a clock and processor at the highest clock, one for each distance. ``of_tensor_cores`` is the share of
2,048 multiply-adds a clock and processor, Hopper's of float16, that the inner products need: 16 for each distance in
two passes, in three for the authors' form.
"""

import argparse
import json
import statistics
import subprocess
import time

import torch
from tabulate import tabulate

from dejavu_ros.files import new_file
from dejavu_ros.ops.contextual import ContextualSettings, chunked, fused, gpu
from dejavu_ros.ops.contextual.naive import contextual_pair

CHANNELS = 10
FORMS = {'paper': ContextualSettings('paper', True, False), 'paper-l2': ContextualSettings('paper', False, False),
         'authors': ContextualSettings('authors', True, False), 'symmetric': ContextualSettings('authors', True, True)}
KEYFRAMES = 64     # for the kernel on a CPU; torch is given fewer
TILES = ['64,128,4,2,0,0', '64,128,4,2,3,0', '64,128,4,2,2,0', '64,128,4,2,0,128', '64,128,4,3,0,0', '64,64,4,2,0,0',
         '64,64,4,2,3,0', '128,128,8,2,0,0']
LOOP = 50_000_000  # exponentials, or multiply-adds


def medians(ways: dict, repeats: int, threads: int) -> dict[str, float]:
    """Milliseconds of each (function, how many pairs it does), after one pass that does not count."""
    clock = time.thread_time if threads == 1 else time.perf_counter
    taken = {name: [] for name in ways}
    for _ in range(1 + repeats):
        for name, (function, pairs) in ways.items():
            began = clock()
            function()
            taken[name].append((clock() - began) * 1e3 / pairs)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def measure(cells: int, settings: ContextualSettings, repeats: int, threads: int) -> dict[str, float]:
    maps = unit_maps(1 + KEYFRAMES, cells, 'cpu')
    query, keyframes, few = maps[:1], maps[1:], maps[1:9]
    library = fused.library()
    ways = {'plain': (lambda: contextual_pair(query[0].float(), keyframes[0].float(), settings), 1),
            'chunked': (lambda: chunked.contextual_matrix(query, few, settings), len(few))}
    for name in fused.kernels():
        ways[name] = lambda name=name: fused.contextual_matrix(query, keyframes, settings, name), KEYFRAMES
    distances = cells * cells * directions(settings)
    if library:
        number = min(fused.kernels().values())
        ways['exp_limit'] = lambda: library.powers(number, LOOP), LOOP / distances
        ways['fma_limit'] = lambda: library.multiply_adds(number, LOOP), LOOP / (distances * CHANNELS)
    return medians(ways, repeats, threads)


def unit_maps(count: int, cells: int, device: str) -> torch.Tensor:
    """(count, CHANNELS, cells) float16 of unit length."""
    generator = torch.Generator(device).manual_seed(0)
    maps = torch.empty(count, CHANNELS, cells, dtype=torch.float16, device=device)
    for part in maps.split(1000):
        part.copy_(torch.nn.functional.normalize(torch.randn(part.shape, generator=generator, device=device), dim=1))
    return maps


def directions(settings: ContextualSettings) -> int:
    return 2 if settings.symmetric else 1


def cpu(arguments: argparse.Namespace) -> dict:
    best = next(iter(fused.kernels()), None)
    figures, rows = {}, []
    for cells in arguments.cells:
        for form, settings in FORMS.items():
            found = measure(cells, settings, arguments.repeats, arguments.threads)
            entry = {f'{name}_ms': value for name, value in found.items()}
            if best:
                entry |= {'ratio_vs_plain': found['plain'] / found[best],
                          'ratio_vs_chunked': found['chunked'] / found[best]}
            if best and arguments.threads == 1:
                entry['of_limits'] = (found['exp_limit'] + found['fma_limit']) / found[best]
            figures.setdefault(f'n{cells}', {})[form] = entry
            rows.append({'vectors': cells, 'form': form, **entry})
    print(tabulate(rows, headers='keys', floatfmt='.3g'))
    if arguments.threads == 1 and best:
        for row in rows:
            print(f'{row["vectors"]} vectors, {row["form"]}: {best} reaches {row["of_limits"]:.0%} of the speed of '
                  f'exponentials ({row["exp_limit_ms"]:.3f} ms) and multiply-adds ({row["fma_limit_ms"]:.3f} ms) '
                  'one after the other')
    elif not best:
        print('The kernel was not built: pip install -e . with a C++ compiler, then measure again.')
    return {'threads': arguments.threads, 'kernel': best, **figures}


def highest_clock(properties) -> float:
    """In Hz; PyTorch knows it in some versions only, the driver's program always."""
    if hasattr(properties, 'clock_rate'):
        return properties.clock_rate * 1e3
    asked = ['nvidia-smi', '--query-gpu=clocks.max.sm', '--format=csv,noheader,nounits']
    return float(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]) * 1e6


def cuda(arguments: argparse.Namespace) -> dict | None:
    """Figures of the GPU, or None where none can be had, after saying why."""
    if not torch.cuda.is_available() or not gpu.works(torch.device('cuda')):
        print('GPU: skipped,', 'Triton does not work here' if torch.cuda.is_available() else 'there is none')
        return None
    properties = torch.cuda.get_device_properties('cuda')
    clocks = properties.multi_processor_count * highest_clock(properties)  # a second, of all processors
    limit = 16 * clocks  # exponentials a second
    figures, rows = {}, []
    for cells in arguments.cells:
        maps = unit_maps(1 + arguments.keyframes, cells, 'cuda')
        query, keyframes, few = maps[:1], maps[1:], maps[1:201]
        for form, settings in FORMS.items():
            ways = {'plain': (lambda: contextual_pair(query[0].float(), keyframes[0].float(), settings), 1),
                    'chunked': (lambda: chunked.contextual_matrix(query, few, settings), len(few))}
            for name in arguments.tiles:
                tiles = gpu.Tiles(*map(int, name.split(',')))
                ways[name] = (lambda tiles=tiles: gpu.contextual_matrix(query, keyframes, settings, tiles),
                              len(keyframes))
            found = medians({name: (lambda function=function: (function(), torch.cuda.synchronize()), pairs)
                             for name, (function, pairs) in ways.items()}, arguments.repeats, threads=0)
            exponentials = cells * cells * directions(settings)
            products = 16 * exponentials * (2 if settings.form == 'paper' else 3)
            for name in arguments.tiles:
                rate = exponentials / (found[name] * 1e-3)
                entry = {'query_ms': found[name] * len(keyframes), 'plain_ms': found['plain'],
                         'ratio_vs_plain': found['plain'] / found[name],
                         'ratio_vs_chunked': found['chunked'] / found[name], 'exp_per_s': rate,
                         'of_limit': rate / limit,
                         'of_tensor_cores': products / (found[name] * 1e-3) / (2048 * clocks)}
                figures.setdefault(f'n{cells}', {}).setdefault(form, {})[name] = entry
                rows.append({'vectors': cells, 'form': form, 'tiles': name, **entry})
    print(tabulate(rows, headers='keys', floatfmt='.3g'))
    print(f'{properties.name}: a query with {arguments.keyframes} keyframes; plain_ms is one pair. Limit: {limit:.3g} '
          'exponentials a second. Tiles: rows, columns, warps, stages, halvings, registers.')
    return {'device': properties.name, 'keyframes': arguments.keyframes, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cells', type=int, nargs='+', default=[500, 1024], help='vectors of a map')
    parser.add_argument('--repeats', type=int, default=7, help='passes, of which the median counts')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--only', choices=('cpu', 'gpu'), help='one of the two (default: both)')
    parser.add_argument('--keyframes', type=int, default=10_000, help='keyframes on the GPU')
    parser.add_argument('--tiles', nargs='+', default=TILES,
                        help='fields of dejavu_ros.ops.contextual.gpu.Tiles, each set in turn')
    parser.add_argument('--json', help='also write the figures here')
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    figures = {name: section(arguments) for name, section in (('cpu', cpu), ('gpu', cuda))
               if arguments.only in (None, name)}
    if arguments.json:
        with new_file(arguments.json, 'w') as file:
            json.dump({'torch': torch.__version__, 'contextual': figures}, file, indent=2)


if __name__ == '__main__':
    main()
