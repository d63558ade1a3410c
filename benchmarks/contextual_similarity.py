"""Contextual similarity: the kernels for CPU and GPU beside the plain formulas and torch in bounded memory.

    taskset -c 1 python benchmarks/contextual_similarity.py --threads 1 [--cells 192 --channels 24] [--json FILE]
    python benchmarks/contextual_similarity.py --only gpu --keyframes 10000 [--tiles 64,128,4,2,0,0 ...]

Milliseconds a pair, medians of passes that take turns (dejavu_ros/bench/similarity.py says what the limits are). With
one thread it is the thread's processor time that counts, which a busy machine disturbs least; with more wall time.
"""

import argparse
import json

import torch
from tabulate import tabulate

from dejavu_ros.bench.similarity import on_cpu, on_gpu
from dejavu_ros.files import new_file
from dejavu_ros.ops.contextual import ContextualSettings, fused, gpu

FORMS = {'paper': ContextualSettings('paper', True, False), 'paper-l2': ContextualSettings('paper', False, False),
         'authors': ContextualSettings('authors', True, False), 'symmetric': ContextualSettings('authors', True, True)}
TILES = ['64,128,4,2,0,0', '64,128,4,2,3,0', '64,128,4,2,2,0', '64,128,4,2,0,128', '64,128,4,3,0,0', '64,64,4,2,0,0',
         '64,64,4,2,3,0', '128,128,8,2,0,0']


def cpu(arguments: argparse.Namespace) -> dict:
    best = next(iter(fused.kernels()), None)
    figures, rows = {}, []
    for cells in arguments.cells:
        for form, settings in FORMS.items():
            entry = on_cpu(cells, settings, arguments.repeats, arguments.threads, arguments.channels)
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


def cuda(arguments: argparse.Namespace) -> dict | None:
    """Figures of the GPU, or None where none can be had, after saying why."""
    if not torch.cuda.is_available() or not gpu.works(torch.device('cuda')):
        print('GPU: skipped,', 'Triton does not work here' if torch.cuda.is_available() else 'there is none')
        return None
    figures, rows = {}, []
    for cells in arguments.cells:
        for form, settings in FORMS.items():
            found = on_gpu(cells, settings, arguments.repeats, arguments.keyframes,
                           [gpu.Tiles(*map(int, name.split(','))) for name in arguments.tiles])
            for name, entry in zip(arguments.tiles, found):
                figures.setdefault(f'n{cells}', {}).setdefault(form, {})[name] = entry
                rows.append({'vectors': cells, 'form': form, 'tiles': name, **entry})
    print(tabulate(rows, headers='keys', floatfmt='.3g'))
    print(f'{torch.cuda.get_device_name()}: a query with {arguments.keyframes} keyframes; plain_ms is one pair. '
          'Tiles: rows, columns, warps, stages, halvings, registers.')
    return {'device': torch.cuda.get_device_name(), 'keyframes': arguments.keyframes, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cells', type=int, nargs='+', default=[500, 1024], help='vectors of a map')
    parser.add_argument('--channels', type=int, default=10, help='numbers of a vector, on the CPU')
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
