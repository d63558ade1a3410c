"""The SQLite half of a map: where it lies, its tables and version, and reading it without ever touching it."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from dejavu_ros.errors import MapError, did_you_mean

DATABASE = 'map.sqlite'
DESCRIPTORS = 'descriptors'
DESCRIBERS = 'describers'  # made again at any time, see dejavu_ros.retrieval.map_descriptors
APPLICATION_ID = 0x44764D70  # 'DvMp' in the file's header, so that `file` and readers tell it from other databases
VERSION = 2
MIGRATIONS = {1: 'ALTER TABLE cameras ADD COLUMN mask BLOB'}  # from each older version to the next

TABLES = """
CREATE TABLE map (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL,
    checkpoint_id TEXT NOT NULL,
    settings TEXT NOT NULL
) STRICT;
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    condition TEXT NOT NULL
) STRICT;
CREATE TABLE cameras (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions,
    name TEXT NOT NULL,
    width INTEGER,
    height INTEGER,
    intrinsics TEXT,
    base_T_camera TEXT,
    mask BLOB,
    UNIQUE (session, name)
) STRICT;
CREATE TABLE keyframes (
    id INTEGER PRIMARY KEY,
    camera INTEGER NOT NULL REFERENCES cameras,
    stamp_ns INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, z REAL NOT NULL,
    qx REAL NOT NULL, qy REAL NOT NULL, qz REAL NOT NULL, qw REAL NOT NULL,
    covariance BLOB NOT NULL CHECK (length(covariance) = 288)
) STRICT;
CREATE TABLE thumbnails (
    keyframe INTEGER PRIMARY KEY REFERENCES keyframes,
    jpeg BLOB NOT NULL
) STRICT;
CREATE TABLE shards (
    file TEXT PRIMARY KEY,
    start INTEGER NOT NULL UNIQUE,
    stop INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) STRICT;
"""


def map_folder(path: str | Path) -> Path:
    """The map folder that ``M``, ``M/`` or ``M.dvmap`` stands for, there or not. Raises MapError for ''."""
    if not str(path):
        raise MapError('no map named: give the path of a NAME.dvmap folder')
    folder = Path(os.path.abspath(Path(path).expanduser()))
    if folder.suffix == '.dvmap' or (folder / DATABASE).is_file():
        return folder
    return folder.with_name(folder.name + '.dvmap')


def connect(folder: Path) -> sqlite3.Connection:
    """Open a map's database for reading only.

    A committed map.sqlite is replaced and never changed in place, so it is opened as immutable: no lock, no journal, a
    read-only folder will do, and the connection keeps seeing its own revision. Raises MapError.
    """
    database = folder / DATABASE
    if not folder.is_dir():
        raise MapError(f'no keyframe map {folder}: build one with dejavu build-map -o {folder.name}{_nearby(folder)}')
    if not database.is_file():
        raise MapError(f'{folder} has no {DATABASE}: it is no keyframe map, or an unfinished one; build it again')
    for suffix in ('-journal', '-wal'):
        if Path(f'{database}{suffix}').exists():
            raise MapError(f'{database} was changed by another program that left {database.name}{suffix}: '
                           'open and close it there, or restore the map from a copy')
    with reading(folder):
        connection = sqlite3.connect(f'{database.as_uri()}?mode=ro&immutable=1', uri=True, check_same_thread=False)
        try:
            _check_version(connection, folder)
        except BaseException:
            connection.close()
            raise
    return connection


def _nearby(folder: Path) -> str:
    """Which map may have been meant, in words: one beside ``folder`` or in the current folder; empty: none is there."""
    maps = [path for place in dict.fromkeys((folder.parent, Path.cwd())) for path in sorted(place.glob('*.dvmap'))]
    alike = did_you_mean(folder.stem.lower(), [path.stem.lower() for path in maps])
    if alike:
        named = next(path for path in maps if f' {path.stem.lower()}?' in alike)
        return f'; did you mean {os.path.relpath(named)}?'
    return f'; there is {", ".join(path.stem for path in maps[:4])}{", ..." if len(maps) > 4 else ""}' if maps else ''


def _check_version(connection: sqlite3.Connection, folder: Path) -> None:
    application, = connection.execute('PRAGMA application_id').fetchone()
    version = format_of(connection)
    if application != APPLICATION_ID:
        raise MapError(f'{folder / DATABASE} is a database of another program, not a keyframe map')
    if version > VERSION:
        raise MapError(f'{folder} has map format {version}, this version reads up to {VERSION}: update dejavu_ros')
    if version != VERSION and version not in MIGRATIONS:
        raise MapError(f'{folder} has map format {version}, this version reads {min(MIGRATIONS)} to {VERSION}: '
                       'build the map again')
    # what is computed as it is read could go on for ever; a map has tables and their indices only
    odd = connection.execute("SELECT type, name FROM sqlite_schema WHERE type NOT IN ('table', 'index') "
                             "OR sql LIKE 'CREATE VIRTUAL%'").fetchone()
    if odd:
        raise MapError(f'{folder / DATABASE} is refused: it holds the {odd[0]} {odd[1]!r}, which no map has; '
                       'restore it from a copy, or build the map again')


def format_of(connection: sqlite3.Connection) -> int:
    """The version of the format that a map is in."""
    return connection.execute('PRAGMA user_version').fetchone()[0]


def migrate(connection: sqlite3.Connection) -> int:
    """Bring a writable copy of a database to the present format; returns the version that it had."""
    before = format_of(connection)
    for version in range(before, VERSION):
        connection.execute(MIGRATIONS[version])
    connection.execute(f'PRAGMA user_version = {VERSION}')
    return before


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn whatever a damaged database provokes into one MapError."""
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise MapError(f'{folder / DATABASE} cannot be read ({error}): '
                       'restore it from a copy, or build the map again') from None
