"""What the localizer answers on real drives, on rendered ones and where no map is: found, near, wrong.

    python benchmarks/real_drives.py -o real_drives                        # the shipped checkpoint, ../shared/data
    python benchmarks/real_drives.py -o real_drives --checkpoint other.pt

Rows: Gardens Point (six directions between three sessions), the CMU road (57 labelled frames on the spring map),
rendered validation towns (nine conditions), and what is not on the map: floors of a tower on each other's maps, frames
of other sets, another town, and the same drives with 30 % of the map removed. Features and similarities are kept in
the output folder for each checkpoint, and rendered drives too, so that a second run takes seconds.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dejavu_ros.data.folders import image_stamps, list_images, read_tum
from dejavu_ros.data.known_sets import cmu_seasons
from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.errors import exit_status
from dejavu_ros.evaluation.judgement import (
    Verdict,
    auroc,
    bootstrap,
    bound,
    calibration_error,
    recall_at_full_precision,
    summary,
)
from dejavu_ros.evaluation.replay import Recording, ReplayMap, Store, judged
from dejavu_ros.files import new_file
from dejavu_ros.geometry import Pose
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.nn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.town import CONDITIONS, Renderer, Town, camera_mount
from dejavu_ros.town.camera import intrinsics
from dejavu_ros.town.drives import MAP, render_drive
from dejavu_ros.training.calibration import RADIUS, Frame, fit

SECOND = 10**9
TOWNS = 103, 104
SIZE, HFOV = (192, 144), 80.0
MAP_FRAMES, MAP_STEP, FRAMES, STEP = 300, 1.0, 200, 0.9  # of towns: keyframes, metres, frames of a drive, metres
FLOORS = range(10, 24)
ALIKE = {10, 12, 16, 18, 20}  # floors whose lobbies differ in the number on the wall alone
REMOVED = ((0.0, 0.3), (0.35, 0.65), (0.7, 1.0))  # stretches of a drive whose keyframes are taken out, in turn
WORST_SHOWN = 10
CALIBRATED_ON = ('gardens_point_a, cmu_seasons, ie_tower floors 10 to 23, towns 103 and 104; beside them, as what no '
                 'map shows, grief_michigan, courbevoie and camera 00004232')
EVERY = 10  # frames from one start to the next, for the time to the first pose
WAYS = {'filter': (True, False), 'single': (False, False), 'odometry': (True, True)}


@dataclasses.dataclass(frozen=True)
class Question:
    """A drive asked of a map: ``rows`` of the ``mapped`` recording. ``row`` names the line of the table, ``family``
    the set of the map; ``stretch`` counts the frames whose surroundings were removed.
    """

    row: str
    family: str
    mapped: Recording
    rows: np.ndarray
    drive: Recording
    off_map: bool = False
    stretch: int = 0


def gardens_point(data: Path) -> dict[str, Recording]:
    rows = read_manifest(data / 'gardens_point_a' / 'manifest.csv')
    sessions = {}
    for name in sorted({row.session for row in rows}):
        own = sorted((row for row in rows if row.session == name), key=lambda row: row.x)
        sessions[name] = Recording(f'gardens_point_a {name}', [Path(row.image) for row in own],
                                   [index * SECOND for index in range(len(own))],
                                   [Pose.planar(row.x, 0, 0) for row in own], condition=own[0].condition)
    return sessions


def cmu(data: Path) -> dict[str, Recording]:
    truth = {Path(row.image): Pose.planar(row.x, 0, 0) for row in cmu_seasons(data / 'cmu_seasons')}
    sessions = {}
    for folder in sorted(path for path in (data / 'cmu_seasons').iterdir() if path.is_dir()):
        images = list_images(folder)
        sessions[folder.name] = Recording(f'cmu_seasons {folder.name}', images, image_stamps(images),
                                          [truth.get(image) for image in images], condition=folder.name[11:])
    return sessions


def tower(data: Path, floor: int) -> Recording:
    return as_walk(f'ie_tower floor {floor}', list_images(data / 'ie_tower' / f'floor{floor}'))


def as_walk(name: str, images: list[Path]) -> Recording:
    """Images one a metre and one a second; of a walk without a known truth."""
    return Recording(name, images, [index * SECOND for index in range(len(images))],
                     [Pose.planar(index, 0, 0) for index in range(len(images))])


def others(data: Path) -> list[Recording]:
    """Frames of sets that no map here shows."""
    webcams = data / 'webcam_daynight'
    camera = [Path(row.image) for row in read_manifest(webcams / 'manifest.csv') if row.place == '00004232']
    return [as_walk('grief_michigan', list_images(data / 'grief_michigan' / 'images')),
            as_walk('courbevoie', list_images(data / 'webcam' / 'courbevoie')), as_walk('camera 00004232', camera)]


def town(folder: Path, seed: int) -> dict[str, Recording]:
    """A town's mapping drive and those of all conditions; rendered where they are not there yet."""
    folder = folder / f'town{seed}'
    missing = [name for name in (MAP, *CONDITIONS) if not (folder / name).exists()]
    if missing:
        with Renderer(Town(seed), *SIZE, HFOV) as renderer:
            for name in missing:
                step, frames = (MAP_STEP, MAP_FRAMES) if name == MAP else (STEP, FRAMES)
                render_drive(folder / name, renderer, name, step, frames)
    lens = {'width': SIZE[0], 'height': SIZE[1], 'K': intrinsics(*SIZE, HFOV).ravel().tolist(), 'D': [0.0] * 5,
            'model': 'plumb_bob'}
    camera = {'width': SIZE[0], 'height': SIZE[1], 'intrinsics': lens, 'base_T_camera': camera_mount()}
    drives = {}
    for name in (MAP, *CONDITIONS):
        images = list_images(folder / name / 'images')[:MAP_FRAMES if name == MAP else FRAMES]
        stamps = image_stamps(images)
        poses, odometry = ([track.at(stamp, 0)[0] for stamp in stamps]
                           for track in (read_tum(folder / name / f'{what}.txt') for what in ('poses', 'odometry')))
        drives[name] = Recording(f'town{seed} {name}', images, stamps, poses, odometry, name,
                                 camera if name == MAP else None)
    return drives


