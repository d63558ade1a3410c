"""Reading ROS 1 bags and rosbag2 (sqlite3, MCAP) without ROS, one message at a time."""

import contextlib
import dataclasses
import heapq
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag1 import Reader as Rosbag1Reader
from rosbags.rosbag2 import Reader as Rosbag2Reader
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from dejavu_ros.errors import DataError

SUFFIXES = ('.bag', '.mcap', '.db3')
REPAIR = {'.bag': 'rosbag reindex', '.mcap': 'mcap recover', '.db3': 'sqlite3 .recover'}


@dataclasses.dataclass(frozen=True)
class Topic:
    """A topic of a bag: ``type`` such as ``sensor_msgs/msg/Image`` (also for ROS 1), ``count`` messages."""

    name: str
    type: str
    count: int

    def __str__(self) -> str:
        return f'{self.name} ({self.type.replace("/msg/", "/")}, {self.count})'


def open_bag(path: str | Path) -> 'Bag':
    """Open a ``.bag``, ``.mcap`` or ``.db3`` file, a folder of such, or a rosbag2 folder or its ``metadata.yaml``.

    A folder without metadata.yaml (the recorder was killed) is read by its files. Raises DataError where there is no
    bag or it is damaged.
    """
    path = Path(path)
    return Bag(path, _files(path))


