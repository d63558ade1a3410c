"""What an MCAP file says of itself, and a view of it that the rosbags reader takes.

The reader wants the profile ``ros2`` and definitions that are ROS 2's; the format asks for neither. So the file is
shown to it with that profile, and without the channels that hold something else (JSON, Protobuf). Definitions of ROS 1
are written in the same language as those of ROS 2.
"""

import bisect
import dataclasses
import io
import struct
from pathlib import Path
from typing import BinaryIO

from rosbags.rosbag2.storage_mcap import decompress

MAGIC = b'\x89MCAP0\r\n'
FOOTER_LENGTH = 29  # with its opcode and length, before the magic at the end
HEADER, FOOTER, SCHEMA, CHANNEL, CHUNK, DATA_END = 1, 2, 3, 4, 6, 15  # opcodes
PRIVATE = 0x80  # the first opcode that readers pass over
AFTER_END = 1 << 16  # bytes behind the magic at the end that do no harm
READABLE = {('cdr', 'ros2msg'), ('cdr', 'ros2idl'), ('cdr', 'omgidl'), ('cdr', ''), ('ros1', 'ros1msg')}


class NotWhole(Exception):
    """The file lacks its end, or records reach beyond it."""


@dataclasses.dataclass(frozen=True)
class Channel:
    """``message`` and ``schema`` are the encodings of the data and of their definition."""

    topic: str
    message: str
    schema: str
    in_chunk: bool

    @property
    def readable(self) -> bool:
        return (self.message, self.schema) in READABLE


class McapView:
    """An MCAP file for the rosbags reader, which opens and reads it like a path. Raises NotWhole, OSError."""

    def __init__(self, path: Path):
        self.path = path
        self.channels: list[Channel] = []
        self._patches: dict[int, int] = {}  # offset -> byte
        self._schemas: dict[int, str] = {}
        with open(path, 'rb') as file:
            self.end = _end(file)
            file.seek(len(MAGIC))
            _, start, length = _record(file, self.end)
            self._data_start = start + length
            self.profile = _string(_bytes(file, length, self.end), 0)[0].decode('utf-8', 'replace')
            file.seek(self.end - FOOTER_LENGTH - len(MAGIC))
            code, _, _ = _record(file, self.end)
            summary = struct.unpack('<Q', _bytes(file, 8, self.end))[0] if code == FOOTER else 0
            if summary:
                self._scan(file, summary, self.end)
            if not self.channels:
                self._scan(file, self._data_start, self.end)
        self._offsets = sorted(self._patches)

    @property
    def indexed_badly(self) -> bool:
        """Whether channels that cannot be hidden from the reader hold something else."""
        return any(channel.in_chunk and (channel.message, channel.schema) not in READABLE - {('ros1', 'ros1msg')}
                   for channel in self.channels)

    def __str__(self) -> str:
        return str(self.path)

    def open(self, mode: str) -> '_Patched':
        header = struct.pack('<I4sI', 4, b'ros2', 0)
        head = MAGIC + struct.pack('<BQ', HEADER, len(header)) + header
        return _Patched(self.path.open(mode), head, self._data_start, self.end,
                        self._offsets, [self._patches[offset] for offset in self._offsets])

    def _scan(self, file: BinaryIO, start: int, end: int, in_chunk: bool = False) -> None:
        """Note the schemas and channels between two offsets."""
        file.seek(start)
        while file.tell() < end:
            code, at, length = _record(file, end)
            if code == SCHEMA:
                self._schema(_bytes(file, length, end), at, in_chunk)
            elif code == CHANNEL:
                self._channel(_bytes(file, length, end), at, in_chunk)
            elif code == CHUNK and not in_chunk:
                body = _bytes(file, length, end)
                size, crc = struct.unpack_from('<QI', body, 16)
                compression, place = _string(body, 28)
                data = decompress(body[place + 8:], compression.decode(), size, crc)
                self._scan(io.BytesIO(data), 0, len(data), in_chunk=True)
            elif code in (FOOTER, DATA_END):
                break
            file.seek(at + length)

    def _schema(self, body: bytes, at: int, in_chunk: bool) -> None:
        number, = struct.unpack_from('<H', body)
        _, place = _string(body, 2)
        encoding = _string(body, place)[0].decode('utf-8', 'replace')
        self._schemas[number] = encoding
        if in_chunk:
            return
        if encoding == 'ros1msg':
            self._patches[at + place + 4 + 3] = ord('2')
        elif not any(encoding == schema for _, schema in READABLE):
            self._patches[at - 9] = PRIVATE

    def _channel(self, body: bytes, at: int, in_chunk: bool) -> None:
        schema, = struct.unpack_from('<H', body, 2)
        topic, place = _string(body, 4)
        message, place = _string(body, place)
        channel = Channel(topic.decode('utf-8', 'replace'), message.decode('utf-8', 'replace'),
                          self._schemas.get(schema, ''), in_chunk)
        if channel not in self.channels:
            self.channels.append(channel)
        if in_chunk:
            return
        if not channel.readable:
            self._patches[at - 9] = PRIVATE
        # what the recorder says of QoS may be of any shape, and is not needed
        key = body.find(b'offered_qos_profiles', place)
        if key >= 0:
            self._patches[at + key] = ord('x')


class _Patched(io.RawIOBase):
    """A file with another head, other single bytes and nothing behind its end."""

    def __init__(self, file: BinaryIO, head: bytes, start: int, end: int, offsets: list[int], values: list[int]):
        self._file, self._head, self._start, self._end = file, io.BytesIO(head), start, end
        self._left, self._offsets, self._values = len(head), offsets, values

    def read(self, size: int = -1) -> bytes:
        if self._left:
            data = self._head.read(size)
            self._left -= len(data)
            if not self._left:
                self._file.seek(self._start)
            return data
        at = self._file.tell()
        rest = max(0, self._end - at)
        data = self._file.read(rest if size < 0 else min(size, rest))
        first, last = (bisect.bisect_left(self._offsets, place) for place in (at, at + len(data)))
        if first == last:
            return data
        patched = bytearray(data)
        for offset, value in zip(self._offsets[first:last], self._values[first:last]):
            patched[offset - at] = value
        return bytes(patched)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._left = 0
        if whence == io.SEEK_END:
            return self._file.seek(self._end + offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


def _end(file: BinaryIO) -> int:
    """The offset behind the magic at the end."""
    size = file.seek(0, io.SEEK_END)
    begin = max(len(MAGIC), size - AFTER_END)
    file.seek(begin)
    found = file.read().rfind(MAGIC)
    if found < 0 or begin + found < len(MAGIC) + FOOTER_LENGTH:
        raise NotWhole('the mark of its end is missing')
    return begin + found + len(MAGIC)


def _record(file: BinaryIO, end: int) -> tuple[int, int, int]:
    """Opcode, offset of the body and its length."""
    code, length = struct.unpack('<BQ', _bytes(file, 9, end))
    at = file.tell()
    if at + length > end:
        raise NotWhole(f'a record at {at - 9} reaches beyond its end')
    return code, at, length


def _bytes(file: BinaryIO, size: int, end: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise NotWhole(f'it ends within a record, at {end}')
    return data


def _string(body: bytes, at: int) -> tuple[bytes, int]:
    """A string with its length before it, and the offset behind it."""
    length, = struct.unpack_from('<I', body, at)
    return body[at + 4:at + 4 + length], at + 4 + length
