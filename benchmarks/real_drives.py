"""What the localizer answers on real drives, on rendered ones and where no map is: found, near, wrong.

    python benchmarks/real_drives.py -o real_drives                        # the shipped checkpoint, ../shared/data
    python benchmarks/real_drives.py -o real_drives --leave-out --first-pose          # the whole table
    python benchmarks/real_drives.py -o real_drives --checkpoint other.pt
    python benchmarks/real_drives.py -o real_drives --test                 # the test sets instead: once, at the end

Rows: Gardens Point (six directions between three sessions), the CMU road (57 labelled frames on the spring map),
rendered validation towns (nine conditions), and what is not on the map: floors of a tower on each other's maps, frames
of other sets, another town, and the same drives with 30 % of the map removed. ``dejavu_ros/evaluation/drive_table.py``
says what the figures are. With --leave-out each row is judged by a calibration that is fitted without the sets of its
map and of its drive, and beside it by the checkpoint's own, which has seen them. Features and similarities are kept in
the output folder for each checkpoint, and rendered drives too, so that a second run repeats the localizer alone.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dejavu_ros.data.folders import image_stamps, list_images, read_tum
from dejavu_ros.data.known_sets import cmu_seasons
from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.errors import DataError, exit_status
from dejavu_ros.evaluation.consistency import Answer
from dejavu_ros.evaluation.drive_table import LOOK_ALIKE, Judged, Question, results, shown
from dejavu_ros.evaluation.pose_drives import kitti_drives
from dejavu_ros.evaluation.replay import Recording, ReplayMap, Store, judged
from dejavu_ros.files import new_file
from dejavu_ros.geometry import Pose
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.nn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.mounting import BODY_T_OPTICAL
from dejavu_ros.town import CONDITIONS, Renderer, Town, camera_mount
from dejavu_ros.town.camera import intrinsics
from dejavu_ros.town.drives import MAP, render_drive
from dejavu_ros.training.calibration import RADIUS, Frame, fit

SECOND = 10**9
TOWNS, TEST_TOWNS = (103, 104), (201, 202, 203)
KITTI_NS = SECOND // 10  # between frames of KITTI
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
EVERYTHING: frozenset[str] = frozenset()  # the calibration that leaves no set out
LEFT_OUT, SEEN, UNSEEN = 'left out', 'seen', 'unseen'  # what a calibration knows of the sets it is judged on
Fit = Callable[[Question], Calibration | None]  # the calibration for a question, None: the checkpoint's own


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


def kitti(data: Path) -> tuple[Recording, Recording]:
    """Even frames, to map, and odd ones of the test drive; its poses are turned from a camera's axes to a base's."""
    images, halves = list_images(data / 'kitti_subset' / 'image_l'), []
    for first, (name, drive) in enumerate(zip(('even', 'odd'), kitti_drives(data / 'kitti_subset'))):
        lens = drive.lens
        described = {'width': lens.width, 'height': lens.height, 'K': list(lens.K), 'D': [], 'model': lens.model}
        camera = {'width': lens.width, 'height': lens.height, 'intrinsics': described, 'base_T_camera': BODY_T_OPTICAL}
        poses = [BODY_T_OPTICAL @ frame.map_T_base @ BODY_T_OPTICAL.inverse for frame in drive.frames]
        own = range(first, len(images), 2)
        halves.append(Recording(f'kitti_subset {name}', [images[index] for index in own],
                                [index * KITTI_NS for index in own], poses, camera=camera, is_metric=True))
    return halves[0], halves[1]


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
        drives[name] = Recording(f'town {seed} {name}', images, stamps, poses, odometry, name,
                                 camera if name == MAP else None, is_metric=True)
    return drives


def validation(data: Path, rendered: Path, towns: Iterable[int]) -> list[Question]:
    """All of the table, the drives on a map first."""
    garden, road = gardens_point(data), cmu(data)
    spring = road.pop('2011-04-21_spring')
    on_map = [(mapped, drive) for mapped in garden.values() for drive in garden.values() if mapped is not drive]
    on_map += [(spring, drive) for drive in road.values()]
    walks = [*garden.values(), *road.values(), spring, *others(data)]
    return [*questions(on_map + town_drives(rendered, towns), walks),
            *floors_of({floor: tower(data, floor) for floor in FLOORS})]


def test(data: Path, rendered: Path) -> list[Question]:
    """The same of the test sets."""
    even, odd = kitti(data)
    return list(questions([(even, odd), *town_drives(rendered, TEST_TOWNS)], [even, odd]))


def town_drives(rendered: Path, towns: Iterable[int]) -> list[tuple[Recording, Recording]]:
    """The map of each town and a drive in each condition."""
    streets = [town(rendered, seed) for seed in towns]
    return [(street[MAP], street[name]) for street in streets for name in CONDITIONS]


def questions(on_map: Sequence[tuple[Recording, Recording]], walks: Sequence[Recording]) -> Iterator[Question]:
    """Drives on their maps, whole and without a stretch, and on the maps of other towns; ``walks`` on those of other
    sets.
    """
    for mapped, drive in on_map:
        yield Question(mapped.family, mapped, np.arange(len(mapped)), drive)
    for mapped, drive in on_map:
        yield from removed(mapped, drive)
    maps = {mapped.name: mapped for mapped, _ in on_map}.values()
    for mapped in maps:
        for drive in walks:
            if drive.family != mapped.family:
                yield Question('other sets', mapped, np.arange(len(mapped)), drive, off_map=True)
    for mapped in maps:
        for elsewhere, drive in on_map:
            if mapped.family == elsewhere.family == 'town' and mapped is not elsewhere:
                yield Question('unmapped town', mapped, np.arange(len(mapped)), drive, off_map=True)


def floors_of(floors: Mapping[int, Recording]) -> Iterator[Question]:
    """Each floor of a tower on the maps of the others."""
    for floor, mapped in floors.items():
        for other, drive in floors.items():
            if other != floor:
                row = LOOK_ALIKE if {floor, other} <= ALIKE else 'other floors'
                yield Question(row, mapped, np.arange(len(mapped)), drive, off_map=True)


def removed(mapped: Recording, drive: Recording) -> Iterator[Question]:
    """The same drive on the map without a stretch of it."""
    places = np.array([pose.position for pose in mapped.poses])
    nearest = np.array([-1 if pose is None else np.linalg.norm(places - pose.position, axis=1).argmin()
                        for pose in drive.poses])
    first, last = nearest[nearest >= 0].min(), nearest.max() + 1
    for low, high in REMOVED:
        gone = np.arange(*(round(first + share * (last - first)) for share in (low, high)))
        yield Question(f'{mapped.family}, 30 % removed', mapped, np.setdiff1d(np.arange(len(mapped)), gone), drive,
                       gone=np.isin(nearest, gone))


class Maps:
    """The maps of questions, written once each."""

    def __init__(self, scratch: str, store: Store):
        self.scratch, self.store, self.known = Path(scratch), store, {}

    def of(self, question: Question) -> ReplayMap:
        name = question.mapped.name, question.rows.tobytes()
        if name not in self.known:
            self.known[name] = ReplayMap(self.scratch, self.store, question.mapped, question.rows)
        return self.known[name]


def ask(maps: Maps, asked: Sequence[Question], ways: Sequence[str], with_first: bool,
        fits: Mapping[str, Fit]) -> dict[str, dict[str, list[Judged]]]:
    """The localizer's answers with each of ``fits`` in each of ``ways``.

    Features, similarities and what each frame says by itself are the same for all. The frames until the first pose are
    counted with the first fit alone.
    """
    found: dict[str, dict[str, list[Judged]]] = {name: {way: [] for way in ways} for name in fits}
    for question in shown_progress(asked, 'drives'):
        for name, calibration_of in fits.items():
            for way in ways:
                if not WAYS[way][1] or question.drive.odometry is not None:
                    counts = with_first and name == next(iter(fits)) and question.is_whole
                    found[name][way].append(answered(maps.of(question), question, WAYS[way],
                                                     calibration_of(question), counts))
        maps.of(question).forget()
    return found


def answered(replayed: ReplayMap, question: Question, way: tuple[bool, bool], calibration: Calibration | None,
             with_first: bool) -> Judged:
    """A question asked once; ``way`` is with the filter and with odometry or not."""
    drive = question.drive
    estimates = replayed.replay(drive, *way, calibration)
    answers = [Answer.of(estimate, pose, drive.condition) for estimate, pose in zip(estimates, drive.poses)]
    return Judged(question, judged(estimates, drive, question.off_map),
                  answers if question.is_whole and drive.is_metric else [],
                  replayed.frames_until_pose(drive, *way, EVERY, calibration) if with_first else [])


def shown_progress(asked: Sequence[Question], what: str) -> Iterator[Question]:
    """The questions, with the time left by the number of their frames."""
    with tqdm(desc=what, total=sum(len(question.drive) for question in asked), unit='frame', disable=None) as bar:
        for question in asked:
            yield question
            bar.update(len(question.drive))


def frames_of(maps: Maps, question: Question) -> list[Frame]:
    """Single frames of a question, to fit a calibration on; those beside the map are neither on it nor off it."""
    frames, places = [], question.keyframes
    for pose, seen in zip(question.drive.poses, maps.of(question).observations(question.drive)):
        right = np.full(len(places), False)
        if not question.off_map:
            if pose is None:
                continue
            away = np.linalg.norm(places - pose.position, axis=1)
            right = away <= RADIUS
            if RADIUS < away.min() <= 2 * RADIUS or (right.any() and not question.is_whole):
                continue
        frames.append(Frame(seen.standardised, seen.cues(), right, question.family))
    maps.of(question).forget()
    return frames


def left_out(maps: Maps, every: Sequence[Question], asked: Sequence[Question]) -> dict[frozenset[str], Calibration]:
    """For the sets of each question asked the calibration that is fitted on what shows none of them, and the one of
    EVERYTHING.
    """
    frames = [(question.families, frame) for question in shown_progress(every, 'single frames')
              for frame in frames_of(maps, question)]
    start = Calibration.of(maps.store.extractor.checkpoint.card)
    wanted = dict.fromkeys([EVERYTHING, *(question.families for question in asked)])
    return {sets: fit([frame for own, frame in frames if not own & sets], start)
            for sets in tqdm(wanted, desc='calibrations', disable=None)}


def write(path: Path, checkpoint: Checkpoint, calibration: Calibration) -> None:
    """The checkpoint with a calibration in its card."""
    card = {**checkpoint.card, 'calibration': dataclasses.asdict(calibration), 'calibrated_on': {'sets': CALIBRATED_ON}}
    save_checkpoint(path, checkpoint.network, checkpoint.settings, checkpoint.contextual, card)


def report(extractor: FeatureExtractor, arguments: argparse.Namespace) -> None:
    """Ask everything with an extractor, print the table and write ``results-IDENTITY.json`` (``test-IDENTITY.json``).

    Raises DataError where the test sets have been asked with this checkpoint.
    """
    identity = extractor.checkpoint.identity
    path = arguments.output / f'{"test" if arguments.test else "results"}-{identity}.json'
    if arguments.test and path.exists():
        raise DataError(f'the test sets are asked once: {path} has the figures of this checkpoint')
    rendered = arguments.output / 'towns'
    every = (test(arguments.data, rendered) if arguments.test else
             validation(arguments.data, rendered, arguments.towns))
    asked = [question for question in every if not arguments.rows or question.row.startswith(tuple(arguments.rows))]
    if not asked:
        raise DataError(f'no row begins with {" or ".join(arguments.rows)}: there are '
                        f'{", ".join(dict.fromkeys(question.row for question in every))}')
    with tempfile.TemporaryDirectory() as scratch:
        maps = Maps(scratch, Store(arguments.output / 'kept', extractor))
        calibrations = left_out(maps, every, asked) if arguments.leave_out else {}
        for sets, calibration in calibrations.items():
            if len(sets) < 2:  # the file has those without two sets
                print(f'calibration {"without " + ", ".join(sets) if sets else "of all sets"}: {calibration}')
        own = None
        if arguments.write:
            own = calibrations[EVERYTHING]
            write(arguments.write, extractor.checkpoint, own)
        fits: dict[str, Fit] = {UNSEEN if arguments.test else SEEN: lambda question: own}
        if calibrations:
            fits = {LEFT_OUT: lambda question: calibrations[question.families], **fits}
        figures = {name: results(found) for name, found in
                   ask(maps, asked, arguments.ways, arguments.first_pose, fits).items()}
    print(shown(figures))
    for name, part in figures.items():
        worse = part['filter_worse_than_single']
        print(f'drives on which the filter is worse than single frames ({name}): {len(worse)}', *worse[:WORST_SHOWN],
              sep='\n  ')
    with new_file(path, 'w') as file:
        json.dump({'checkpoint': identity, 'calibrations': {
            ', '.join(sorted(sets)) or 'none': dataclasses.asdict(calibration)
            for sets, calibration in calibrations.items()}, **figures}, file, indent=1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-o', '--output', required=True, type=Path, help='folder of renderings, features and results')
    parser.add_argument('--data', type=Path, default=Path(os.environ.get('DEJAVU_DATA', '../shared/data')))
    parser.add_argument('--checkpoint', default='', help='checkpoint file (default: the shipped one)')
    parser.add_argument('--towns', nargs='*', type=int, default=list(TOWNS), help='validation towns')
    parser.add_argument('--rows', nargs='+', help='only rows of the table that begin with one of these')
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS))
    parser.add_argument('--leave-out', action='store_true',
                        help='judge each row with a calibration that is fitted without the sets it shows; what is '
                             'found and wrong with the checkpoint\'s own, which may have seen them, stands beside it')
    parser.add_argument('--write', metavar='FILE', type=Path,
                        help='--leave-out: the checkpoint with the calibration of all sets, which is the one that has '
                             'seen them then')
    parser.add_argument('--first-pose', action='store_true', help='also the frames until a pose is accepted (slower)')
    parser.add_argument('--test', action='store_true',
                        help='the test sets instead, on which nothing was fitted: towns '
                             f'{", ".join(map(str, TEST_TOWNS))} in nine conditions, and kitti_subset, of which every '
                             'second frame is the map and the others, taken between them in the same drive, are the '
                             'queries. They are asked once with a checkpoint')
    arguments = parser.parse_args()
    if arguments.test and (arguments.leave_out or arguments.rows):
        parser.error('--test asks for all rows with the checkpoint\'s calibration: no --leave-out, no --rows')
    if arguments.write and not arguments.leave_out:
        parser.error('--write needs --leave-out')

    def work() -> int:
        started = time.perf_counter()
        report(FeatureExtractor(load_checkpoint(arguments.checkpoint)), arguments)
        print(f'{time.perf_counter() - started:.0f} s')
        return 0

    return exit_status('real_drives', work)


if __name__ == '__main__':
    sys.exit(main())