class Bag:
    """An open bag; a context manager. Messages have the fields of their ROS type; ROS 1 and ROS 2 read alike."""

    def __init__(self, path: Path, files: list[Path]):
        self.path = path
        self.is_ros1 = files[0].suffix == '.bag'
        self._stack = contextlib.ExitStack()
        self._readers = []
        for file in files:
            try:
                reader = self._stack.enter_context((Rosbag1Reader if self.is_ros1 else Rosbag2Reader)(file))
            except PermissionError:
                self.close()
                raise DataError(f'bag {path} cannot be read: permission denied') from None
            except Exception as error:  # the readers meet damaged bytes with errors of many kinds
                self.close()
                suffix = file.suffix or _suffix_inside(file)
                raise DataError(f'bag {file} cannot be read, perhaps because it was cut short: {_line(error)} '
                                f'({_bytes(file)} bytes are there; to repair it: {REPAIR[suffix]})') from None
            self._readers.append(reader)

    def __enter__(self) -> 'Bag':
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    @cached_property
    def topics(self) -> dict[str, Topic]:
        """By name, sorted."""
        topics: dict[str, Topic] = {}
        for connection in self._connections():
            before = topics.get(connection.topic)
            topics[connection.topic] = Topic(connection.topic, connection.msgtype,
                                             connection.msgcount + (before.count if before else 0))
        return dict(sorted(topics.items()))

    @property
    def listing(self) -> str:
        """All topics with type and count, for messages to people."""
        return ', '.join(map(str, self.topics.values())) or 'none'

    def find(self, types: Collection[str], what: str, name: str = '', flag: str = '') -> Topic:
        """The topic ``name``, or the only one of ``types`` if it is empty.

        ``what`` and ``flag`` are words for the messages: DataError for a topic that is not there, is empty or of
        another type, and where none or several would do.
        """
        short = ' or '.join(kind.replace('/msg/', '/') for kind in types)
        fitting = [topic for topic in self.topics.values() if topic.type in types and topic.count]
        if name:
            topic = self.topics.get(name) or self.topics.get('/' + name)
            if topic is None:
                raise DataError(f'bag {self.path} has no topic {name}; its topics: {self.listing}')
            if topic.type not in types:
                raise DataError(f'topic {topic} of bag {self.path} holds no {what} ({short}); '
                                f'its topics: {self.listing}')
            if not topic.count:
                raise DataError(f'topic {topic.name} of bag {self.path} is empty; its topics: {self.listing}')
            return topic
        if not fitting:
            raise DataError(f'bag {self.path} has no {what} ({short}); its topics: {self.listing}')
        if len(fitting) > 1:
            raise DataError(f'bag {self.path} has {len(fitting)} topics with {what}: choose one by {flag} from '
                            + ', '.join(map(str, fitting)))
        return fitting[0]

    def messages(self, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
        """Yield (topic, stamp, message) in the order of recording; one message is in memory at a time.

        The stamp (ns) is the header's, or the time of recording where there is no header or it is zero. Raises
        DataError where the bag breaks off, with how far it was read.
        """
        connections = [connection for connection in self._connections() if connection.topic in topics]
        store = self._store(connections)
        read = store.deserialize_ros1 if self.is_ros1 else store.deserialize_cdr
        sources = [reader.messages(connections=[c for c in connections if c in reader.connections])
                   for reader in self._readers if any(c in reader.connections for c in connections)]
        raw = heapq.merge(*sources, key=lambda item: item[1])
        count = 0
        while True:
            try:
                connection, recorded, data = next(raw)
                message = read(data, connection.msgtype)
            except StopIteration:
                break
            except Exception as error:  # as above
                raise DataError(f'bag {self.path} breaks off after {count} of {self._total(topics)} messages on '
                                f'{", ".join(sorted(topics))}: {_line(error)}') from None
            count += 1
            yield connection.topic, stamp_of(message) or recorded, message
        if count < self._total(topics):
            raise DataError(f'bag {self.path} breaks off after {count} of {self._total(topics)} messages on '
                            f'{", ".join(sorted(topics))}')

    def _total(self, topics: Collection[str]) -> int:
        return sum(self.topics[name].count for name in topics)

    def _connections(self) -> list:
        return [connection for reader in self._readers for connection in reader.connections]

    def _store(self, connections: list):
        """The types of these connections alone, so that an odd definition elsewhere in the bag does no harm."""
        types = {}
        if any(connection.msgdef.format == MessageDefinitionFormat.NONE for connection in connections):
            # rosbag2 before Iron recorded no definitions; the standard messages have not changed since
            types.update(get_typestore(Stores.ROS2_JAZZY).fielddefs)
        for connection in connections:
            text = connection.msgdef.data
            try:
                if connection.msgdef.format == MessageDefinitionFormat.IDL:
                    types.update(get_types_from_idl(text))
                elif connection.msgdef.format == MessageDefinitionFormat.MSG:
                    types.update(get_types_from_msg(text, connection.msgtype))
            except Exception as error:
                raise DataError(f'bag {self.path} defines {connection.msgtype} in a way that cannot be read: '
                                f'{_line(error)}') from None
        missing = {connection.msgtype for connection in connections} - types.keys()
        if missing:
            raise DataError(f'bag {self.path} does not define {", ".join(sorted(missing))}, and it is no standard type')
        store = get_typestore(Stores.EMPTY)
        store.register(types)
        return store


def stamp_of(message: Any) -> int:
    """The header stamp in nanoseconds; 0 where there is no header or it was left unset."""
    header = getattr(message, 'header', None)
    return header.stamp.sec * 10**9 + header.stamp.nanosec if header is not None else 0


def frame_of(message: Any) -> str:
    """The header's frame without the leading slash that ROS 1 allowed; empty where there is none."""
    header = getattr(message, 'header', None)
    return header.frame_id.lstrip('/') if header is not None else ''


def _files(path: Path) -> list[Path]:
    """What to hand to the readers: a rosbag2 folder, or storage files of one kind."""
    if path.name == 'metadata.yaml' and path.is_file():
        path = path.parent
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob('*') if p.suffix in SUFFIXES or (p / 'metadata.yaml').exists())
        there = f'; bags in {path.parent}: {", ".join(near)}' if near else ''
        raise DataError(f'no such bag: {path}{there}')
    if path.is_file():
        if path.suffix not in SUFFIXES:
            raise DataError(f'{path} is no bag: a file must end in {", ".join(SUFFIXES)}; of a compressed rosbag2 '
                            'name the folder')
        return [path]
    if (path / 'metadata.yaml').exists():
        return [path]
    for suffix in SUFFIXES:
        files = sorted(path.glob(f'*{suffix}'))
        if files:
            return files
    raise DataError(f'{path} is no bag: it holds neither metadata.yaml nor files ending in {", ".join(SUFFIXES)}')


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.iterdir()
    return sum(file.stat().st_size for file in files)


def _suffix_inside(folder: Path) -> str:
    return '.db3' if any(folder.glob('*.db3*')) else '.mcap'


def _line(error: Exception) -> str:
    """One line about a foreign error, which may have no words of its own."""
    return ' '.join(str(error).split()) or type(error).__name__
