"""Reading a keyframe map. Nothing here writes, and descriptors stay on the disk until they are used."""

import dataclasses
import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dejavu_ros.errors import MapError
from dejavu_ros.geometry import FARTHEST, Pose
from dejavu_ros.keyframes.points import have_points
from dejavu_ros.keyframes.schema import connect, format_of, map_folder, reading
from dejavu_ros.keyframes.shards import Shard, open_shard

COLUMNS = [('camera', 'i8'), ('stamp_ns', 'i8'), ('x', 'f8'), ('y', 'f8'), ('z', 'f8'),
           ('qx', 'f8'), ('qy', 'f8'), ('qz', 'f8'), ('qw', 'f8')]


@dataclasses.dataclass(frozen=True)
class Keyframe:
    """One remembered view; ``id`` is its row in descriptors, positions and quaternions."""

    id: int
    session: str
    condition: str
    camera: str
    stamp_ns: int
    map_T_base: Pose
    covariance: np.ndarray  # (6, 6) of x, y, z (metres), roll, pitch, yaw (radians), as in geometry_msgs


@dataclasses.dataclass(frozen=True)
class Session:
    """One traversal of the mapped place."""

    name: str
    condition: str
    keyframes: int
    first_stamp_ns: int
    last_stamp_ns: int


@dataclasses.dataclass(frozen=True)
class Camera:
    """A camera of one session; what was not known at mapping time is None. ``mask`` is a PNG file, black: hidden."""

    session: str
    name: str
    width: int | None
    height: int | None
    intrinsics: dict[str, Any] | None
    base_T_camera: Pose | None
    mask: bytes | None = None


class Keyframes(Sequence):
    """All keyframes as columns; a :class:`Keyframe` is made when one is asked for."""

    def __init__(self, columns: np.ndarray, covariances: np.ndarray, cameras: list[Camera],
                 conditions: dict[str, str]):
        self.stamps_ns = columns['stamp_ns']
        self.positions = np.stack([columns[name] for name in ('x', 'y', 'z')], axis=1)
        self.quaternions = np.stack([columns[name] for name in ('qx', 'qy', 'qz', 'qw')], axis=1)
        self.covariances = covariances
        self.camera_index = columns['camera']
        self._cameras = cameras
        self._conditions = conditions

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        camera = self._cameras[self.camera_index[row]]
        return Keyframe(row, camera.session, self._conditions[camera.session], camera.name, int(self.stamps_ns[row]),
                        Pose(self.positions[row], self.quaternions[row]), self.covariances[row])