def questions(data: Path, rendered: Path, towns: list[int]) -> Iterator[Question]:
    """All of the table, the drives on a map first."""
    garden, road = gardens_point(data), cmu(data)
    spring = road.pop('2011-04-21_spring')
    streets = {seed: town(rendered, seed) for seed in towns}
    floors = {floor: tower(data, floor) for floor in FLOORS}
    walks = [*garden.values(), *road.values(), spring, *others(data)]
    on_map = [('gardens_point_a', mapped, drive) for mapped in garden.values() for drive in garden.values()
              if mapped is not drive]
    on_map += [('cmu_seasons', spring, drive) for drive in road.values()]
    on_map += [('town', street[MAP], street[name]) for street in streets.values() for name in CONDITIONS]
    for family, mapped, drive in on_map:
        yield Question(family, family, mapped, np.arange(len(mapped)), drive)
    for family, mapped, drive in on_map:
        yield from removed(family, mapped, drive)
    maps = [('gardens_point_a', mapped) for mapped in garden.values()] + [('cmu_seasons', spring)]
    maps += [('town', street[MAP]) for street in streets.values()]
    for family, mapped in maps:
        for drive in walks:
            if not drive.name.startswith(family):
                yield Question('other sets', family, mapped, np.arange(len(mapped)), drive, off_map=True)
    for seed, street in streets.items():
        for other, elsewhere in streets.items():
            for name in CONDITIONS if other != seed else ():
                yield Question('unmapped town', 'town', street[MAP], np.arange(len(street[MAP])), elsewhere[name], True)
    for floor, mapped in floors.items():
        for other, drive in floors.items():
            if other != floor:
                row = 'look-alike floors' if {floor, other} <= ALIKE else 'other floors'
                yield Question(row, 'ie_tower', mapped, np.arange(len(mapped)), drive, off_map=True)


def removed(family: str, mapped: Recording, drive: Recording) -> Iterator[Question]:
    """The same drive on the map without a stretch of it."""
    places = np.array([pose.position for pose in mapped.poses])
    nearest = np.array([np.linalg.norm(places - pose.position, axis=1).argmin()
                        for pose in drive.poses if pose is not None])
    first, last = nearest.min(), nearest.max() + 1
    for low, high in REMOVED:
        gone = np.arange(*(round(first + share * (last - first)) for share in (low, high)))
        yield Question(f'{family}, 30 % removed', family, mapped, np.setdiff1d(np.arange(len(mapped)), gone), drive,
                       stretch=int(np.isin(nearest, gone).sum()))


@dataclasses.dataclass(frozen=True)
class Judged:
    """A question and what became of its frames."""

    question: Question
    verdicts: list[Verdict]
    first: list[int]  # frames until one was accepted, from several starts


