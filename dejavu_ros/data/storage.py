"""One storage file of a recording: opened by what it is and not by its name; what cannot be read is named."""

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rosbags.rosbag1 import Reader as Rosbag1Reader
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader
from rosbags.typesys.msg import normalize_msgtype

from dejavu_ros.data.mcap_file import MAGIC as MCAP_MAGIC
from dejavu_ros.data.mcap_file import McapView, NotWhole
from dejavu_ros.errors import DataError
from dejavu_ros.file_kinds import HEAD, kind_of

try:
    from compression import zstd  # Python 3.14
except ImportError:
    from backports import zstd

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
SQLITE_MAGIC = b'SQLite format 3\x00'
ROSBAG_MAGIC = b'#ROSBAG V'
# files that SQLite keeps beside a database while it is written, and that hold a part of it
SQLITE_SIDECARS = ('-wal', '-journal')
REPAIR = {'mcap': 'mcap recover', 'sqlite3': 'sqlite3 .recover', 'bag': 'rosbag reindex'}


@dataclasses.dataclass(frozen=True)
class Storage:
    """An open file. ``connections`` can be read; ``foreign`` topics hold what the words say.

    ``start`` and ``end`` are the times of recording (ns) of the first and last message, None of an empty file.
    """

    path: Path
    reader: Any
    connections: list
    foreign: dict[str, str]
    start: int | None
    end: int | None

    def messages(self, connections: list, start: int | None = None) -> Iterator[tuple[Any, int, bytes]]:
        """(connection, time of recording, data) in the order of recording, from a time (ns) on."""
        with contextlib.ExitStack() as stack:
            reader = self.reader
            if not self.indexed:  # such a reader has one position, which several loops cannot share
                reader = _opened(McapReader(reader.path), stack)
            own = {connection.id: connection for connection in connections}  # readers may name their own
            for connection, recorded, data in reader.messages(connections, start):
                yield own[connection.id], recorded, data

    @property
    def indexed(self) -> bool:
        """Whether a time can be found without reading what was recorded before."""
        return not isinstance(self.reader, McapReader) or bool(self.reader.chunks)


def open_storage(path: Path, stack: contextlib.ExitStack) -> Storage:
    """Open a storage file; ``stack`` closes it. Nothing is written beside it.

    Raises DataError, which says what the file is where it is no recording, where it is cut short or damaged, and how
    it can be repaired.
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(HEAD)
        return _open(path, path, head, stack)
    except OSError as error:
        raise DataError(f'bag {path} cannot be read: {(error.strerror or str(error)).lower()}') from None


def unzstd(data: bytes) -> bytes:
    """The whole of a zstd frame. Raises an error of zstd where it is damaged."""
    return zstd.decompress(data)


def one_line(error: Exception) -> str:
    """One line about a foreign error, which may have no words of its own."""
    return ' '.join(str(error).split()) or type(error).__name__


def _open(path: Path, file: Path, head: bytes, stack: contextlib.ExitStack) -> Storage:
    """``path`` is for people, ``file`` what is read."""
    if head.startswith(ZSTD_MAGIC):
        file = _unpacked(path, stack)
        with open(file, 'rb') as unpacked:
            head = unpacked.read(HEAD)
    kinds = ((MCAP_MAGIC, 'mcap', _mcap), (SQLITE_MAGIC, 'sqlite3', _sqlite), (ROSBAG_MAGIC, 'bag', _rosbag))
    for magic, kind, read in kinds:
        if not head.startswith(magic):
            continue
        try:
            reader, connections, foreign = read(path, file, stack)
        except (DataError, OSError):
            raise
        except NotWhole as error:
            raise DataError(f'bag {path} is cut short, or still being written: {one_line(error)} '
                            f'({path.stat().st_size} bytes are there; to repair it: {REPAIR[kind]})') from None
        except Exception as error:  # the readers meet damaged bytes with errors of many kinds
            if 'not supported' in str(error):
                raise DataError(f'bag {path} cannot be read: {one_line(error)}') from None
            raise DataError(f'bag {path} is damaged or of a form that is not known: {one_line(error)} '
                            f'({path.stat().st_size} bytes are there; to repair it: {REPAIR[kind]})') from None
        times = _times(reader)
        return Storage(path, reader, connections, foreign, *times)
    raise DataError(f'bag {path} is {kind_of(head)}')


def _times(reader: Any) -> tuple[int | None, int | None]:
    known = reader if isinstance(reader, Rosbag1Reader) else reader.metadata
    return (known.start_time, known.end_time) if known.message_count else (None, None)


def _opened(reader: Any, stack: contextlib.ExitStack) -> Any:
    reader.open()
    stack.callback(reader.close)
    return reader


def _split(path: Path, connections: list) -> tuple[list, dict[str, str]]:
    """What can be read, with the type's name as in ROS 2, and what cannot and why."""
    readable, foreign = [], {}
    for connection in connections:
        encoding = connection.ext.serialization_format
        if encoding not in ('cdr', 'ros1'):
            foreign[connection.topic] = f'{connection.msgtype} encoded as {encoding or "unknown"}'
        elif connection.msgtype == '__schemaless__':
            foreign[connection.topic] = 'messages of a type that is not told'
        else:
            readable.append(connection._replace(msgtype=normalize_msgtype(connection.msgtype)))
    return readable, foreign


