"""Recall before and after re-ranking where the query was taken from aside, or turned.

    python benchmarks/geowarp_viewpoints.py -o runs/viewpoints --geowarp geowarp.pt

The town's camera drives by a place in its lane, which is the map, and again in other conditions, up to 3 m further left
and turned up to 30 degrees. Pictures are rendered once, in a process of their own, to the folder's towns and manifest.
"""

import argparse
import json
import multiprocessing
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from tabulate import tabulate
from tqdm import tqdm

from dejavu_ros.data.manifests import ManifestRow, read_manifest, write_manifest
from dejavu_ros.errors import exit_status
from dejavu_ros.evaluation.metrics import ranks
from dejavu_ros.evaluation.pairs import similarity_matrix
from dejavu_ros.files import new_file, new_folder
from dejavu_ros.geowarp.files import STORED, load_geowarp
from dejavu_ros.geowarp.quadrilaterals import FRAME, intersection
from dejavu_ros.geowarp.reranker import Reranker
from dejavu_ros.geowarp.warping import frame_corners, moved
from dejavu_ros.images import encode_jpeg, load_image
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.town.camera import camera_mount

OFFSETS = (0, 0), (1, 0), (2, 0), (3, 0), (0, 10), (0, 20), (0, 30), (1, 10), (2, 20), (3, 30)  # metres, degrees
CONDITIONS = 'overcast-summer', 'overcast-winter'
MAP, SIZE, HFOV = 'map', (128, 96), 80.0
STEP, EVERY = 10.0, 6  # metres between the map's keyframes, of which every so many are asked for
METRES = 10.0  # a right answer is this near


def render(folder: Path, seeds: list[int]) -> None:
    """Write the pictures and ``manifest.csv`` to a new ``folder``."""
    from dejavu_ros.town import Renderer, Town, Traversal

    rows = []
    with new_folder(folder) as new:
        for seed in seeds:
            town = Town(seed)
            stations = np.arange(0.0, town.road.length, STEP)
            drives = [(MAP, Traversal(town, CONDITIONS[0], 1), [(0, 0)], stations)]
            drives += [(name, Traversal(town, name, 2), OFFSETS, stations[::EVERY]) for name in CONDITIONS]
            with Renderer(town, *SIZE, HFOV) as renderer:
                for session, traversal, offsets, places in drives:
                    for index, s in enumerate(places):
                        for metres, degrees in offsets:
                            pose = traversal.pose(s, metres, np.radians(degrees * (-1) ** index))
                            path = new / f'town{seed}' / session / f'{s:04.0f}_{metres}m_{degrees}deg.jpg'
                            path.parent.mkdir(parents=True, exist_ok=True)
                            path.write_bytes(encode_jpeg(renderer.render(traversal, pose, camera_mount(), index)[0]))
                            rows.append(ManifestRow(path, f'{seed}-{s:.0f}', session, name_of(metres, degrees),
                                                    x=float(pose.position[0]) + 1e4 * seed, y=float(pose.position[1]),
                                                    yaw=pose.yaw))
        write_manifest(new / 'manifest.csv', rows)


class InPlace(Reranker):
    """Compares cells where they are, as if all views showed the same: what warping is held against."""

    def common_area(self, first, second):
        return frame_corners(first).expand(len(first), 2, 4, 2)


class TrueTurn(Reranker):
    """Warps by the homography of a turn of so many radians to the left: what a perfect regression would find."""

    turn = 0.0

    def common_area(self, first, second):
        view = np.diag([np.tan(np.radians(HFOV / 2)), SIZE[1] / SIZE[0] * np.tan(np.radians(HFOV / 2)), 1.0])
        mount = camera_mount().rotation.as_matrix() @ view
        query_T_map = np.linalg.inv(mount) @ Rotation.from_euler('z', -self.turn).as_matrix() @ mount
        inverse = torch.from_numpy(np.linalg.inv(query_T_map))[None]
        shared = intersection(moved(inverse, torch.from_numpy(FRAME)[None])[0].numpy(), FRAME)
        shared = torch.from_numpy(shared)[None]
        corners = torch.stack([moved(torch.from_numpy(query_T_map)[None], shared), shared], 1)
        return corners.to(first).expand(len(first), -1, -1, -1)


