"""Large maps: opening, memory, size on the disk, exact and two-stage search, from 1,000 to 100,000 keyframes.

    dejavu town --seeds 101,102 -o town_val
    python benchmarks/large_maps.py --manifest town_val/manifest.csv -o large_maps

Writes tables to the terminal, large_maps/large_maps.json and two curves, trade_off.png and growth.png.

The images of one session are queries; those of the others are the map. For the trade-off that is the whole map. For
the growth it is extended by the same keyframes with noise, vector by vector, to as many as asked for: that tells time,
memory and size, not how well a real map of that size is searched. The map lies in a temporary folder, with 4 kB a
thumbnail, and takes about 10 kB a keyframe there. Times are processor time of all threads; a fresh process opens each
map (rows, coarse map, levels of the keyframes, filter: all that a frame needs), under a limit of 1 GiB of memory that
is not backed by files.
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

from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.files import new_file, new_path
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer
from dejavu_ros.localization.coarse_map import CoarseMap
from dejavu_ros.localization.map_scorer import SAMPLED
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
    """Descriptors of a manifest's images, and which of them may be compared."""

    def __init__(self, manifest: str, extractor: FeatureExtractor, count: int):
        rows = read_manifest(manifest)
        rows = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]
        self.descriptors = torch.from_numpy(extractor.extract_files([row.image for row in rows]))
        self.sessions = np.array([row.session for row in rows])
        self.positions = np.array([(row.x, row.y) for row in rows], float)
        self.settings = extractor.checkpoint.contextual

    def scores(self, queries: np.ndarray, keyframes: torch.Tensor) -> np.ndarray:
        """(Q, K) exact similarities, -1 within a session."""
        parts = [contextual_similarity(self.descriptors[query], keyframes, self.settings).numpy()
                 for query in tqdm(queries, desc='exact', unit='query', disable=None)]
        return self.masked(queries, np.stack(parts))

    def masked(self, queries: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return np.where(self.sessions[queries][:, None] == self.sessions, -1.0, scores)

    def recall(self, queries: np.ndarray, scores: np.ndarray) -> float:
        """Share of the queries whose best keyframe shows their place."""
        best = self.positions[scores.argmax(1)]
        return float(np.mean(np.linalg.norm(best - self.positions[queries], axis=1) <= RADIUS))


def agreement(exact: np.ndarray, coarse: np.ndarray, shortlist: int) -> float:
    """Share of queries whose best of the shortlist is the best of all, or as good."""
    best = np.take_along_axis(exact, np.argsort(-coarse, axis=1)[:, :shortlist], 1).max(1)
    return float(np.mean(best >= exact.max(1) - AS_GOOD))


def seconds(function, repeats: int = 5) -> float:
    """Processor time, the least of several."""
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        function()
        taken.append(time.process_time() - began)
    return min(taken)


def trade_off(views: Views, grid: tuple[int, int], count: int) -> tuple[list[dict], dict]:
    """Agreement and cost against the length of the shortlist; and what int8 keyframes cost in recall."""
    stored = views.descriptors
    queries = np.unique(np.linspace(0, len(stored) - 1, count).astype(int))
    coarse_map = CoarseMap([stored], *stored.shape[:2], grid, 1000)
    exact = views.scores(queries, stored)
    coarse = views.masked(queries, coarse_map.similarity(stored[queries]).numpy())
    size = int((exact >= 0).sum(1).mean())
    whole = seconds(lambda: contextual_similarity(stored[0], stored, views.settings)) * size / len(stored)
    rough = seconds(lambda: coarse_map.similarity(stored[:1]))
    rows = []
    for shortlist in (1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300):
        if shortlist < size:
            scored = shortlist + min(SAMPLED, shortlist)
            rows.append({'shortlist': shortlist, 'of_map': shortlist / size,
                         'cost': rough / whole + scored / size, 'agreement': agreement(exact, coarse, shortlist)})
    rounded = ((stored.float() * 127).round() / 127).half()
    bytes_ = views.scores(queries, rounded)
    int8 = {'queries': len(queries), 'keyframes': size, 'recall_at_1_float16': views.recall(queries, exact),
            'recall_at_1_int8': views.recall(queries, bytes_), 'agreement_int8': agreement(exact, bytes_, 1),
            'largest_change': float(np.abs(bytes_ - exact).max())}
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


def anonymous() -> int:
    """Resident bytes of this process that no file backs."""
    status = Path('/proc/self/status').read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith('RssAnon'))


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
    query_session = views.sessions[0]
    keyframes = views.descriptors[views.sessions != query_session].numpy()
    queries = views.descriptors[views.sessions == query_session].numpy()
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
            rows.append({'keyframes': size, **row, 'queries': len(asked), 'ratio': row['exact_ms'] / row['two_stage_ms'],
                         'descriptors_mb': descriptors / 1e6, 'database_mb': database / 1e6,
                         'bytes_a_keyframe': descriptors / size, 'int8_bytes_a_keyframe': keyframes[0].size})
            print({key: round(value, 3) for key, value in rows[-1].items()}, flush=True)
        last = arguments.sizes[-1]
        before = {path: path.stat().st_mtime_ns for path in folder.glob('descriptors/*')}
        took = extend(folder, extractor, keyframes, last + 10)
        new = sum(path.stat().st_size for path in folder.glob('descriptors/*') if before.get(path) != path.stat().st_mtime_ns)
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
    parser.add_argument('--manifest', required=True, help='images with sessions and positions')
    parser.add_argument('--images', type=int, default=1000, help='of these, evenly chosen')
    parser.add_argument('--queries', type=int, default=200, help='of the trade-off')
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
    print(tabulate([int8], headers='keys', floatfmt='.4g'), '\n')
    sizes = growth(views, extractor, arguments)
    print(tabulate(sizes, headers='keys', floatfmt='.4g'))
    arguments.output.mkdir(parents=True, exist_ok=True)
    with new_file(arguments.output / 'large_maps.json', 'w') as file:
        json.dump({'threads': arguments.threads, 'shortlist': arguments.shortlist, 'trade_off': shortlists,
                   'int8': int8, 'growth': sizes}, file, indent=2)
    draw(arguments.output / 'trade_off.png',
         [([row['cost'] for row in shortlists], [100 * row['agreement'] for row in shortlists], 'rendered towns')],
         'cost of two stages as a share of the exact search', 'best keyframe as good (% of queries)',
         f'{int8["keyframes"]} keyframes, {int8["queries"]} queries', 'linear')
    names = {'exact_ms': 'exact search, ms', 'two_stage_ms': 'two stages, ms',
             'open_s': 'opening, s', 'after_search_mb': 'anonymous memory, MB', 'descriptors_mb': 'descriptors on disk, MB'}
    draw(arguments.output / 'growth.png',
         [([row['keyframes'] for row in sizes], [row[key] for row in sizes], name) for key, name in names.items()],
         'keyframes (rendered, extended with noise)', 'see legend', 'Growth of a map (processor time)', 'log')


if __name__ == '__main__':
    main()