class Maps:
    """The maps of questions, written once each."""

    def __init__(self, scratch: str, store: Store):
        self.scratch, self.store, self.known = Path(scratch), store, {}

    def of(self, question: Question) -> ReplayMap:
        name = question.mapped.name, question.rows.tobytes()
        if name not in self.known:
            self.known[name] = ReplayMap(self.scratch, self.store, question.mapped, question.rows)
        return self.known[name]


def ask(maps: Maps, asked: list[Question], ways: list[str], with_first: bool,
        calibrations: dict[str, Calibration]) -> dict[str, list[Judged]]:
    """The localizer's answers in each of ``ways``, with the calibration of a question's family if there is one."""
    found: dict[str, list[Judged]] = {way: [] for way in ways}
    for question in asked:
        for way in ways:
            use, odometry = WAYS[way]
            if odometry and question.drive.odometry is None:
                continue
            how = use, odometry, calibrations.get(question.family)
            estimates, first = maps.of(question).replay(question.drive, *how), []
            if with_first and question.row == question.family:
                first = maps.of(question).frames_until_pose(question.drive, *how[:2], EVERY, how[2])
            found[way].append(Judged(question, judged(estimates, question.drive, question.off_map), first))
    return found


def frames_of(maps: Maps, question: Question) -> list[Frame]:
    """Single frames of a question, to fit a calibration on; those beside the map are neither on it nor off it."""
    frames, places = [], np.array([question.mapped.poses[row].position for row in question.rows])
    for pose, seen in zip(question.drive.poses, maps.of(question).observations(question.drive)):
        right = np.full(len(places), False)
        if not question.off_map:
            if pose is None:
                continue
            away = np.linalg.norm(places - pose.position, axis=1)
            right = away <= RADIUS
            if RADIUS < away.min() <= 2 * RADIUS or (right.any() and question.row != question.family):
                continue
        frames.append(Frame(seen.standardised, seen.cues(), right, question.family))
    return frames


def left_out(maps: Maps, asked: list[Question]) -> dict[str, Calibration]:
    """For each family the calibration that is fitted on all others, and as ``all`` on every one."""
    frames = [frame for question in asked for frame in frames_of(maps, question)]
    families = dict.fromkeys(question.family for question in asked)
    start = Calibration.of(maps.store.extractor.checkpoint.card)
    result = {family: fit([frame for frame in frames if frame.group != family], start) for family in families}
    return {**result, 'all': fit(frames, start)}


def table(found: dict[str, list[Judged]]) -> list[dict]:
    """A line for each row of questions and way of asking."""
    lines = []
    for way, parts in found.items():
        for row in dict.fromkeys(part.question.row for part in parts):
            own = [part for part in parts if part.question.row == row]
            verdicts = [verdict for part in own for verdict in part.verdicts]
            first = [count for part in own for count in part.first]
            figures = summary(verdicts)
            stretch = sum(part.question.stretch for part in own)
            lines.append({'row': row, 'way': way, **figures, 'stretch': stretch or None,
                          'recall_at_full_precision': recall_at_full_precision(verdicts),
                          'first_pose_median': float(np.median(first)) if first else None,
                          'first_pose_worst': max(first, default=None)})
    return lines


def worse_than_single(found: dict[str, list[Judged]]) -> list[str]:
    """Drives on which the filter found fewer frames than single frames did, or accepted more wrong ones."""
    lines = []
    if not {'filter', 'single'} <= found.keys():
        return lines
    for filtered, single in zip(found['filter'], found['single']):
        with_filter, alone = summary(filtered.verdicts), summary(single.verdicts)
        if with_filter['found'] < alone['found'] or with_filter['wrong'] > alone['wrong']:
            asked = filtered.question
            lines.append(f'{asked.row}: {asked.drive.name} on {asked.mapped.name}: found {with_filter["found"]} for '
                         f'{alone["found"]}, wrong {with_filter["wrong"]} for {alone["wrong"]}')
    return lines


def quality(parts: list[Judged]) -> dict:
    """Calibration error (with its 5th and 95th percentile) and the areas under the ROC curves, by family of maps."""
    result = {}
    for family in dict.fromkeys(part.question.family for part in parts):
        own = [part for part in parts if part.question.family == family]

        def probabilities(wanted) -> list[float]:
            return [verdict.probability for part in own if wanted(part.question) for verdict in part.verdicts
                    if verdict.error is not None]

        on_map = probabilities(lambda asked: asked.row == asked.family)
        result[family] = {'auroc_foreign': auroc(on_map, probabilities(lambda asked: asked.off_map))}
        scored = [(verdict.probability, verdict.error <= 5.0, number) for number, part in enumerate(own)
                  for verdict in part.verdicts if verdict.error is not None]
        probability, right, group = (np.array(column) for column in zip(*scored))
        result[family] |= {'ece': calibration_error(probability, right), 'ece_interval': bootstrap(probability, right,
                                                                                                   group)}
    return result


