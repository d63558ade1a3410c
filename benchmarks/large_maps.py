"""Large maps: opening, memory, size on the disk, exact and two-stage search, from 1,000 to 100,000 keyframes.

    python -c "from dejavu_ros.town.dataset import render_dataset as r; r('town_val', [101, 102])"
    python -m dejavu_ros.data.known_sets grief FOLDER -o grief.csv
    python benchmarks/large_maps.py --manifest town_val/manifest.csv grief.csv -o large_maps

Writes tables to the terminal, large_maps/large_maps.json and two curves, trade_off.png and growth.png.

For the trade-off the images of all manifests are one map; each query is compared with all sessions but its own. For the
growth the map is the first manifest without its first session, whose images are queries, extended by the same keyframes
with noise, vector by vector, to as many as asked for: that tells time, memory and size, not how well a real map of that
size is searched. The map lies in a temporary folder, with 4 kB a thumbnail, and takes about 10 kB a keyframe there.
Times are processor time of all threads; a fresh process opens each map (rows, coarse map, levels of the keyframes,
filter: all that a frame needs), under a limit of 1 GiB of memory that is not backed by files.
"""

import argparse
import json
import math
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import matplotlib
import numpy as np
import torch
from tabulate import tabulate
from tqdm import tqdm

from dejavu_ros.bench.maps import anonymous
from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.files import new_file, new_path
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer
from dejavu_ros.localization.coarse_map import CoarseMap
from dejavu_ros.localization.map_scorer import sampled
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import contextual_similarity

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402  (after the choice of what draws)

NOISE = 0.5          # length of the noise on a vector of length 1
MEMORY = 1 << 30     # bytes that a process may have beside files
THUMBNAIL = b'\xff\xd8' + bytes(4000)
AS_GOOD = 1e-3       # a best keyframe that scores this near the very best is as good
RADIUS = 5.0         # metres: a keyframe this near shows the query's place
PAIRS = 100_000      # compared in one measurement of the growth


