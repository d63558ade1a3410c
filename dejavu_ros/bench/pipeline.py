"""From an image to an answer, with maps of several sizes, and the table of it."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate
from tqdm import tqdm

from dejavu_ros.bench.config import BenchConfig
from dejavu_ros.bench.scenery import pictures, write_map
from dejavu_ros.bench.stages import stage_times
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Localizer
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor

HEADERS = {'keyframes': 'keyframes', 'search': 'search', 'features': 'features', 'similarity': 'similarity',
           'decision': 'decision', 'frame': 'frame', 'frame_p99': 'frame p99', 'ratio_vs_exact': 'exact / this',
           'p50_ms': 'DDS p50', 'p99_ms': 'DDS p99', 'answers_per_s': 'answers/s', 'cores': 'cores'}


def measure(config: BenchConfig) -> dict[str, Any]:
    """What was measured, and ``rows``: one for each map and way to search it, two stages after exact.

    Without ROS the node is left out, and ``missing`` says so. Raises DejavuError.
    """
    over_dds, missing = None, ''
    if config.dds:
        try:
            from dejavu_ros.bench import over_dds
        except ImportError as error:
            missing = f'The running node was not measured: it needs ROS and the built package ({error}).'
    extractor = FeatureExtractor(load_checkpoint(config.checkpoint), config.device, precision=config.precision)
    images = pictures(config.width, config.height)
    ways = [(size, shortlist) for size in config.sizes('keyframes') for shortlist in ((0, config.shortlist)
                                                                           if 0 < config.shortlist < size else (0,))]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size, shortlist in tqdm(ways, 'measuring', unit='map', disable=None):
            path = Path(folder) / f'{size}.dvmap'
            if not path.exists():
                write_map(path, extractor, size)
            row = {'keyframes': size, 'search': f'two stages, {shortlist}' if shortlist else 'exact'}
            with KeyframeMap.open(path) as keyframes:
                localizer = Localizer(extractor, keyframes, LocalizerConfig(shortlist=shortlist))
                row |= stage_times(localizer, images, config.seconds)
            if shortlist:
                row |= {'exact_frame': rows[-1]['frame'], 'ratio_vs_exact': rows[-1]['frame'] / row['frame']}
            if over_dds:
                row |= over_dds.measure(path, images, shortlist, config)
            rows.append(row)
    settings = extractor.checkpoint.settings
    return {'images': [config.width, config.height], 'rate_hz': config.rate, 'device': config.device,
            'precision': config.precision,
            'threads': torch.get_num_threads(), 'input': [settings.input_width, settings.input_height],
            'grid': list(extractor.grid), 'checkpoint': extractor.checkpoint.identity, 'rows': rows} | (
                {'missing': missing} if missing else {})


def table(found: dict[str, Any]) -> str:
    """For a person: milliseconds a frame, in one process by stages, then over DDS."""
    names = [name for name in HEADERS if any(name in row for row in found['rows'])]
    rows = [[row.get(name) for name in names] for row in found['rows']]
    width, height = found['images']
    text = tabulate(rows, [HEADERS[name] for name in names], floatfmt='.1f')
    note = (f'Images {width}x{height} at {found["rate_hz"]:g} Hz, network input {found["input"][0]}x'
            f'{found["input"][1]}, {found["device"]}, {found["threads"]} threads. Milliseconds; maps are patterns '
            'extended with noise.')
    return '\n'.join(filter(None, (text, note, found.get('missing', ''))))
