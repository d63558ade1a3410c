"""Reading ROS 1 bags and rosbag2 (sqlite3, MCAP) without ROS, one message at a time."""

import contextlib
import dataclasses
import heapq
import itertools
import logging
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from rosbags.interfaces import MessageDefinitionFormat
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from dejavu_ros.data.bag_files import count, open_files
from dejavu_ros.data.storage import ZSTD_MAGIC, Storage, one_line, unzstd
from dejavu_ros.errors import DataError

SAME_TIME_NS = 500_000_000  # messages recorded within that count as recorded at one time
IDL_PART = '=' * 80 + '\n'  # between the IDL definitions of a type and of those that it uses


@dataclasses.dataclass(frozen=True)
class Topic:
    """A topic of a bag: ``type`` such as ``sensor_msgs/msg/Image`` (also for ROS 1), ``count`` messages."""

    name: str
    type: str
    count: int

    def __str__(self) -> str:
        return f'{self.name} ({self.type.replace("/msg/", "/")}, {self.count})'


def open_bag(path: str | Path) -> 'Bag':
    """Open a storage file of ROS 1 or rosbag2, also compressed by zstd, or a folder with those of one recording.

    The files decide what is read. What metadata.yaml says otherwise, and files that are left out, are in the bag's
    ``notes`` and in the log. Nothing is written into the folder. Raises DataError where there is no bag, where a file
    is something else, cut short or damaged, and where a folder holds several recordings.
    """
    return Bag(Path(path))


