"""Time and peak memory of contextual similarity with gradients: plain autograd, torch in bounded memory, the kernel.

    python benchmarks/contextual_loss.py [--device cuda] [--json FILE]

Each row is forward and backward, with gradients to both sides, in a process of its own. On a CPU the peak is the growth
of the process's resident memory over that before the first pass, on CUDA that of the allocator. The compiled kernel
(fused) has a row on a CPU, where it was built.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import time

import torch
from tabulate import tabulate

from dejavu_ros.files import new_file
from dejavu_ros.ops.contextual import ContextualSettings, chunked, fused
from dejavu_ros.ops.contextual.naive import contextual_pair

CHANNELS = 10
CASES = {'1 pair of 4096 x 4096': (1, 4096), '16 x 16 pairs of 192 x 192': (16, 192)}


def plain(first: torch.Tensor, second: torch.Tensor, settings: ContextualSettings) -> torch.Tensor:
    """The formulas under autograd, every intermediate result kept for the backward pass."""
    return torch.stack([torch.stack([contextual_pair(a, b, settings) for b in second]) for a in first])


WAYS = {'plain autograd': plain, 'bounded': chunked.contextual_matrix, 'fused': fused.contextual_matrix}


def resident() -> int:
    """The process's peak so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(way: str, case: str, device: str, repeats: int, threads: int) -> dict:
    """Median seconds and peak bytes of one row."""
    if threads:
        torch.set_num_threads(threads)
    count, cells = CASES[case]
    generator = torch.Generator().manual_seed(0)
    maps = [torch.nn.functional.normalize(torch.randn(count, CHANNELS, cells, generator=generator), dim=1)
            .to(device).requires_grad_() for _ in range(2)]
    # what the first backward pass loads is not what it needs
    WAYS[way](*(part[:, :, :2] for part in maps), ContextualSettings()).sum().backward()
    cuda = torch.device(device).type == 'cuda'
    start = torch.cuda.memory_allocated() if cuda else resident()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        value = WAYS[way](*maps, ContextualSettings()).sum()
        gradients = torch.autograd.grad(value, maps)
        checksum = sum(gradient.abs().sum().item() for gradient in gradients)  # also waits for a GPU
        seconds.append(time.perf_counter() - began)
    peak = (torch.cuda.max_memory_allocated() if cuda else resident()) - start
    return {'case': case, 'way': way, 'seconds': statistics.median(seconds), 'peak_mib': peak / 2**20,
            'gradient': checksum}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument('--repeats', type=int, default=3, help='passes, of which the median counts')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads (default: all cores)')
    parser.add_argument('--json', help='also write the figures here')
    arguments = parser.parse_args()
    rows, ways = [], list(WAYS)
    if arguments.device != 'cpu' or fused.library() is None:
        ways.remove('fused')
    with multiprocessing.get_context('spawn').Pool(1, maxtasksperchild=1) as pool:
        for case in CASES:
            for way in ways:
                rows.append(pool.apply(measure, (way, case, arguments.device, arguments.repeats, arguments.threads)))
    print(tabulate(rows, headers='keys', floatfmt=('', '', '.3f', '.0f', '.5g')))
    if arguments.json:
        with new_file(arguments.json, 'w') as file:
            json.dump(rows, file, indent=1)


if __name__ == '__main__':
    main()
