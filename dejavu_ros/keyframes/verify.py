"""Checking every byte of a map that can be checked."""

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dejavu_ros.errors import ImageError, MapError
from dejavu_ros.files import leftovers
from dejavu_ros.images import decode_image
from dejavu_ros.keyframes.keyframe_map import KeyframeMap
from dejavu_ros.keyframes.points import Points, have_points
from dejavu_ros.keyframes.schema import DATABASE, DESCRIBERS, DESCRIPTORS, connect, map_folder
from dejavu_ros.keyframes.shards import Shard, checksum, open_shard


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line about what is wrong; a ``harmless`` one is a left-over that readers ignore."""

    text: str
    harmless: bool = False


def verify(path: str | Path, progress: Callable[[list], Iterator] = iter) -> Iterator[Finding]:
    """Findings about the map at ``path``: rows, poses, thumbnails, every shard's hash and numbers, stray files.

    ``progress`` wraps the list of shards, which take the time. Raises MapError where there is no map to check, one
    of another format, or a database too damaged to be opened.
    """
    folder = map_folder(path)
    connection = connect(folder)
    try:
        yield from _check_database(connection, folder)
        content = KeyframeMap(folder, connection)
    except MapError as error:
        yield Finding(str(error))
        return
    else:
        yield from _check_rows(content, connection)
        for shard in progress(content.shard_table):
            yield from _check_shard(content, shard)
        yield from _stray_files(content)
    finally:
        connection.close()


def _check_database(connection: sqlite3.Connection, folder: Path) -> Iterator[Finding]:
    try:
        for text, in connection.execute('PRAGMA integrity_check'):
            if text != 'ok':
                yield Finding(f'{folder / DATABASE}: {" ".join(text.split())}')
        for table, row, parent, _ in connection.execute('PRAGMA foreign_key_check'):
            yield Finding(f'{folder / DATABASE}: row {row} of {table} points to no row of {parent}')
    except (sqlite3.Error, ValueError) as error:  # also text that is no UTF-8
        yield Finding(f'{folder / DATABASE}: {error}')


def _check_rows(content: KeyframeMap, connection: sqlite3.Connection) -> Iterator[Finding]:
    for keyframe in np.flatnonzero(wrong_covariances(content.keyframes.covariances)):
        yield Finding(f'keyframe {keyframe}: its covariance is not finite, or negative on its diagonal')
    for camera in content.cameras:
        try:
            shape = camera.mask and decode_image(camera.mask).shape[:2]
        except ImageError as error:
            yield Finding(f'camera {camera.name} of session {camera.session}: its mask: {error}')
            continue
        if shape and camera.width and shape != (camera.height, camera.width):
            yield Finding(f'camera {camera.name} of session {camera.session}: its mask is {shape[1]}x{shape[0]}, its '
                          f'pictures {camera.width}x{camera.height}')
        known = camera.intrinsics or {}
        size = known.get('width'), known.get('height')
        if known and camera.width and size != (camera.width, camera.height) and content.has_points:
            yield Finding(f'camera {camera.name} of session {camera.session}: its points were made with the '
                          f'calibration of {size[0]}x{size[1]}, and its pictures are {camera.width}x{camera.height}: '
                          'build the map again')
    try:
        pictured = set()
        for keyframe, start in connection.execute('SELECT keyframe, substr(jpeg, 1, 2) FROM thumbnails'):
            pictured.add(keyframe)
            if start != b'\xff\xd8':
                yield Finding(f'keyframe {keyframe}: its thumbnail is no JPEG')
    except sqlite3.Error as error:
        yield Finding(f'{content.path / DATABASE}: thumbnails cannot be read: {error}')
        return
    yield from _check_points(content, connection)
    for keyframe in sorted(set(range(len(content))) - pictured):
        yield Finding(f'keyframe {keyframe}: it has no thumbnail')


def wrong_covariances(covariances: np.ndarray) -> np.ndarray:
    """(K,) bool: which of the matrices (K, 6, 6) are none of a keyframe."""
    diagonals = np.diagonal(covariances, axis1=1, axis2=2)
    return ~np.isfinite(covariances).all(axis=(1, 2)) | (diagonals < 0).any(axis=1)


def _check_points(content: KeyframeMap, connection: sqlite3.Connection) -> Iterator[Finding]:
    try:
        rows = connection.execute('SELECT keyframe, tensors FROM points') if have_points(connection) else ()
        for keyframe, tensors in rows:
            try:
                Points.from_bytes(tensors)
            except MapError as error:
                yield Finding(f'keyframe {keyframe}: {error}')
    except sqlite3.Error as error:
        yield Finding(f'{content.path / DATABASE}: points cannot be read: {error}')


def _check_shard(content: KeyframeMap, shard: Shard) -> Iterator[Finding]:
    try:
        array = open_shard(content.path, shard, content.descriptor_shape)
        if checksum(content.path, shard) != shard.sha256:
            yield Finding(f'{content.path / DESCRIPTORS / shard.file} is damaged (its SHA-256 is not the recorded '
                          'one): restore it from a copy, or build the map again')
        elif not np.isfinite(array).all():
            yield Finding(f'{content.path / DESCRIPTORS / shard.file}: descriptors that are not finite')
    except MapError as error:
        yield Finding(str(error))
    except OSError as error:
        yield Finding(f'{content.path / DESCRIPTORS / shard.file}: {error.strerror}')


def _stray_files(content: KeyframeMap) -> Iterator[Finding]:
    known = {shard.file for shard in content.shard_table}
    stray = leftovers(content.path)
    stray += [entry for entry in content.path.glob('*') if entry.name not in (DATABASE, DESCRIPTORS, DESCRIBERS)]
    stray += [entry for entry in (content.path / DESCRIPTORS).glob('*') if entry.name not in known]
    for entry in sorted(stray):
        yield Finding(f'{entry} is not part of the map: left by an interrupted writer, unless one is running',
                      harmless=True)