def _mcap(path: Path, file: Path, stack: contextlib.ExitStack) -> tuple[Any, list, dict[str, str]]:
    view = McapView(file)
    hidden = {channel.topic: f'messages encoded as {channel.message or "unknown"}'
                             f'{f" ({channel.schema})" if channel.schema != channel.message else ""}'
              for channel in view.channels if not channel.readable}
    if hidden and len(hidden) == len({channel.topic for channel in view.channels}):
        raise DataError(f'bag {path} is an MCAP file without ROS messages: {_listed(hidden)}; what is read is cdr '
                        '(ROS 2) and ros1: record or convert the topics as ROS messages')
    if view.indexed_badly:
        raise DataError(f'bag {path} is an MCAP file without an index, and with channels that are not of ROS 2'
                        f'{": " + _listed(hidden) if hidden else ""}: make one by mcap recover')
    reader = _opened(McapReader(view), stack)
    connections, foreign = _split(path, reader.connections)
    return reader, connections, {**foreign, **hidden}


def _listed(topics: dict[str, str]) -> str:
    words = [f'{topic} holds {what}' for topic, what in sorted(topics.items())]
    return ', '.join(words[:4]) + (f' and {len(words) - 4} more' if len(words) > 4 else '')


def _sqlite(path: Path, file: Path, stack: contextlib.ExitStack) -> tuple[Any, list, dict[str, str]]:
    _check_size(file)
    sidecars = [Path(f'{file}{suffix}') for suffix in SQLITE_SIDECARS]
    if any(sidecar.exists() and sidecar.stat().st_size for sidecar in sidecars):
        file = _settled(path, file, stack)
    try:
        reader = _opened(_sqlite_reader(file), stack)
    except Exception as error:
        tables = _tables(file)
        if tables is not None and not {'messages', 'topics'} <= set(tables):
            raise DataError(f'bag {path} is a SQLite database, but not of rosbag2: it has the tables '
                            f'{", ".join(sorted(tables)) or "(none)"}, not messages and topics') from None
        if not isinstance(error, (KeyError, TypeError, ValueError, AttributeError)) and 'qos' not in str(error):
            raise
        # what it says of QoS or of definitions is not as expected; neither is needed to read standard messages
        reader = _opened(_sqlite_reader(_settled(path, file, stack, plain=True)), stack)
    return reader, *_split(path, reader.connections)


def _sqlite_reader(file: Path) -> Sqlite3Reader:
    # the reader makes an URI of the path, in which ? and # and % mean something
    return Sqlite3Reader(Path(quote(os.fsencode(file.absolute()))))


def _check_size(file: Path) -> None:
    """Raise NotWhole for a database that is smaller than its head says."""
    with open(file, 'rb') as opened:
        head = opened.read(100).ljust(100, b'\x00')
    page, = struct.unpack_from('>H', head, 16)
    page = 65536 if page == 1 else page
    changes, pages, valid = struct.unpack_from('>I', head, 24)[0], *struct.unpack_from('>I60xI', head, 28)
    there = file.stat().st_size
    if changes == valid and there < page * pages:
        raise NotWhole(f'its head tells of {page * pages} bytes')


