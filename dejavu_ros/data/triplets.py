"""From traversals of one area to places: which frames show the same spot in which session.

The folder that comes out: ``images/SESSION/STAMP.jpg``, each once, and ``manifest.csv``, one row for each view in a
place, with the columns ``next`` (image of the frame after it) and ``next_stamp_ns`` beyond those of every manifest.
"""

import csv
import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from dejavu_ros.data.frames import Frame
from dejavu_ros.data.manifests import OPTIONAL, REQUIRED
from dejavu_ros.data.poses import PoseSource
from dejavu_ros.data.selection import KeyframeSelector
from dejavu_ros.data.triplet_config import TripletConfig
from dejavu_ros.errors import DataError, ImageError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import check_informative, encode_jpeg

JPEG_QUALITY = 95
NOWHERE = -1  # the place of a view that is in none


@dataclasses.dataclass(frozen=True)
class View:
    """A kept frame: ``image`` and that of its ``next`` frame are JPEG files."""

    session: str
    stamp_ns: int
    map_T_base: Pose
    image: Path
    next: Path
    next_stamp_ns: int


@dataclasses.dataclass
class Traversal:
    """One session: its ``views`` in time, and what became of the other frames; ``track`` (T, 2) metres is all of it."""

    name: str
    condition: str = ''
    views: list[View] = dataclasses.field(default_factory=list)
    track: list[np.ndarray] = dataclasses.field(default_factory=list)
    frames: int = 0
    without_pose: int = 0
    without_next: int = 0
    bad_images: int = 0
    first_bad_image: str = ''

    def collect(self, frames: Iterable[Frame], poses: PoseSource, folder: Path, config: TripletConfig) -> None:
        """Keep the views among ``frames``, in the order of time, with their images in the new ``folder``.

        Unusable images are counted and left out. Raises DataError where no view is left.
        """
        selector = KeyframeSelector(config.spacing, math.radians(config.turn))
        max_gap_ns, after_ns, within_ns = (round(seconds * 1e9) for seconds in (
            config.max_pose_gap, config.next_after, config.next_within))
        waiting: list[tuple[int, Pose, Path]] = []  # kept, the next frame still to come
        last = None
        folder.mkdir(parents=True)
        for frame in frames:
            self.frames += 1
            stamp = frame.stamp_ns
            if last is not None and stamp <= last:  # a camera that repeats itself, or a clock that was set back
                continue
            last = stamp
            overdue = sum(stamp - kept > within_ns for kept, _, _ in waiting)
            self.without_next += overdue
            waiting = waiting[overdue:]
            followed = sum(stamp - kept >= after_ns for kept, _, _ in waiting)
            pose, _ = poses.at(stamp, max_gap_ns) or (None, None)
            if pose is None:
                self.without_pose += 1
            else:
                self.track.append(pose.position[:2])
            wanted = pose is not None and selector.wants(pose)
            if not followed and not wanted:
                continue
            try:
                image = frame.image()
                check_informative(image)
            except ImageError as error:
                self.bad_images += 1
                self.first_bad_image = self.first_bad_image or f'{frame.name}: {error}'
                continue
            path = folder / f'{stamp}.jpg'
            path.write_bytes(encode_jpeg(image, JPEG_QUALITY))
            self.views += [View(self.name, *kept, path, stamp) for kept in waiting[:followed]]
            waiting = waiting[followed:]
            if wanted:
                selector.keep(pose)
                waiting.append((stamp, pose, path))
        self.without_next += len(waiting)
        if not self.views:
            raise DataError(f'session {self.name} has no frame that can be used: {self.losses(config) or "no images"}; '
                            f'poses are from {poses.source}')

    def losses(self, config: TripletConfig) -> str:
        """In words, what was left out and why; empty where nothing was."""
        counted = [(self.without_pose, f'without poses at most {config.max_pose_gap:g} s apart around them'),
                   (self.without_next, f'kept but with no next frame {config.next_after:g} to '
                                       f'{config.next_within:g} s later'),
                   (self.bad_images, f'with an unusable image (the first: {self.first_bad_image})')]
        return ', '.join(f'{count} of {self.frames} frames {why}' for count, why in counted if count)