def shown(lines: list[dict]) -> str:
    rows = []
    for line in lines:
        off = line['first_right'] == 0 and line['found'] == 0 and line['row'] not in ('gardens_point_a', 'cmu_seasons',
                                                                                      'town')
        rows.append([line['row'], line['way'], line['scored'],
                     None if off else f'{100 * line["found"] / line["scored"]:.1f} %',
                     None if off else f'{100 * line["first_right"] / line["scored"]:.1f} %',
                     None if off else line['near'], bound(line['wrong'], line['stretch'] or line['scored']),
                     line['recall_at_full_precision'], line['first_pose_median'], line['first_pose_worst']])
    return tabulate(rows, floatfmt='.3g', headers=['drive', 'way', 'frames', 'found', 'first right', 'near', 'wrong',
                                                   'recall at 100 %', 'first pose', 'worst'])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-o', '--output', required=True, type=Path, help='folder of renderings, features and results')
    parser.add_argument('--data', type=Path, default=Path(os.environ.get('DEJAVU_DATA', '../shared/data')))
    parser.add_argument('--checkpoint', default='', help='checkpoint file (default: the shipped one)')
    parser.add_argument('--towns', nargs='*', type=int, default=list(TOWNS))
    parser.add_argument('--rows', nargs='+', help='only rows of the table that begin with one of these')
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS))
    parser.add_argument('--leave-out', action='store_true',
                        help='judge each set with a calibration that is fitted on the others (default: with the '
                             'checkpoint\'s own, which may have seen it)')
    parser.add_argument('--write', metavar='FILE', type=Path,
                        help='--leave-out: the checkpoint with the calibration of all sets')
    parser.add_argument('--first-pose', action='store_true', help='also the frames until a pose is accepted (slower)')
    arguments = parser.parse_args()

    def work() -> int:
        started = time.perf_counter()
        report(FeatureExtractor(load_checkpoint(arguments.checkpoint)), arguments)
        print(f'{time.perf_counter() - started:.0f} s')
        return 0

    return exit_status('real_drives', work)


def write(path: Path, checkpoint: Checkpoint, calibration: Calibration) -> None:
    """The checkpoint with a calibration in its card."""
    card = {**checkpoint.card, 'calibration': dataclasses.asdict(calibration), 'calibrated_on': {'sets': CALIBRATED_ON}}
    save_checkpoint(path, checkpoint.network, checkpoint.settings, checkpoint.contextual, card)


def report(extractor, arguments: argparse.Namespace) -> None:
    """Ask everything with an extractor, print the table and write ``results-CHECKPOINT.json``."""
    store = Store(arguments.output / 'kept', extractor)
    every = list(questions(arguments.data, arguments.output / 'towns', arguments.towns))
    asked = [question for question in every if not arguments.rows or question.row.startswith(tuple(arguments.rows))]
    with tempfile.TemporaryDirectory() as scratch:
        maps = Maps(scratch, store)
        calibrations = left_out(maps, every) if arguments.leave_out else {}
        for name, calibration in calibrations.items():
            print(f'calibration {"of all sets" if name == "all" else f"without {name}"}: {calibration}')
        if calibrations and arguments.write:
            write(arguments.write, extractor.checkpoint, calibrations['all'])
        found = ask(maps, asked, arguments.ways, arguments.first_pose, calibrations)
    lines = table(found)
    print(shown(lines))
    worse = worse_than_single(found)
    print(f'drives on which the filter is worse than single frames: {len(worse)}', *worse[:WORST_SHOWN], sep='\n  ')
    measured = quality(found['filter']) if 'filter' in found else {}
    for family, figures in measured.items():
        print(family, {name: np.round(value, 3).tolist() if value is not None else None
                       for name, value in figures.items()})
    with new_file(arguments.output / f'results-{extractor.checkpoint.identity}.json', 'w') as file:
        json.dump({'checkpoint': extractor.checkpoint.identity, 'rows': lines, 'quality': measured,
                   'filter_worse_than_single': worse}, file, indent=1)


if __name__ == '__main__':
    sys.exit(main())
