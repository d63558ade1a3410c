"""Contextual similarity on the CPU: the compiled kernel beside the plain formulas and torch in bounded memory.

    taskset -c 1 python benchmarks/contextual_similarity.py --threads 1 [--json FILE]

Milliseconds a pair, medians of passes that take turns, so that what else the machine does meets all alike. With one
thread it is the thread's processor time that counts, which a busy machine disturbs least; with more it is wall time.
The limits are the kernel's own exponential and bare multiply-adds in small loops, as often as a pair needs them; both
are measured on one thread, so they are compared with the kernel only there.
"""

import argparse
import json
import statistics
import time

import torch
from tabulate import tabulate

from dejavu_ros.files import new_file
from dejavu_ros.ops.contextual import ContextualSettings, chunked, fused
from dejavu_ros.ops.contextual.naive import contextual_pair

CHANNELS = 10
FORMS = {'paper': ContextualSettings('paper', True, False), 'paper-l2': ContextualSettings('paper', False, False),
         'authors': ContextualSettings('authors', True, False), 'symmetric': ContextualSettings('authors', True, True)}
KEYFRAMES = 64     # for the kernel; torch is given fewer
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
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(1 + KEYFRAMES, CHANNELS, cells, generator=generator)
    maps = torch.nn.functional.normalize(maps, dim=1).half()
    query, keyframes, few = maps[:1], maps[1:], maps[1:9]
    library = fused.library()
    ways = {'plain': (lambda: contextual_pair(query[0].float(), keyframes[0].float(), settings), 1),
            'chunked': (lambda: chunked.contextual_matrix(query, few, settings), len(few))}
    for name in fused.kernels():
        ways[name] = lambda name=name: fused.contextual_matrix(query, keyframes, settings, name), KEYFRAMES
    directions = 2 if settings.symmetric else 1
    distances = cells * cells * directions
    if library:
        number = min(fused.kernels().values())
        ways['exp_limit'] = lambda: library.powers(number, LOOP), LOOP / distances
        ways['fma_limit'] = lambda: library.multiply_adds(number, LOOP), LOOP / (distances * CHANNELS)
    return medians(ways, repeats, threads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cells', type=int, nargs='+', default=[500, 1024], help='vectors of a map')
    parser.add_argument('--repeats', type=int, default=7, help='passes, of which the median counts')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--json', help='also write the figures here')
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
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
    if arguments.json:
        with new_file(arguments.json, 'w') as file:
            json.dump({'threads': arguments.threads, 'kernel': best, 'torch': torch.__version__,
                       'contextual': {'cpu': figures}}, file, indent=2)


if __name__ == '__main__':
    main()