class Bag:
    """An open bag; a context manager. Messages have the fields of their ROS type; ROS 1 and ROS 2 read alike.

    ``notes`` say what is odd about its files, a line each; ``foreign`` topics hold what the words say, and cannot be
    read; ``streams`` are what :mod:`dejavu_ros.data.frames` decodes topics by.
    """

    def __init__(self, path: Path):
        self.path = path
        with contextlib.ExitStack() as stack:
            self._storages, self.notes = open_files(path, stack)
            self._stack = stack.pop_all()
        self.streams: dict[str, Any] = {}
        self._stores: dict[tuple[str, str], Any] = {}
        self.foreign = {topic: words for storage in self._storages for topic, words in storage.foreign.items()}
        for note in self.notes:
            logging.getLogger(__name__).warning('bag %s: %s', path, note)

    def __enter__(self) -> 'Bag':
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    @cached_property
    def topics(self) -> dict[str, Topic]:
        """By name, sorted."""
        types = {connection.topic: connection.msgtype for connection in self._connections()}
        counts = count(self._storages)
        return {name: Topic(name, types[name], counts[name]) for name in sorted(types)}

    @property
    def listing(self) -> str:
        """All topics with type and count, for messages to people."""
        foreign = [f'{name} ({words}: not read)' for name, words in sorted(self.foreign.items())]
        return ', '.join([*map(str, self.topics.values()), *foreign]) or 'none'

    def find(self, types: Collection[str], what: str, name: str = '', flag: str = '') -> Topic:
        """The topic ``name``, or the only one of ``types`` if it is empty.

        ``what`` and ``flag`` are words for the messages: DataError for a topic that is not there, is empty or of
        another type, and where none or several would do.
        """
        short = ' or '.join(kind.replace('/msg/', '/') for kind in types)
        fitting = [topic for topic in self.topics.values() if topic.type in types and topic.count]
        if name:
            topic = self.topics.get(name) or self.topics.get('/' + name)
            foreign = self.foreign.get(name) or self.foreign.get('/' + name)
            if topic is None and foreign:
                raise DataError(f'topic {name} of bag {self.path} cannot be read: it holds {foreign}; ROS messages are '
                                f'read; its topics: {self.listing}')
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
        DataError where the bag breaks off, with how far it was read, and where a message is not of its type.
        """
        for number, (connection, recorded, data) in enumerate(self._raw(topics), 1):
            message = self._decoded(connection, data, number)
            yield connection.topic, stamp_of(message) or recorded, message

    def sample(self, topic: str, number: int) -> Iterator[Any]:
        """At most ``number`` messages of a topic, evenly over the time of recording. Raises as :meth:`messages`."""
        for storage, share in zip(self._storages, self._shares(topic, number)):
            if share and storage.indexed:
                starts = [storage.start + (storage.end - storage.start) * index // share for index in range(share)]
                found = filter(None, (next(self._raw([topic], storage, start), None) for start in starts))
            else:
                found = itertools.islice(self._raw([topic], storage), 0, None,
                                         max(1, count([storage]).get(topic, 0) // max(share, 1)))
            for connection, _, data in itertools.islice(found, share):
                yield self._decoded(connection, data, 0)

    def stamps_ahead(self, topic: str, other: str, number: int) -> list[int]:
        """By how much (ns) the stamps of a topic are ahead of those of another that was recorded at the same time.

        At most ``number`` moments are looked at, evenly over the recording; none of a file without an index, and none
        where a stamp is unset. Raises as :meth:`messages`.
        """
        found = []
        for storage, share in zip(self._storages, self._shares(topic, number)):
            for index in range(share if storage.indexed else 0):
                start = storage.start + (storage.end - storage.start) * index // share
                pair = [next(self._raw([name], storage, start), None) for name in (topic, other)]
                if None in pair or abs(pair[0][1] - pair[1][1]) > SAME_TIME_NS:
                    continue
                early = [_own_stamp(self._decoded(connection, data, 0)) - recorded
                         for connection, recorded, data in pair]
                if all(stamp + recorded for stamp, (_, recorded, _) in zip(early, pair)):
                    found.append(early[0] - early[1])
        return found

    def _shares(self, topic: str, number: int) -> list[int]:
        """How many samples each file gives."""
        counts = [count([storage]).get(topic, 0) for storage in self._storages]
        total = sum(counts)
        return [min(own, -(-number * own // total)) if total else 0 for own in counts]

    def _raw(self, topics: Collection[str], only: Storage | None = None, start: int | None = None
             ) -> Iterator[tuple[Any, int, bytes]]:
        """(connection, time of recording, data) of all files or of one, in the order of recording."""
        sources = []
        for storage in self._storages if only is None else [only]:
            wanted = [connection for connection in storage.connections if connection.topic in topics]
            if wanted:
                sources.append(storage.messages(wanted, start))
        read, merged = 0, heapq.merge(*sources, key=lambda item: item[1])
        while True:
            try:
                item = next(merged)
            except StopIteration:
                return
            except Exception as error:  # the readers meet damaged bytes with errors of many kinds
                if 'timestamp order' in str(error):
                    raise DataError(f'bag {self.path} has no index, and its messages are not in the order of time: '
                                    'mcap sort makes a file that has') from None
                total = sum(self.topics[name].count for name in topics)
                raise DataError(f'bag {self.path} breaks off after {read} of {total} messages on '
                                f'{", ".join(sorted(topics))}: {one_line(error)}') from None
            read += 1
            yield item

    def _decoded(self, connection: Any, data: bytes, number: int) -> Any:
        ros1 = connection.ext is None or getattr(connection.ext, 'serialization_format', 'ros1') == 'ros1'
        store = self._store(connection)
        try:
            if ros1:
                return store.deserialize_ros1(data, connection.msgtype)
            # no message of ROS 2 begins like this, so none need say that it is compressed
            data = unzstd(data) if data[:4] == ZSTD_MAGIC else data
            return store.deserialize_cdr(data, connection.msgtype)
        except Exception as error:  # as above
            raise DataError(f'bag {self.path}: {f"message {number}" if number else "a message"} on {connection.topic} '
                            f'is no whole {connection.msgtype.replace("/msg/", "/")}: {one_line(error)}') from None

    def _connections(self) -> list:
        return [connection for storage in self._storages for connection in storage.connections]

    def _store(self, connection: Any):
        """The type of this connection alone, so that an odd definition elsewhere in the bag does no harm."""
        definition = connection.msgdef
        key = connection.msgtype, definition.data
        if key in self._stores:
            return self._stores[key]
        types = {}
        try:
            if not definition.data.strip() or definition.format == MessageDefinitionFormat.NONE:
                # rosbag2 before Iron recorded no definitions; the standard messages have not changed since
                types.update(get_typestore(Stores.ROS2_JAZZY).fielddefs)
            elif definition.format == MessageDefinitionFormat.IDL:
                for part in filter(str.strip, definition.data.split(IDL_PART)):
                    types.update(get_types_from_idl(part.partition('\n')[2] if part.startswith('IDL: ') else part))
            else:
                types.update(get_types_from_msg(definition.data, connection.msgtype))
        except Exception as error:
            raise DataError(f'bag {self.path} defines {connection.msgtype} in a way that cannot be read: '
                            f'{one_line(error)}') from None
        if connection.msgtype not in types:
            raise DataError(f'bag {self.path} does not define {connection.msgtype}, and it is no standard type')
        store = get_typestore(Stores.EMPTY)
        store.register(types)
        self._stores[key] = store
        return store


def stamp_of(message: Any) -> int:
    """The header stamp in nanoseconds; 0 where there is no header or it was left unset."""
    header = getattr(message, 'header', None)
    return header.stamp.sec * 10**9 + header.stamp.nanosec if header is not None else 0


def _own_stamp(message: Any) -> int:
    """That of the header, or of the first transform of TF."""
    transforms = getattr(message, 'transforms', ())
    return stamp_of(transforms[0] if len(transforms) else message)


def frame_of(message: Any) -> str:
    """The header's frame without the leading slash that ROS 1 allowed; empty where there is none."""
    header = getattr(message, 'header', None)
    return header.frame_id.lstrip('/') if header is not None else ''
