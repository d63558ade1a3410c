"""From traversals of one area to places: which frames show the same spot in which session.

The folder that comes out: ``images/SESSION/STAMP.jpg``, each once, and ``manifest.csv``, one row for each view in a
place, with the columns ``next_stamp_ns`` and ``visit`` beyond those of every manifest.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from dejavu_ros.data.frames import Frame
from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.data.places import NOWHERE, cluster, turn_between
from dejavu_ros.data.poses import PoseSource
from dejavu_ros.data.selection import KeyframeSelector
from dejavu_ros.data.triplet_config import TripletConfig
from dejavu_ros.errors import DataError, ImageError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import check_informative, encode_jpeg

JPEG_QUALITY = 95


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
    not_newer: int = 0
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
                self.not_newer += 1
                continue
            last = stamp
            overdue = sum(stamp - kept > within_ns for kept, _, _ in waiting)
            self.without_next += overdue
            waiting = waiting[overdue:]
            followed = sum(stamp - kept >= after_ns for kept, _, _ in waiting)
            pose, _ = poses.at(frame.asked_ns, max_gap_ns) or (None, None)
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
                   (self.not_newer, 'not newer than one before: the clock was set back, or the camera repeats itself'),
                   (self.bad_images, f'with an unusable image (the first: {self.first_bad_image})')]
        return ', '.join(f'{count} of {self.frames} frames {why}' for count, why in counted if count)


def find_places(views: Sequence[View], config: TripletConfig) -> tuple[np.ndarray, list[int]]:
    """Labels (V,), the number of each view's place or NOWHERE, and the views at the places' centres."""
    return cluster(*_planar(views), config.place_radius, math.radians(config.place_angle), config.place_gap)


def number_visits(views: Sequence[View], labels: np.ndarray, gap_ns: int) -> np.ndarray:
    """(V,) how many times, with this one, a session has come to the view's place; 0 for a view in none.

    ``views`` are in time within a session. A session that leaves a place and is back within ``gap_ns`` is still on the
    same visit: a lane that was left for a moment, a pose at the border.
    """
    visits = np.zeros(len(views), int)
    last: dict[tuple[str, int], int] = {}  # the latest view of a session in a place
    before: dict[str, int] = {}  # the latest view of a session anywhere
    for index, (view, label) in enumerate(zip(views, labels.tolist())):
        if label != NOWHERE:
            there = last.get((view.session, label))
            away = there is not None and there != before[view.session]
            again = there is None or away and view.stamp_ns - views[there].stamp_ns > gap_ns
            visits[index] = (visits[there] if there is not None else 0) + again
            last[view.session, label] = index
        before[view.session] = index
    return visits


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


def write_index(path: Path, views: Sequence[View], labels: np.ndarray, visits: np.ndarray,
                conditions: dict[str, str]) -> None:
    """Write the manifest of all views in places, place by place along the way, paths relative to its folder."""
    order = np.argsort(labels, kind='stable')[(labels == NOWHERE).sum():]
    rows = []
    for index in order:
        view, (x, y) = views[index], views[index].map_T_base.position[:2]
        rows.append(ManifestRow(view.image, f'{labels[index]:04d}', view.session, conditions[view.session],
                                view.stamp_ns, round(float(x), 4), round(float(y), 4),
                                round(view.map_T_base.yaw, 5), view.next))
    write_manifest(path, rows, {'next_stamp_ns': [views[index].next_stamp_ns for index in order],
                                'visit': visits[order].tolist()})


def remove_unused(folder: Path, views: Sequence[View], labels: np.ndarray) -> int:
    """Delete images below ``folder`` that no view in a place names; returns how many are left."""
    used = {path for view, label in zip(views, labels) if label != NOWHERE for path in (view.image, view.next)}
    for path in folder.rglob('*.jpg'):
        if path not in used:
            path.unlink()
    return len(used)


def _planar(views: Sequence[View]) -> tuple[np.ndarray, np.ndarray]:
    """Positions (V, 2) in metres and headings (V,) in radians."""
    return (np.array([view.map_T_base.position[:2] for view in views]),
            np.array([view.map_T_base.yaw for view in views]))


def _nearest(views: Sequence[View]) -> str:
    """How far the nearest views of two sessions are apart, in words."""
    positions, yaws = _planar(views)
    sessions = np.array([view.session for view in views])
    best = (math.inf, 0, 0)
    for name in dict.fromkeys(sessions.tolist()):
        own, others = np.flatnonzero(sessions == name), np.flatnonzero(sessions != name)
        distances, nearest = cKDTree(positions[others]).query(positions[own])
        row = int(distances.argmin())
        best = min(best, (float(distances[row]), int(own[row]), int(others[nearest[row]])))
    distance, one, other = best
    turn = math.degrees(turn_between(yaws[one], yaws[other]))
    return f'their nearest views are {distance:.1f} m and {turn:.0f} degrees apart'
