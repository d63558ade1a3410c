"""Maps made from maps: merged, thinned, without some sessions. The old ones stay as they are."""

import contextlib
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from dejavu_ros.data.selection import KeyframeSelector
from dejavu_ros.errors import MapError
from dejavu_ros.files import sync
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.keyframes.schema import map_folder
from dejavu_ros.mapping.config import ThinConfig

Progress = Callable[[Iterable], Iterable]


@contextlib.contextmanager
def new_map(output: str | Path, like: KeyframeMap) -> Iterator[MapWriter]:
    """The writer of a map of any number of sessions, which appears when the block ends well, or not at all.

    Raises MapError where there is one already, or the place cannot be written.
    """
    folder = map_folder(output)
    if folder.exists():
        raise MapError(f'{folder} exists already: choose another name')
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent) as hidden:
            part = Path(hidden) / folder.name
            with MapWriter.create(part, like.settings, like.checkpoint_id) as writer:
                yield writer
            os.rename(part, folder)
            sync(folder.parent)
    except OSError as error:
        raise MapError(f'cannot write {folder}: {error.strerror or error}') from None


def copy_session(source: KeyframeMap, name: str, writer: MapWriter, rows: Sequence[int] | None = None,
                 poses: Sequence[Pose] | None = None, spread: np.ndarray | None = None,
                 progress: Progress = iter) -> None:
    """Add a session of ``source`` to another map: its keyframes, or those of ``rows`` alone.

    ``poses`` (map_T_base) replace theirs, and ``spread`` (6, 6) is added to their covariances. Raises MapError where
    the session is not there, the other map has one of that name, or nothing of it is left.
    """
    own = session_rows(source, name)
    rows = own if rows is None else rows
    condition = next(session.condition for session in source.sessions if session.name == name)
    with writer.session(name, condition) as session:
        for camera in source.cameras:
            if camera.session == name:
                session.camera(camera.name, camera.width, camera.height, camera.intrinsics, camera.base_T_camera,
                               camera.mask)
        for index, row in enumerate(progress(rows)):
            row = int(row)
            frame = source.keyframes[row]
            session.add(source.descriptors(row, row + 1)[0], frame.camera, frame.stamp_ns,
                        frame.map_T_base if poses is None else poses[index],
                        frame.covariance if spread is None else frame.covariance + spread, source.thumbnail(row))


def session_rows(source: KeyframeMap, name: str) -> np.ndarray:
    """Rows of a session. Raises MapError where there is no such session."""
    names = [session.name for session in source.sessions]
    if name not in names:
        raise MapError(f'{source.path} has no session {name!r}; it has: {", ".join(names)}')
    return np.flatnonzero(source.session_index == names.index(name))


def merge(sources: Sequence[KeyframeMap], output: str | Path, progress: Progress = iter) -> int:
    """All sessions of maps that share one frame and one checkpoint, in a new map; returns how many keyframes it has.

    Raises MapError where checkpoints or settings differ, or two sessions have one name.
    """
    first = sources[0]
    for other in sources[1:]:
        if other.checkpoint_id != first.checkpoint_id or other.settings != first.settings:
            raise MapError(f'{other.path} was made with checkpoint {other.checkpoint_id} and other settings than '
                           f'{first.path} ({first.checkpoint_id}): build one of them again')
    names = [session.name for source in sources for session in source.sessions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MapError(f'two of the maps have a session {twice[0]!r}: remove it from one of them first')
    with new_map(output, first) as writer:
        for source in sources:
            for session in source.sessions:
                copy_session(source, session.name, writer, progress=progress)
    return sum(map(len, sources))


def remove_sessions(source: KeyframeMap, names: Sequence[str], output: str | Path, progress: Progress = iter) -> int:
    """A new map without some sessions; returns how many keyframes it has. Raises MapError where none would be left."""
    for name in names:
        session_rows(source, name)
    return keep(source, {session.name: session_rows(source, session.name) for session in source.sessions
                         if session.name not in names}, output, progress)


def thin(source: KeyframeMap, output: str | Path, config: ThinConfig, progress: Progress = iter) -> int:
    """A new map with keyframes further apart, and each place in the newest sessions; returns how many are left."""
    kept: dict[str, np.ndarray] = {}
    for condition in {session.condition: None for session in source.sessions}:
        sessions = [session for session in source.sessions if session.condition == condition]
        seen = np.zeros(len(source), int)
        for session in sorted(sessions, key=lambda session: -session.last_stamp_ns):
            rows = session_rows(source, session.name)
            rows = spaced(source, rows[seen[rows] < config.newest] if config.newest else rows, config)
            kept[session.name] = rows
            if config.newest and len(rows):
                seen += shown(source, rows, config)
    return keep(source, {session.name: kept[session.name] for session in source.sessions}, output, progress)


def spaced(source: KeyframeMap, rows: np.ndarray, config: ThinConfig) -> np.ndarray:
    """Those of ``rows``, of one session, that are far enough apart along the way; each camera for itself."""
    selectors: dict[str, KeyframeSelector] = {}
    chosen = []
    for row in rows:
        frame = source.keyframes[int(row)]
        selector = selectors.setdefault(frame.camera,
                                        KeyframeSelector(config.distance, math.radians(config.angle)))
        if selector.wants(frame.map_T_base):
            selector.keep(frame.map_T_base)
            chosen.append(row)
    return np.array(chosen, int)


def shown(source: KeyframeMap, rows: np.ndarray, config: ThinConfig) -> np.ndarray:
    """(K,) bool: keyframes of the map near one of ``rows``, looking the same way."""
    near = cKDTree(source.positions[rows]).query_ball_point(source.positions, config.radius)
    limit = math.cos(math.radians(config.angle) / 2)
    return np.array([any(abs(source.quaternions[row] @ source.quaternions[rows[i]]) >= limit for i in found)
                     for row, found in enumerate(near)])


def keep(source: KeyframeMap, rows: dict[str, np.ndarray], output: str | Path, progress: Progress) -> int:
    """A new map of these rows of sessions, those that have none left out. Raises MapError where nothing is left."""
    rows = {name: own for name, own in rows.items() if len(own)}
    if not rows:
        raise MapError(f'nothing of {source.path} would be left')
    with new_map(output, source) as writer:
        for name, own in rows.items():
            copy_session(source, name, writer, own, progress=progress)
    return sum(map(len, rows.values()))
