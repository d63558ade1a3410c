"""Pose, covariance and filter over time, measured on drives through towns, each on the map of its own and of another.

    python benchmarks/town_drives.py -o drives --towns 101 102
    python benchmarks/town_drives.py -o dense --towns 101 102 --step 0.9 --frames 360    # as a camera sees it

Each town is mapped in overcast-summer, a frame a metre; a drive of each condition, the mapped one too, comes back every
3 m (``--step``). It leaves its lane by up to 1.5 m and turns its nose by up to 8 degrees, slowly, as a car does that
evades and overtakes; its odometry drifts. ``drives/town101/snow`` holds images, ``poses.txt`` and ``odometry.txt``
(TUM). What is there already is not rendered again. ``drives/results.json`` holds the figures of
:mod:`dejavu_ros.evaluation.consistency` by condition for the filter with odometry, the filter without, and single
frames; ``first_pose`` is the mean number of frames until one is accepted, from every tenth frame on.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dejavu_ros.data.folders import image_stamps, list_images, read_tum
from dejavu_ros.errors import exit_status
from dejavu_ros.evaluation.consistency import Answer, by_condition, table
from dejavu_ros.files import new_file
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.town import Renderer, Town, camera_mount
from dejavu_ros.town.camera import intrinsics
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.drives import MAP, MAPPED, render_drive

MAP_STEP = 1.0  # metres
SIZE = 192, 144
HFOV = 80.0
WAYS = {'filter with odometry': (True, True), 'filter without odometry': (True, False), 'single frames': (False, False)}
OWN_SIGMAS = [0.1] * 3 + [np.radians(2.0)] * 3  # metres, radians: what build-map takes where none is known
EVERY = 10  # frames from one start to the next, for the time to the first pose


class Drive:
    """A rendered drive: ``features`` (F, n, N), ``stamps_ns``, ``poses`` and ``odometry`` of its frames."""

    def __init__(self, folder: Path, extractor: FeatureExtractor):
        images = list_images(folder / 'images')
        self.condition, self.stamps_ns = folder.name, image_stamps(images)
        self.features = extractor.extract_files(images)
        self.poses, self.odometry = ([track.at(stamp, 0)[0] for stamp in self.stamps_ns]
                                     for track in (read_tum(folder / name) for name in ('poses.txt', 'odometry.txt')))


def write_map(path: Path, drive: Drive, extractor: FeatureExtractor) -> KeyframeMap:
    camera = {'width': SIZE[0], 'height': SIZE[1], 'K': intrinsics(*SIZE, HFOV).ravel().tolist(), 'D': [0.0] * 5,
              'model': 'plumb_bob'}
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session(MAPPED, MAPPED) as session:
            session.camera('camera', *SIZE, camera, camera_mount())
            for descriptors, stamp, pose in zip(drive.features, drive.stamps_ns, drive.poses):
                session.add(descriptors, 'camera', stamp, pose, np.diag(np.square(OWN_SIGMAS)), encode_jpeg(
                    np.zeros((8, 8, 3), np.uint8)))
    return KeyframeMap.open(path, extractor.checkpoint.identity)


def remembered(score):
    """A scorer's ``score`` that compares a query once, whichever way it is localized in."""
    known: dict[bytes, np.ndarray] = {}

    def look_up(query: np.ndarray, shortlist: int, descriptor: None) -> np.ndarray:
        key = query.tobytes()
        if key not in known:
            known[key] = score(query, shortlist, descriptor)
        return known[key]

    return look_up


def answers(localizer: Localizer, drive: Drive, is_mapped: bool, with_odometry: bool) -> list[Answer]:
    localizer.reset()
    return [Answer.of(localizer.locate(query, stamp, odometry if with_odometry else None),
                      pose if is_mapped else None, drive.condition)
            for query, stamp, pose, odometry in zip(drive.features, drive.stamps_ns, drive.poses, drive.odometry)]


def frames_until_pose(localizer: Localizer, drive: Drive, with_odometry: bool) -> list[int]:
    """From every tenth frame on; the drive's end counts as a pose."""
    counts = []
    for start in range(0, len(drive.features), EVERY):
        localizer.reset()
        count = 0
        for index in range(start, len(drive.features)):
            count += 1
            odometry = drive.odometry[index] if with_odometry else None
            if localizer.locate(drive.features[index], drive.stamps_ns[index], odometry).accepted:
                break
        counts.append(count)
    return counts


def measure(folder: Path, towns: list[int], conditions: list[str]) -> dict:
    extractor = FeatureExtractor(load_checkpoint())
    found: dict[str, list[Answer]] = {way: [] for way in WAYS}
    first: dict[str, dict[str, list[int]]] = {way: {condition: [] for condition in conditions} for way in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        maps = {town: write_map(Path(scratch) / f'{town}.dvmap', Drive(folder / f'town{town}' / MAP, extractor),
                                extractor) for town in towns}
        for condition in tqdm(conditions, desc='conditions', disable=None):
            for town in towns:
                drive = Drive(folder / f'town{town}' / condition, extractor)
                for mapped, keyframes in maps.items():
                    localizers = {use: Localizer(extractor, keyframes, LocalizerConfig(use_filter=use))
                                  for use in (True, False)}
                    score = remembered(localizers[True].scorer.score)
                    for localizer in localizers.values():
                        localizer.scorer.score = score
                    for way, (use, odometry) in WAYS.items():
                        found[way] += answers(localizers[use], drive, mapped == town, odometry)
                        if mapped == town:
                            first[way][condition] += frames_until_pose(localizers[use], drive, odometry)
    result = {way: by_condition(part) for way, part in found.items()}
    for way, counts in first.items():
        for condition, numbers in counts.items():
            result[way][condition]['first_pose'] = float(np.mean(numbers))
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-o', '--output', required=True, type=Path)
    parser.add_argument('--towns', nargs='+', type=int, default=[101, 102])
    parser.add_argument('--conditions', nargs='+', default=list(CONDITIONS), choices=CONDITIONS)
    parser.add_argument('--step', type=float, default=3.0, help='metres from frame to frame (default: %(default)s)')
    parser.add_argument('--frames', type=int, help='the first so many frames of each drive (default: all)')
    arguments = parser.parse_args()

    def work() -> int:
        for seed in arguments.towns:
            names = [name for name in (MAP, *arguments.conditions)
                     if not (arguments.output / f'town{seed}' / name).exists()]
            if names:
                with Renderer(Town(seed), *SIZE, HFOV) as renderer:
                    for name in names:
                        step, frames = (MAP_STEP, None) if name == MAP else (arguments.step, arguments.frames)
                        render_drive(arguments.output / f'town{seed}' / name, renderer, name, step, frames)
        result = measure(arguments.output, arguments.towns, arguments.conditions)
        for way, part in result.items():
            first = ', '.join(f'{name} {row["first_pose"]:.1f}' for name, row in part.items() if name != 'all')
            print(f'\n{way}\n{table(part)}\nframes to the first pose: {first}')
        with new_file(arguments.output / 'results.json', 'w') as file:
            json.dump(result, file, indent=1)
        return 0

    return exit_status('town_drives', work)


if __name__ == '__main__':
    sys.exit(main())