def _tables(file: Path) -> list[str] | None:
    try:
        with contextlib.closing(sqlite3.connect(f'file:{quote(os.fsencode(file.absolute()))}?immutable=1',
                                                uri=True)) as database:
            return [name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    except sqlite3.Error:
        return None


def _settled(path: Path, file: Path, stack: contextlib.ExitStack, *, plain: bool = False) -> Path:
    """A temporary copy of a database with what lies in the files beside it; ``plain`` without QoS and odd definitions.

    SQLite would write into the folder of the recording if it opened the database there.
    """
    with _temporary(path, stack) as folder:
        copy = folder / 'copy.db3'
        shutil.copyfile(file, copy)
        for suffix in SQLITE_SIDECARS:
            if Path(f'{file}{suffix}').exists():
                shutil.copyfile(f'{file}{suffix}', f'{copy}{suffix}')
        with contextlib.closing(sqlite3.connect(copy)) as database:
            database.execute('PRAGMA journal_mode = DELETE').fetchall()
            if plain:
                database.execute("UPDATE topics SET offered_qos_profiles = ''")
                if 'message_definitions' in _tables(copy):
                    database.execute("DELETE FROM message_definitions WHERE encoding NOT IN ('ros2msg', 'ros2idl')")
                database.commit()
    return copy


def _unpacked(path: Path, stack: contextlib.ExitStack) -> Path:
    """A temporary copy of what zstd has compressed."""
    with _temporary(path, stack) as folder:
        copy = folder / 'unpacked'
        try:
            with zstd.open(path, 'rb') as packed, open(copy, 'wb') as file:
                shutil.copyfileobj(packed, file, 1 << 20)
        except (EOFError, zstd.ZstdError) as error:
            raise DataError(f'bag {path} is compressed by zstd and cut short or damaged: {one_line(error)} '
                            f'({path.stat().st_size} bytes are there)') from None
    return copy


@contextlib.contextmanager
def _temporary(path: Path, stack: contextlib.ExitStack):
    """A folder that goes with ``stack``."""
    try:
        yield Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='dejavu-')))
    except OSError as error:
        raise DataError(f'bag {path} needs a temporary copy, which cannot be made in {tempfile.gettempdir()}: '
                        f'{error.strerror or error}; TMPDIR names another folder') from None


def _rosbag(path: Path, file: Path, stack: contextlib.ExitStack) -> tuple[Any, list, dict[str, str]]:
    with open(file, 'rb') as opened:
        line = opened.readline(64).decode('ascii', 'replace').strip()
        if line != '#ROSBAG V2.0':
            raise DataError(f'bag {path} is a ROS 1 bag of an old format ({line}): convert it by rosbag fix')
        index = _index_of(opened)
        size = opened.seek(0, os.SEEK_END)
        if index == 0:
            raise DataError(f'bag {path} is a ROS 1 bag without an index: the recorder was killed, or is still '
                            'recording, or the file was cut short; to repair it: rosbag reindex')
        if index > size:
            raise NotWhole(f'its index begins at byte {index}')
        opened.seek(index)
        while opened.tell() < size:
            for _ in range(2):  # header and data of a record
                length, = struct.unpack('<I', (opened.read(4) + bytes(4))[:4])
                if opened.seek(length, os.SEEK_CUR) > size:
                    raise NotWhole('its index lacks its end')
    with contextlib.ExitStack() as own:
        reader = own.enter_context(Rosbag1Reader(file))
        stack.push(own.pop_all())
    return reader, list(reader.connections), {}


def _index_of(file: Any) -> int:
    """Where the index begins, as the first record of a ROS 1 bag tells."""
    data = file.read(4)
    header = file.read(struct.unpack('<I', data)[0]) if len(data) == 4 else b''
    at = header.find(b'index_pos=')
    place = header[at + 10:at + 18]
    if at < 0 or len(place) < 8:
        raise NotWhole('its first record lacks its end')
    return struct.unpack('<Q', place)[0]
