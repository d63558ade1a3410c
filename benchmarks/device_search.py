"""Exact search of a map on a GPU: held there, brought in chunks for each search, and on the CPU.

    python benchmarks/device_search.py [--keyframes 10000 100000 1000000] [--limit-mb 256] [--queries 1 4] [--json FILE]

Milliseconds a search from the queries in memory to the scores in memory, medians. The map lies in a temporary file
(3,840 bytes a keyframe) and consists of random vectors. ``one by one`` brings the same chunks, waiting for each copy
and each computation before the next: how much of that the overlap saves is the last column. The ten best are compared
with those of the CPU on the smallest map. With ``--device cpu`` the same code runs without a GPU, to try it.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from tabulate import tabulate

from dejavu_ros.files import new_file
from dejavu_ros.localization.device_map import DeviceMap
from dejavu_ros.localization.exact_search import ExactSearch
from dejavu_ros.nn.device import usable_device
from dejavu_ros.ops.contextual import ContextualSettings

CHANNELS, CELLS = 10, 192
SHARD = 4096     # keyframes
DIFFERENT = 8192  # keyframes, which are repeated


class Waiting(DeviceMap):
    """Nothing is done while a chunk is copied, and nothing copied while one is computed with."""

    def chunks(self, rows=None):
        for chunk in super().chunks(rows):
            self.wait()
            yield chunk
            self.wait()

    def wait(self) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)


def unit(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, CHANNELS, CELLS, generator=generator), dim=1).half()


def stored(folder: Path, count: int) -> SimpleNamespace:
    """What a search asks of a KeyframeMap."""
    path = folder / f'{count}.float16'
    vectors = unit(min(count, DIFFERENT), 0).numpy()
    with open(path, 'wb') as file:
        for start in range(0, count, len(vectors)):
            vectors[:count - start].tofile(file)
    whole = np.memmap(path, np.float16, 'r', shape=(count, CHANNELS, CELLS))
    shards = [(start, np.asarray(whole[start:start + SHARD])) for start in range(0, count, SHARD)]
    return SimpleNamespace(shards=lambda: shards, camera_index=np.zeros(count, int),
                           cameras=[SimpleNamespace(mask=None)])


def median_ms(search: ExactSearch, queries: torch.Tensor, repeats: int) -> float:
    taken = []
    for _ in range(1 + repeats):
        began = time.perf_counter()
        search(queries)
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken[1:])


def measure(keyframes: SimpleNamespace, queries: torch.Tensor, device: torch.device, limit: int, repeats: int) -> dict:
    """One row; raises RuntimeError where the GPU failed and the CPU searched."""
    size = len(keyframes.camera_index)
    row = {'keyframes': size, 'queries': len(queries)}
    everything = 2 * CHANNELS * CELLS * size
    for name, kind, allowed in (('held', DeviceMap, everything), ('brought', DeviceMap, min(limit, everything - 1)),
                                ('one by one', Waiting, min(limit, everything - 1))):
        search = ExactSearch(keyframes, ContextualSettings(), torch.device('cpu'), 0)
        search.on_gpu = kind(search.stored, device, allowed)
        began = time.perf_counter()
        search(queries)
        if name == 'held':
            row['first_ms'] = (time.perf_counter() - began) * 1e3
        row[f'{name}_ms'] = median_ms(search, queries, repeats)
        if search.problem:
            raise RuntimeError(search.problem)
        search.on_gpu.release()
    row['brought_gb_per_s'] = everything / row['brought_ms'] / 1e6
    return row | {'overlap_saves': 1 - row['brought_ms'] / row['one by one_ms']}


def same_best(keyframes: SimpleNamespace, queries: torch.Tensor, device: torch.device) -> dict:
    """How far the device's scores are from the CPU's, and whether the ten best score there as much as the CPU's own."""
    search = ExactSearch(keyframes, ContextualSettings(), torch.device('cpu'), 0)
    began = time.perf_counter()
    expected = search(queries)
    took = (time.perf_counter() - began) * 1e3
    search.on_gpu = DeviceMap(search.stored, device, 1 << 40)
    found = search(queries)
    found, expected = found[:, :DIFFERENT], expected[:, :DIFFERENT]  # the first copies tell
    ten = np.take_along_axis(expected, np.argsort(-found)[:, :10], 1)
    return {'cpu_ms': took, 'largest_relative_difference': float(np.abs(found / expected - 1).max()),
            'ten_best_agree': bool(np.allclose(ten, -np.sort(-expected)[:, :10], rtol=1e-4, atol=0))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--keyframes', type=int, nargs='+', default=[10_000, 100_000, 1_000_000])
    parser.add_argument('--queries', type=int, nargs='+', default=[1, 4], help='at once')
    parser.add_argument('--limit-mb', type=int, default=256, help='of the device, for maps that are brought in chunks')
    parser.add_argument('--repeats', type=int, default=7, help='searches, of which the median counts')
    parser.add_argument('--json', help='also write the figures here')
    arguments = parser.parse_args()
    device = usable_device(arguments.device)
    rows, check = [], None
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.keyframes:
            keyframes = stored(Path(folder), size)
            check = check or same_best(keyframes, unit(max(arguments.queries), 1), device)
            rows += [measure(keyframes, unit(count, 1), device, arguments.limit_mb * 1_000_000, arguments.repeats)
                     for count in arguments.queries]
    print(tabulate(rows, headers='keys', floatfmt='.3g'))
    print(f'Against the CPU on {arguments.keyframes[0]} keyframes: {check}')
    if arguments.json:
        with new_file(arguments.json, 'w') as file:
            json.dump({'device': str(device), 'limit_mb': arguments.limit_mb, 'search': rows, 'against_cpu': check},
                      file, indent=2)


if __name__ == '__main__':
    main()