class KeyframeMap:
    """One revision of a map, opened for reading with :meth:`open`.

    ``path`` of the folder, ``name``, ``format`` (version), ``revision`` (grows with every commit), ``checkpoint_id``,
    ``settings``, ``keyframes`` (a sequence of :class:`Keyframe`), ``sessions``, ``cameras``; ``positions`` (K, 3)
    metres and ``quaternions`` (K, 4) xyzw of map_T_base, ``session_index`` and ``camera_index`` (K,) into ``sessions``
    and ``cameras``. It may be used from several threads, and stays as it is while others append to the map.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection):
        """Read everything but descriptors and thumbnails from ``connection``. Raises MapError."""
        self.path = folder
        self.name = folder.stem
        self._connection = connection
        self._shards: list[np.ndarray] = []
        with reading(folder):
            self._read_map()
            self._read_keyframes()
            self.shard_table = [Shard(*row) for row in connection.execute(
                'SELECT file, start, stop, bytes, sha256 FROM shards ORDER BY start')]
            starts = [0, *(shard.stop for shard in self.shard_table)]
            if any(shard.start != start or shard.stop <= start for shard, start in zip(self.shard_table, starts)) \
                    or starts[-1] != len(self):
                raise ValueError('its shards do not hold each keyframe once')

    @classmethod
    def open(cls, path: str | Path, checkpoint_id: str | None = None) -> 'KeyframeMap':
        """Open ``M``, ``M/`` or ``M.dvmap``. Raises MapError naming any defect found without reading descriptors.

        With ``checkpoint_id``, a map that another checkpoint made is refused.
        """
        folder = map_folder(path)
        connection = connect(folder)
        try:
            result = cls(folder, connection)
            if checkpoint_id is not None and checkpoint_id != result.checkpoint_id:
                raise MapError(f'{folder} was made with checkpoint {result.checkpoint_id}, not with {checkpoint_id}: '
                               'use that checkpoint, or build the map again with this one')
            result._shards = [open_shard(folder, shard, result.descriptor_shape) for shard in result.shard_table]
        except BaseException:
            connection.close()
            raise
        return result

    def __len__(self) -> int:
        return len(self.keyframes)

    def __enter__(self) -> 'KeyframeMap':
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database: thumbnails are gone, all else stays usable."""
        self._connection.close()

    @property
    def positions(self) -> np.ndarray:
        return self.keyframes.positions

    @property
    def quaternions(self) -> np.ndarray:
        return self.keyframes.quaternions

    @property
    def camera_index(self) -> np.ndarray:
        return self.keyframes.camera_index

    def shards(self) -> Iterator[tuple[int, np.ndarray]]:
        """First keyframe and (k, n, N) float16 memory map of each shard, in order."""
        for shard, array in zip(self.shard_table, self._shards):
            yield shard.start, array

    def descriptors(self, start: int, stop: int) -> np.ndarray:
        """Descriptors (stop - start, n, N) float16: a view of the memory map within one shard, else a copy."""
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f'keyframes {start} to {stop} of {len(self)}')
        parts = [array[max(start - first, 0):stop - first] for first, array in self.shards()
                 if first < stop and first + len(array) > start]
        if not parts:
            return np.empty((0, *self.descriptor_shape), np.float16)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def thumbnail(self, keyframe: int) -> bytes:
        """The JPEG file of a keyframe, by its id. Raises MapError where there is none."""
        with reading(self.path):
            row = self._connection.execute('SELECT jpeg FROM thumbnails WHERE keyframe = ?',
                                           (int(keyframe),)).fetchone()
        if row is None:
            raise MapError(f'{self.path} has no thumbnail of keyframe {keyframe}; it has {len(self)} keyframes')
        return row[0]

    @property
    def has_points(self) -> bool:
        """Whether any keyframe carries points in 3-D."""
        with reading(self.path):
            return have_points(self._connection) and \
                self._connection.execute('SELECT 1 FROM points LIMIT 1').fetchone() is not None

    def points(self, keyframe: int) -> bytes | None:
        """The points of a keyframe, by its id, as :meth:`Points.from_bytes` takes them; None where it has none."""
        with reading(self.path):
            row = have_points(self._connection) and self._connection.execute(
                'SELECT tensors FROM points WHERE keyframe = ?', (int(keyframe),)).fetchone()
        return row[0] if row else None

    def _read_map(self) -> None:
        self.format = format_of(self._connection)
        self.revision, self.checkpoint_id, settings = self._connection.execute(
            'SELECT revision, checkpoint_id, settings FROM map').fetchone() or (None, None, 'null')
        self.settings = json.loads(settings)
        self.descriptor_shape = descriptor_shape(self.settings)

    def _read_keyframes(self) -> None:
        execute = self._connection.execute
        sessions = list(execute('SELECT id, name, condition FROM sessions ORDER BY id'))
        mask = 'mask' if self.format > 1 else 'NULL'
        cameras = list(execute(f'SELECT id, session, name, width, height, intrinsics, base_T_camera, {mask} '
                               'FROM cameras'))
        names = {number: name for number, name, _ in sessions}
        self.cameras = [Camera(names[session], name, width, height, intrinsics and json.loads(intrinsics),
                               base_T_camera and _pose(json.loads(base_T_camera)), mask)
                        for _, session, name, width, height, intrinsics, base_T_camera, mask in cameras]
        rows = execute('SELECT camera, stamp_ns, x, y, z, qx, qy, qz, qw FROM keyframes ORDER BY id')
        columns = np.fromiter(rows, dtype=COLUMNS)
        if not len(columns):
            raise MapError(f'{self.path} has no keyframes: map a drive with dejavu build-map --append')
        if execute('SELECT min(id), max(id) FROM keyframes').fetchone() != (0, len(columns) - 1):
            raise ValueError('its keyframes are not numbered from 0 on')
        index = {camera[0]: i for i, camera in enumerate(cameras)}
        columns['camera'] = [index[camera] for camera in columns['camera'].tolist()]
        blobs = b''.join(row[0] for row in execute('SELECT covariance FROM keyframes ORDER BY id'))
        self.keyframes = Keyframes(columns, np.frombuffer(blobs, '<f8').reshape(len(columns), 6, 6), self.cameras,
                                   {name: condition for _, name, condition in sessions})
        with np.errstate(over='ignore', invalid='ignore'):  # of damaged numbers
            unit = np.abs(np.linalg.norm(self.quaternions, axis=1) - 1) < 1e-3
        if not (np.abs(self.positions) <= FARTHEST).all() or not unit.all():
            raise ValueError('it holds poses that are no poses')
        order = {number: i for i, (number, _, _) in enumerate(sessions)}
        self.session_index = np.array([order[camera[1]] for camera in cameras])[columns['camera']]
        stamps = [self.keyframes.stamps_ns[self.session_index == i] for i in range(len(sessions))]
        self.sessions = [Session(name, condition, len(own), int(own.min()), int(own.max()))
                         for (_, name, condition), own in zip(sessions, stamps)]


def descriptor_shape(settings: dict) -> tuple[int, int]:
    """(n, N) of the descriptors that ``settings`` describe. Raises ValueError where they do not."""
    try:
        height, width = settings['grid']
        sizes = (settings['channels'], height, width, *settings['input_size'])
    except (KeyError, TypeError, ValueError):
        sizes = ()
    if len(sizes) != 5 or not all(type(size) is int and 0 < size < 65536 for size in sizes):
        raise ValueError('settings need channels, grid [rows, columns] and input_size [width, height]')
    return sizes[0], sizes[1] * sizes[2]


def _pose(numbers: list[float]) -> Pose:
    x, y, z, *quaternion = map(float, numbers)
    if len(quaternion) != 4 or not np.isfinite((x, y, z)).all() or not abs(math.hypot(*quaternion) - 1) < 1e-3:
        raise ValueError('a camera has a mounting that is no pose')
    return Pose.make((x, y, z), quaternion)
