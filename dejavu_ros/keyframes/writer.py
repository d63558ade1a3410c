"""Writing a keyframe map, a session at a time.

Shards go to the disk as they fill up; the rows grow in a hidden copy of map.sqlite which replaces the old one, by one
rename, when the session ends. A crash at any instant therefore leaves the map of the session before.
"""

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from dejavu_ros.errors import MapError
from dejavu_ros.files import leftovers, new_folder, new_path
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes.keyframe_map import KeyframeMap, descriptor_shape
from dejavu_ros.keyframes.points import TABLE as POINTS_TABLE
from dejavu_ros.keyframes.schema import APPLICATION_ID, DATABASE, DESCRIPTORS, TABLES, VERSION, map_folder, migrate
from dejavu_ros.keyframes.shards import FILE_NAME, Shard, write_shard

SHARD_BYTES = 16 << 20


class MapWriter:
    """The only writer of a map, made with :meth:`create` or :meth:`append`; close it, or use it as a context."""

    def __init__(self, path: Path, lock: filelock.FileLock, settings: dict, checkpoint_id: str, is_new: bool):
        self.path = path
        self.settings = settings
        self.checkpoint_id = checkpoint_id
        self._lock = lock
        self._is_new = is_new

    @classmethod
    def create(cls, path: str | Path, settings: dict[str, Any], checkpoint_id: str) -> 'MapWriter':
        """A new map, which appears when its first session is committed. Raises MapError where there is one already.

        ``settings`` (JSON): ``input_size`` [W, H], ``grid`` [rows, columns], ``channels`` n, ``contextual`` and more.
        """
        folder = map_folder(path)
        settings = _checked(settings)
        lock = _lock(folder)
        try:
            if folder.exists():
                raise MapError(f'{folder} exists already: append to it (--append), or choose another name')
            _clear(leftovers(folder))
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock, settings, checkpoint_id, is_new=True)

    @classmethod
    def append(cls, path: str | Path, settings: dict[str, Any], checkpoint_id: str) -> 'MapWriter':
        """More sessions for a map. Raises MapError if it is damaged or made with other settings or checkpoint."""
        folder = map_folder(path)
        settings = _checked(settings)
        KeyframeMap.open(folder, checkpoint_id).close()
        lock = _lock(folder)
        try:
            with KeyframeMap.open(folder, checkpoint_id) as present:
                for key in ('input_size', 'grid', 'channels'):
                    if present.settings[key] != settings[key]:
                        raise MapError(f'{folder} was made with {key} {present.settings[key]}, not {settings[key]}: '
                                       'use the same settings, or build a new map')
            _clear(leftovers(folder / DATABASE))
            _clear_descriptors(folder)
        except BaseException:
            lock.release()
            raise
        return cls(folder, lock, present.settings, checkpoint_id, is_new=False)

    def __enter__(self) -> 'MapWriter':
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Let others write to the map."""
        self._lock.release()

    def migrate(self) -> int:
        """Bring the map, its content as it is, to the present format; returns the version that it had."""
        with self._reported(), new_path(self.path / DATABASE, None) as part:
            shutil.copyfile(self.path / DATABASE, part)
            with contextlib.closing(sqlite3.connect(part)) as connection:
                before = migrate(connection)
                connection.commit()
        return before

    def set_condition(self, session: str, condition: str) -> None:
        """Change the condition of a session, in one commit. Raises MapError where there is no such session."""
        _check_label('condition', condition)
        with self._reported(), new_path(self.path / DATABASE, None) as part:
            shutil.copyfile(self.path / DATABASE, part)
            with contextlib.closing(sqlite3.connect(part)) as connection:
                migrate(connection)
                if not connection.execute('UPDATE sessions SET condition = ? WHERE name = ?',
                                          (condition, session)).rowcount:
                    there = ', '.join(row[0] for row in connection.execute('SELECT name FROM sessions ORDER BY id'))
                    raise MapError(f'{self.path} has no session {session!r}; it has: {there}')
                connection.execute('UPDATE map SET revision = revision + 1')
                connection.commit()

    @contextlib.contextmanager
    def session(self, name: str, condition: str) -> Iterator['SessionWriter']:
        """Add the session ``name`` in one commit at the end of the block, or nothing if the block fails.

        Raises MapError for a name that is taken, a session without keyframes, a full disk; the map is then as before.
        """
        _check_label('session name', name)
        if not name.strip():
            raise MapError(f'session name {name!r} must be printable text')
        _check_label('condition', condition)
        with contextlib.ExitStack() as stack:
            with self._reported():
                folder = stack.enter_context(new_folder(self.path, None)) if self._is_new else self.path
                if not self._is_new:
                    stack.callback(_clear_descriptors, folder)  # if the session fails, its shards are nobody's
                part = stack.enter_context(new_path(folder / DATABASE, None))
                if not self._is_new:
                    shutil.copyfile(folder / DATABASE, part)
                connection = stack.enter_context(contextlib.closing(sqlite3.connect(part)))
                session = SessionWriter(self, folder, connection, name, condition)
            yield session
            with self._reported():
                session._finish()
                connection.close()
                stack.close()
        self._is_new = False

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, 'strerror', None) or error
            left = 'nothing is left of the new map' if self._is_new else 'the map is as it was before this session'
            raise MapError(f'cannot write {self.path}: {reason}; {left}') from None


class SessionWriter:
    """Takes the keyframes of one session, in their order; made by :meth:`MapWriter.session`."""

    def __init__(self, writer: MapWriter, folder: Path, connection: sqlite3.Connection, name: str, condition: str):
        self._writer = writer
        self._folder = folder
        self._connection = connection
        self._shards: list[Shard] = []
        self._cameras: dict[str, int] = {}
        # the copy is nobody else's and is flushed as a whole at the end, so it needs no journal of its own
        connection.execute('PRAGMA journal_mode = OFF')
        connection.execute('PRAGMA synchronous = OFF')
        if writer._is_new:
            connection.executescript(TABLES)
            connection.execute(f'PRAGMA application_id = {APPLICATION_ID}')
            connection.execute(f'PRAGMA user_version = {VERSION}')
            connection.execute('INSERT INTO map VALUES (1, 0, ?, ?)',
                               (writer.checkpoint_id, json.dumps(writer.settings)))
        else:
            migrate(connection)
        self._first, = connection.execute('SELECT count(*) FROM keyframes').fetchone()
        if connection.execute('SELECT 1 FROM sessions WHERE name = ?', (name,)).fetchone():
            taken = ', '.join(row[0] for row in connection.execute('SELECT name FROM sessions ORDER BY id'))
            raise MapError(f'{writer.path} has a session {name!r} already (it has: {taken}); choose another name')
        self._session = connection.execute('INSERT INTO sessions (name, condition) VALUES (?, ?)',
                                           (name, condition)).lastrowid
        shape = descriptor_shape(writer.settings)
        rows = max(1, SHARD_BYTES // (2 * shape[0] * shape[1]))
        self._buffer = np.empty((rows, *shape), np.float16)
        self._count = 0  # keyframes of this session

    def __len__(self) -> int:
        return self._count

    def camera(self, name: str, width: int | None = None, height: int | None = None,
               intrinsics: dict[str, Any] | None = None, base_T_camera: Pose | None = None,
               mask: bytes | None = None) -> None:
        """Record what is known of a camera (JSON ``intrinsics``, pixels; ``mask`` a PNG) before its first keyframe."""
        if name in self._cameras:
            raise MapError(f'camera {name!r} is in this session already')
        mounting = base_T_camera and json.dumps([*map(float, base_T_camera.position),
                                                 *map(float, base_T_camera.quaternion)])
        with self._writer._reported():
            self._cameras[name] = self._connection.execute(
                'INSERT INTO cameras (session, name, width, height, intrinsics, base_T_camera, mask) '
                'VALUES (?, ?, ?, ?, ?, ?, ?)',
                (self._session, name, width, height, intrinsics and json.dumps(intrinsics), mounting, mask)).lastrowid

    def add(self, descriptors: np.ndarray, camera: str, stamp_ns: int, map_T_base: Pose, covariance: np.ndarray,
            thumbnail_jpeg: bytes) -> int:
        """Add a keyframe and return its id: ``descriptors`` (n, N) float16, ``covariance`` (6, 6) as in geometry_msgs.

        A camera not recorded before is taken up by its name alone. Raises MapError where anything does not fit or
        the disk is full, DataError for a pose that is none.
        """
        shape = self._buffer.shape[1:]
        if descriptors.dtype != np.float16 or descriptors.shape != shape or not np.isfinite(descriptors).all():
            raise MapError(f'descriptors must be finite float16 {shape}, got {descriptors.dtype} {descriptors.shape}')
        covariance = np.asarray(covariance, '<f8')
        if covariance.shape != (6, 6) or not np.isfinite(covariance).all() or (np.diag(covariance) < 0).any():
            raise MapError('covariance must be (6, 6), finite and not negative on its diagonal')
        if not thumbnail_jpeg.startswith(b'\xff\xd8'):
            raise MapError('thumbnail must be the bytes of a JPEG file')
        pose = Pose.make(map_T_base.position, map_T_base.quaternion)
        if camera not in self._cameras:
            self.camera(camera)
        number = self._first + self._count
        with self._writer._reported():
            self._buffer[self._count % len(self._buffer)] = descriptors
            self._connection.execute(
                'INSERT INTO keyframes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
                (number, self._cameras[camera], int(stamp_ns), *map(float, pose.position),
                 *map(float, pose.quaternion), covariance.tobytes()))
            self._connection.execute('INSERT INTO thumbnails VALUES (?, ?)', (number, thumbnail_jpeg))
            self._count += 1
            if self._count % len(self._buffer) == 0:
                self._flush(len(self._buffer))
        return number

    def add_points(self, keyframe: int, points: bytes) -> None:
        """Give a keyframe of this session its points in 3-D (:meth:`dejavu_ros.keyframes.points.Points.to_bytes`)."""
        if not self._first <= keyframe < self._first + self._count:
            raise MapError(f'points for keyframe {keyframe}, which is not of this session')
        with self._writer._reported():
            self._connection.execute(POINTS_TABLE)
            self._connection.execute('INSERT INTO points VALUES (?, ?)', (keyframe, points))

    def _flush(self, rows: int) -> None:
        start = self._first + self._count - rows
        self._shards.append(write_shard(self._folder, start, self._buffer[:rows]))

    def _finish(self) -> None:
        if not self._count:
            raise MapError(f'no keyframes for {self._writer.path}: the session was empty')
        if self._count % len(self._buffer):
            self._flush(self._count % len(self._buffer))
        execute = self._connection.execute
        rows, = execute('SELECT count(*) FROM keyframes').fetchone()
        if not rows == self._first + self._count == self._shards[-1].stop:
            raise MapError(f'{self._writer.path}: a keyframe was interrupted, so the session is not kept')
        for shard in self._shards:
            execute('INSERT INTO shards VALUES (?, ?, ?, ?, ?)',
                    (shard.file, shard.start, shard.stop, shard.bytes, shard.sha256))
        execute('UPDATE map SET revision = revision + 1')
        self._connection.commit()


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    """``settings`` as JSON gives them back. Raises MapError where they do not describe descriptors."""
    try:
        settings = json.loads(json.dumps(settings))
        descriptor_shape(settings)
    except (TypeError, ValueError) as error:
        raise MapError(f'map settings cannot be used: {error}') from None
    return settings


def _check_label(what: str, text: str) -> None:
    if not text.isprintable():
        raise MapError(f'{what} {text!r} must be printable text')


def _lock(folder: Path) -> filelock.FileLock:
    """Hold the one lock on writing to ``folder``, which lies beside it. Raises MapError if another writer has it."""
    real = Path(os.path.realpath(folder))  # one map, one lock, whichever link leads to it
    lock = filelock.FileLock(real.with_name(f'.{real.name}.lock'), timeout=0)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise MapError(f'{folder} is being written by another process: wait until it has finished') from None
    except (OSError, NotImplementedError) as error:
        raise MapError(f'cannot write {folder}: {getattr(error, "strerror", None) or error}') from None
    return lock


def _clear_descriptors(folder: Path) -> None:
    """Remove the shards, whole or not, that the map on the disk does not name."""
    with contextlib.suppress(MapError), KeyframeMap.open(folder) as present:
        known = {shard.file for shard in present.shard_table}
        written = [path for path in (folder / DESCRIPTORS).glob('*') if FILE_NAME.fullmatch(path.name)]
        _clear(path for path in written if path.name not in known)
        _clear((folder / DESCRIPTORS).glob('.*.part'))


def _clear(paths: Iterable[Path]) -> None:
    """Remove what killed or failed writers left; what cannot be removed is harmless."""
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