class Views:
    """Descriptors (B, n, N) of the images of some manifests, where they come from and what place they show."""

    def __init__(self, manifests: list[str], extractor: FeatureExtractor, count: int):
        rows = [(named(path), row) for path in manifests for row in evenly(read_manifest(path), count)]
        self.descriptors = torch.from_numpy(extractor.extract_files([row.image for _, row in rows]))
        self.sources = np.array([name for name, _ in rows])
        self.sessions = np.array([f'{name} {row.session}' for name, row in rows])
        self.places = np.array([f'{name} {row.place}' for name, row in rows])
        self.positions = np.array([(math.nan, math.nan) if row.x is None else (row.x, row.y) for _, row in rows])
        self.settings = extractor.checkpoint.contextual

    def scores(self, queries: np.ndarray, keyframes: torch.Tensor) -> np.ndarray:
        """(Q, B) exact similarities, -1 within a session."""
        parts = [contextual_similarity(self.descriptors[query], keyframes, self.settings).numpy()
                 for query in tqdm(queries, desc='exact', unit='query', disable=None)]
        return self.masked(queries, np.stack(parts))

    def masked(self, queries: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return np.where(self.sessions[queries][:, None] == self.sessions, -1.0, scores)

    def found(self, queries: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """(Q,) bool: the best keyframe shows the query's place."""
        best = scores.argmax(1)
        near = np.linalg.norm(self.positions[best] - self.positions[queries], axis=1) <= RADIUS
        return near & (self.sources[best] == self.sources[queries]) | (self.places[best] == self.places[queries])


def named(manifest: str) -> str:
    """What to call a manifest in tables: its folder or its own name."""
    path = Path(manifest).absolute()
    return path.parent.name if path.stem == 'manifest' else path.stem


def evenly(rows: list, count: int) -> list:
    return [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]


def as_good(exact: np.ndarray, coarse: np.ndarray, shortlist: int) -> np.ndarray:
    """(Q,) bool: the best of the shortlist is the best of all, or as good."""
    best = np.take_along_axis(exact, np.argsort(-coarse, axis=1)[:, :shortlist], 1).max(1)
    return best >= exact.max(1) - AS_GOOD


def seconds(function, repeats: int = 5) -> float:
    """Processor time, the least of several."""
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        function()
        taken.append(time.process_time() - began)
    return min(taken)


def trade_off(views: Views, grid: tuple[int, int], count: int) -> tuple[list[dict], list[dict]]:
    """Agreement and cost against the length of the shortlist; and what int8 keyframes cost, for each manifest."""
    stored = views.descriptors
    sources = dict.fromkeys(views.sources)
    queries = np.concatenate([evenly(np.flatnonzero(views.sources == source), count) for source in sources])
    of = {source: views.sources[queries] == source for source in sources}
    coarse_map = CoarseMap([stored], *stored.shape[:2], grid, 1000)
    exact = views.scores(queries, stored)
    coarse = views.masked(queries, coarse_map.similarity(stored[queries]).numpy())
    whole = seconds(lambda: contextual_similarity(stored[0], stored, views.settings))
    rough = seconds(lambda: coarse_map.similarity(stored[:1]))
    rows = []
    for shortlist in (1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300):
        good = as_good(exact, coarse, shortlist)
        scored = shortlist + sampled(shortlist)
        rows.append({'shortlist': shortlist, 'of_map': shortlist / len(stored),
                     'cost': rough / whole + scored / len(stored),
                     **{source: float(good[mask].mean()) for source, mask in of.items()}})
    rounded = views.scores(queries, ((stored.float() * 127).round() / 127).half())
    found, found_int8, good = (views.found(queries, exact), views.found(queries, rounded),
                               as_good(exact, rounded, 1))
    int8 = [{'manifest': source, 'queries': int(mask.sum()), 'recall_at_1_float16': float(found[mask].mean()),
             'recall_at_1_int8': float(found_int8[mask].mean()), 'agreement': float(good[mask].mean()),
             'largest_change': float(np.abs(rounded - exact)[mask].max())} for source, mask in of.items()]
    return rows, int8


def extend(folder: Path, extractor: FeatureExtractor, keyframes: np.ndarray, size: int) -> float:
    """Append noisy copies of ``keyframes`` (B, n, N), the first time themselves; processor time it took."""
    rng = np.random.default_rng(size)
    began = time.process_time()
    start = len(KeyframeMap.open(folder)) if folder.exists() else 0
    make = MapWriter.append if start else MapWriter.create
    with make(folder, extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session(f'up to {size}', '') as session:
            for number in tqdm(range(start, size), desc=f'map of {size}', unit='keyframe', disable=None):
                vectors = keyframes[number % len(keyframes)].astype(np.float32)
                if number >= len(keyframes):
                    vectors += NOISE / math.sqrt(len(vectors)) * rng.standard_normal(vectors.shape, np.float32)
                vectors /= np.linalg.norm(vectors, axis=0)
                session.add(vectors.astype(np.float16), 'front', number, Pose.planar(2.0 * number, 0, 0), np.eye(6),
                            THUMBNAIL)
    return time.process_time() - began


def measure(folder: Path, checkpoint: str, queries: np.ndarray, shortlist: int, threads: int) -> dict:
    """Open and search a map in this process, which has to be a fresh one."""
    torch.set_num_threads(threads)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    extractor = FeatureExtractor(load_checkpoint(checkpoint))
    before = anonymous()
    began = time.process_time()
    localizer = Localizer(extractor, KeyframeMap.open(folder))
    opened = time.process_time() - began
    scorer, after_opening = localizer.scorer, anonymous() - before
    taken, same = {'exact': [], 'two_stage': []}, []
    for query in queries:
        best = {}
        for way, length in (('exact', 0), ('two_stage', shortlist)):
            began = time.process_time()
            best[way] = scorer.score(query, length).max()
            taken[way].append(time.process_time() - began)
        same.append(best['two_stage'] >= best['exact'] - AS_GOOD)
    return {'open_s': opened, 'anonymous_mb': after_opening / 1e6, 'after_search_mb': (anonymous() - before) / 1e6,
            'exact_ms': 1e3 * float(np.median(taken['exact'])), 'agreement': float(np.mean(same)),
            'two_stage_ms': 1e3 * float(np.median(taken['two_stage']))}


def growth(views: Views, extractor: FeatureExtractor, arguments: argparse.Namespace) -> list[dict]:
    """One map that grows from size to size, by appending."""
    asking = views.sessions == views.sessions[0]
    keyframes = views.descriptors[(views.sources == views.sources[0]) & ~asking].numpy()
    queries = views.descriptors[asking].numpy()
    rows = []
    with tempfile.TemporaryDirectory(prefix='large_maps_') as parent:
        folder = Path(parent) / 'M.dvmap'
        for size in arguments.sizes:
            extend(folder, extractor, keyframes, size)
            asked = queries[:max(3, PAIRS // size)]
            with multiprocessing.get_context('spawn').Pool(1) as fresh:
                row = fresh.apply(measure, (folder, arguments.checkpoint, asked, arguments.shortlist,
                                            arguments.threads))
            descriptors = sum(path.stat().st_size for path in folder.glob('descriptors/*'))
            database = (folder / 'map.sqlite').stat().st_size
            rows.append({'keyframes': size, **row, 'queries': len(asked),
                         'ratio': row['exact_ms'] / row['two_stage_ms'],
                         'descriptors_mb': descriptors / 1e6, 'database_mb': database / 1e6,
                         'bytes_a_keyframe': descriptors / size, 'int8_bytes_a_keyframe': keyframes[0].size})
            print({key: round(value, 3) for key, value in rows[-1].items()}, flush=True)
        last = arguments.sizes[-1]
        before = {path: path.stat().st_mtime_ns for path in folder.glob('descriptors/*')}
        took = extend(folder, extractor, keyframes, last + 10)
        new = sum(path.stat().st_size for path in folder.glob('descriptors/*')
                  if before.get(path) != path.stat().st_mtime_ns)
        print(f'Appending 10 keyframes to {last}: {took:.1f} s, {new:,} bytes of descriptors written.')
    return rows


def draw(path: Path, lines: list[tuple[list, list, str]], x: str, y: str, title: str, scale: str) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.5), layout='constrained')
    for xs, ys, label in lines:
        axes.plot(xs, ys, 'o-', label=label)
    axes.set(xlabel=x, ylabel=y, title=title, xscale='log', yscale=scale)
    axes.grid(alpha=0.3, which='both')
    axes.legend()
    with new_path(path) as part:
        figure.savefig(part, dpi=120, format='png')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--manifest', nargs='+', required=True, help='images, places and sessions; rendered ones first')
    parser.add_argument('--images', type=int, default=1000, help='of each, evenly chosen')
    parser.add_argument('--queries', type=int, default=400, help='of each, in the trade-off')
    parser.add_argument('--sizes', type=int, nargs='+', default=[1000, 3000, 10_000, 30_000, 100_000])
    parser.add_argument('--shortlist', type=int, default=-1, help='keyframes scored exactly in the second stage; -1: '
                        'the usual number')
    parser.add_argument('--checkpoint', default='', help='file; the shipped one if not given')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('-o', '--output', type=Path, default=Path('large_maps'), help='folder for figures and curves')
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    extractor = FeatureExtractor(load_checkpoint(arguments.checkpoint))
    views = Views(arguments.manifest, extractor, arguments.images)
    shortlists, int8 = trade_off(views, extractor.grid, arguments.queries)
    print(tabulate(shortlists, headers='keys', floatfmt='.4g'), '\n')
    print(tabulate(int8, headers='keys', floatfmt='.4g'), '\n')
    sizes = growth(views, extractor, arguments)
    print(tabulate(sizes, headers='keys', floatfmt='.4g'))
    arguments.output.mkdir(parents=True, exist_ok=True)
    with new_file(arguments.output / 'large_maps.json', 'w') as file:
        json.dump({'threads': arguments.threads, 'shortlist': arguments.shortlist, 'trade_off': shortlists,
                   'int8': int8, 'growth': sizes}, file, indent=2)
    costs = [row['cost'] for row in shortlists]
    draw(arguments.output / 'trade_off.png',
         [(costs, [100 * row[source] for row in shortlists], f'{source}, {queries} queries')
          for source, queries in ((row['manifest'], row['queries']) for row in int8)],
         'cost of two stages as a share of the exact search', 'best keyframe as good (% of queries)',
         f'Shortlists of 1 to {shortlists[-1]["shortlist"]} of {len(views.sources)} keyframes', 'linear')
    names = {'exact_ms': 'exact search, ms', 'two_stage_ms': 'two stages, ms', 'open_s': 'opening, s',
             'after_search_mb': 'anonymous memory, MB', 'descriptors_mb': 'descriptors on the disk, MB'}
    draw(arguments.output / 'growth.png',
         [([row['keyframes'] for row in sizes], [row[key] for row in sizes], name) for key, name in names.items()],
         'keyframes (rendered, extended with noise)', 'ms, s or MB: see the legend', 'Growth of a map (processor time)',
          'log')


if __name__ == '__main__':
    main()