def find_places(views: Sequence[View], config: TripletConfig) -> tuple[np.ndarray, list[int]]:
    """Labels (V,), the number of each view's place or NOWHERE, and for each place the view at its centre.

    Greedy in the order of ``views``: one that is clear of all centres, by two radii and the gap or by twice the angle,
    becomes the centre of a new place. So places never overlap, and the same views give the same places.
    """
    positions = np.array([view.map_T_base.position[:2] for view in views])
    yaws = np.array([view.map_T_base.yaw for view in views])
    angle, apart = math.radians(config.place_angle), 2 * config.place_radius + config.place_gap
    labels, centres = np.full(len(views), NOWHERE), []
    for index in range(len(views)):
        distances, turns = _apart(positions, yaws, index)
        if ((distances[centres] > apart) | (turns[centres] > 2 * angle)).all():
            labels[(distances <= config.place_radius) & (turns <= angle)] = len(centres)
            centres.append(index)
    return labels, centres


def sessions_of_places(views: Sequence[View], labels: np.ndarray) -> list[set[str]]:
    """The names of the sessions that saw each place. Raises DataError where none was seen by two."""
    seen: list[set[str]] = [set() for _ in range(labels.max() + 1)]
    for view, label in zip(views, labels):
        if label != NOWHERE:
            seen[label].add(view.session)
    if not any(len(sessions) > 1 for sessions in seen):
        raise DataError(f'no place was seen in two sessions: {_nearest(views)}; poses must be in one map frame for '
                        'all bags, --place-radius and --place-angle say what one place is')
    return seen


def write_index(path: Path, views: Sequence[View], labels: np.ndarray, conditions: dict[str, str]) -> None:
    """Write the manifest of all views in places, place by place along the way, paths relative to its folder."""
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow([*REQUIRED, *OPTIONAL, 'next', 'next_stamp_ns'])
        for index in np.argsort(labels, kind='stable')[(labels == NOWHERE).sum():]:
            view, pose = views[index], views[index].map_T_base
            writer.writerow([view.image.relative_to(path.parent).as_posix(), f'{labels[index]:04d}', view.session,
                             conditions[view.session], view.stamp_ns, *(f'{value:.4f}' for value in pose.position[:2]),
                             f'{pose.yaw:.5f}', view.next.relative_to(path.parent).as_posix(), view.next_stamp_ns])


def remove_unused(folder: Path, views: Sequence[View], labels: np.ndarray) -> int:
    """Delete images below ``folder`` that no view in a place names; returns how many are left."""
    used = {path for view, label in zip(views, labels) if label != NOWHERE for path in (view.image, view.next)}
    for path in folder.rglob('*.jpg'):
        if path not in used:
            path.unlink()
    return len(used)


def _apart(positions: np.ndarray, yaws: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Metres and radians from one view to all."""
    turns = np.abs((yaws - yaws[index] + np.pi) % (2 * np.pi) - np.pi)
    return np.linalg.norm(positions - positions[index], axis=1), turns


def _nearest(views: Sequence[View]) -> str:
    """How far the nearest views of two sessions are apart, in words."""
    positions = np.array([view.map_T_base.position[:2] for view in views])
    yaws = np.array([view.map_T_base.yaw for view in views])
    sessions = np.array([view.session for view in views])
    best = (math.inf, 0, 0)
    for name in dict.fromkeys(sessions.tolist()):
        own, others = np.flatnonzero(sessions == name), np.flatnonzero(sessions != name)
        distances, nearest = cKDTree(positions[others]).query(positions[own])
        row = int(distances.argmin())
        best = min(best, (float(distances[row]), int(own[row]), int(others[nearest[row]])))
    distance, one, other = best
    turn = math.degrees(_apart(positions, yaws, one)[1][other])
    return f'their nearest views are {distance:.1f} m and {turn:.0f} degrees apart'