def measure(folder: Path, files: list[str], top: int) -> list[dict]:
    """A row for every way of ranking: recall@1 and @5 in percent, by condition and offset."""
    rows = read_manifest(folder / 'manifest.csv')
    images = [row.image for row in rows]
    is_map = np.array([row.session == MAP for row in rows])
    asked = [row for row, mapped in zip(rows, is_map) if not mapped]
    positions = np.array([(row.x, row.y) for row in rows])
    correct = np.linalg.norm(positions[~is_map, None] - positions[None, is_map], axis=2) <= METRES
    extractor = FeatureExtractor(load_checkpoint())
    grids, form = {'dvf': extractor.extract_files(images)}, {'dvf': extractor.checkpoint.contextual}
    scores, found = {}, []

    def rank(name: str) -> None:
        scores[name] = similarity_matrix(grids[name][~is_map], grids[name][is_map],
                                         partial(contextual_similarity, settings=form[name]))
        found.append({'way': f'{name}, cx', 'recall': recalls(asked, scores[name], correct)})

    rank('dvf')
    for file in map(load_geowarp, files):
        name = 'dvf'
        if file.settings.backbone != STORED:
            name, reranker = file.settings.backbone, Reranker(file)
            grids[name] = np.concatenate([reranker.grids([load_image(image)]) for image in tqdm(images, name)])
            form[name] = ContextualSettings()
            rank(name)
        for first in dict.fromkeys(('dvf', name)):
            for kind in (InPlace, Reranker):
                after = again(kind(file, form[name]), scores[first], grids[name][~is_map], grids[name][is_map], top)
                found.append({'way': f'{first}, cx; {name}, {kind.__name__}', 'file': file.identity, 'top': top,
                              'recall': recalls(asked, after, correct)})
        found.append({'way': f'{name}, all warped by the true turn', 'file': file.identity,
                      'recall': recalls(asked, turned(TrueTurn(file, form[name]), rows, is_map, grids[name]), correct)})
    return found


def turned(reranker: TrueTurn, rows: list[ManifestRow], is_map: np.ndarray, grids: np.ndarray) -> np.ndarray:
    """(Q, K) similarity, each query's turn being that against the nearest keyframe."""
    keyframes = [row for row, mapped in zip(rows, is_map) if mapped]
    scores, usual = [], grids[is_map].mean(0, np.float32)
    for row, query in zip(rows, tqdm(grids, 'TrueTurn')):
        if row.session != MAP:
            nearest = min(keyframes, key=lambda other: (other.x - row.x)**2 + (other.y - row.y)**2)
            reranker.turn = row.yaw - nearest.yaw
            scores.append(reranker.similarity(query, grids[is_map], usual))
    return np.stack(scores)


def again(reranker: Reranker, scores: np.ndarray, queries: np.ndarray, keyframes: np.ndarray, top: int) -> np.ndarray:
    """(Q, K) scores with the ``top`` of each query in another order."""
    usual = keyframes.mean(0, np.float32)
    return np.stack([reranker.rerank(row, top, query, lambda chosen: keyframes[chosen], usual)
                     for row, query in zip(scores, tqdm(queries, type(reranker).__name__))])


def recalls(asked: list[ManifestRow], scores: np.ndarray, correct: np.ndarray) -> dict[str, dict[str, list[float]]]:
    """Percent at 1 and at 5, by session and offset."""
    found = {}
    for session in CONDITIONS:
        found[session] = {}
        for metres, degrees in OFFSETS:
            offset = name_of(metres, degrees)
            chosen = [i for i, row in enumerate(asked) if row.session == session and row.condition == offset]
            rank = ranks(scores[chosen], correct[chosen])
            found[session][offset] = [100 * float((rank <= n).mean()) for n in (1, 5)]
    return found


def name_of(metres: float, degrees: float) -> str:
    return f'{metres} m, {degrees} deg'


def table(found: list[dict]) -> str:
    """Recall@1 over all conditions, by offset; and by condition, over all offsets."""
    def mean(row, sessions, offsets, rank=0):
        return f'{np.mean([row["recall"][session][offset][rank] for session in sessions for offset in offsets]):.1f}'

    offsets = [name_of(*offset) for offset in OFFSETS]
    body = [[row['way'], *(mean(row, CONDITIONS, [offset]) for offset in offsets), mean(row, CONDITIONS, offsets),
             mean(row, CONDITIONS, offsets, 1), *(mean(row, [session], offsets) for session in CONDITIONS)]
            for row in found]
    return tabulate(body, ['recall@1', *offsets, 'all', 'all, @5', *CONDITIONS], tablefmt='pipe', disable_numparse=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-o', '--output', required=True, type=Path, metavar='DIR')
    parser.add_argument('--towns', nargs='+', type=int, default=[101, 102])
    parser.add_argument('--geowarp', nargs='+', required=True, metavar='FILE.pt')
    parser.add_argument('--top', type=int, default=20, help='keyframes that are compared again')
    arguments = parser.parse_args()

    def work() -> int:
        pictures = arguments.output / 'pictures'
        if not pictures.exists():
            process = multiprocessing.get_context('spawn').Process(target=render, args=(pictures, arguments.towns))
            process.start()
            process.join()
        found = measure(pictures, arguments.geowarp, arguments.top)
        print(table(found))
        with new_file(arguments.output / 'viewpoints.json', 'w') as file:
            json.dump(found, file, indent=1)
        return 0

    return exit_status('geowarp_viewpoints', work)


if __name__ == '__main__':
    sys.exit(main())
