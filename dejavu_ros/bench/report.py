"""All measurements of a machine, and their tables."""

import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tabulate import tabulate
from tqdm import tqdm

import dejavu_ros
from dejavu_ros.bench import maps, networks, pipeline, similarity
from dejavu_ros.bench.config import BenchConfig
from dejavu_ros.bench.scenery import write_map
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.device import usable_device
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import ContextualSettings, gpu
from dejavu_ros.training.provenance import commit, hardware

PAPER = ContextualSettings('paper', squared=True, symmetric=False)
REPEATS = 5
ON_GPU = 10_000  # keyframes that a query meets there


def measure(config: BenchConfig) -> dict[str, Any]:
    """The machine, and what was asked for of ``contextual``, ``features``, ``map`` and ``pipeline``.

    Raises DejavuError.
    """
    device = usable_device(config.device)
    found = {'machine': hardware(torch.device('cpu')), 'gpu': hardware(device) if device.type == 'cuda' else '',
             'threads': torch.get_num_threads(), 'python': platform.python_version(), 'torch': str(torch.__version__),
             'numpy': np.__version__, 'version': dejavu_ros.__version__, 'commit': commit()}
    sections = {'contextual': contextual, 'features': features, 'map': growth, 'pipeline': pipeline.measure}
    return found | {name: sections[name](config) for name in config.parts()}


def contextual(config: BenchConfig) -> dict[str, Any]:
    """Squared, paper form, one direction; milliseconds a pair."""
    threads, sizes = torch.get_num_threads(), config.sizes('cells')
    found = {'cpu': {f'n{cells}': similarity.on_cpu(cells, PAPER, REPEATS, threads) for cells in sizes}}
    device = usable_device(config.device)
    if device.type == 'cuda' and gpu.works(device):
        found['gpu'] = {f'n{cells}': similarity.on_gpu(cells, PAPER, REPEATS, ON_GPU)[0] for cells in sizes}
    return found


def features(config: BenchConfig) -> dict[str, Any]:
    """Milliseconds an image, one at a time."""
    checkpoint = load_checkpoint(config.checkpoint)
    ways = networks.own_ways(checkpoint, config.device)
    own = checkpoint.settings.input_width, checkpoint.settings.input_height
    return {f'{width}x{height}': networks.times(ways, width, height, 1, REPEATS, time.perf_counter)
            for width, height in [own, *config.input_sizes()]}


def growth(config: BenchConfig) -> dict[str, Any]:
    extractor, found = FeatureExtractor(load_checkpoint(config.checkpoint)), {}
    with tempfile.TemporaryDirectory() as folder:
        for size in tqdm(config.sizes('map_keyframes'), 'opening', unit='map', disable=None):
            path = Path(folder) / f'{size}.dvmap'
            write_map(path, extractor, size)
            found[str(size)] = maps.measure(path, config.checkpoint, torch.get_num_threads())
    return found


def tables(found: dict[str, Any]) -> str:
    """For a person."""
    texts = [f'{found["machine"]}, {found["threads"]} threads. {found["gpu"]}'.strip()]
    for place, sizes in found.get('contextual', {}).items():
        texts.append(f'Contextual similarity ({place}), squared, paper form, one direction, a pair\n' + columns(sizes))
    if 'features' in found:
        texts.append('Features, one image\n' + columns(found['features']))
    if 'map' in found:
        texts.append('Maps of patterns extended with noise\n' + columns(found['map']))
    if 'pipeline' in found:
        texts.append(pipeline.table(found['pipeline']))
    return '\n\n'.join(texts)


def columns(entries: dict[str, dict[str, float]]) -> str:
    """A column for each entry."""
    names = dict.fromkeys(name for entry in entries.values() for name in entry)
    return tabulate([[name, *(entry.get(name) for entry in entries.values())] for name in names], ['', *entries],
                    floatfmt='.4g')
