"""Descriptor shards: safetensors files with one float16 tensor ``descriptors`` (k, n, N), memory-mapped.

The header is read here, not by the safetensors library, whose loaders copy the tensor into memory.
https://github.com/huggingface/safetensors#format
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import re
import struct
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from dejavu_ros.errors import MapError
from dejavu_ros.files import new_file
from dejavu_ros.keyframes.schema import DESCRIPTORS

TENSOR = 'descriptors'
MAX_HEADER = 65536
FILE_NAME = re.compile(r'[0-9]{9,}\.safetensors')


@dataclasses.dataclass(frozen=True)
class Shard:
    """Row of a map: ``file`` in descriptors/ holds keyframes ``start`` to ``stop`` (exclusive)."""

    file: str
    start: int
    stop: int
    bytes: int
    sha256: str


def write_shard(folder: Path, start: int, descriptors: np.ndarray) -> Shard:
    """Write float16 ``descriptors`` (k, n, N) of the keyframes from ``start`` on, durably. Raises OSError.

    The name tells the first keyframe.
    """
    file = f'{start:09d}.safetensors'
    content = save({TENSOR: np.ascontiguousarray(descriptors)})
    with new_file(folder / DESCRIPTORS / file, error=None) as out:
        out.write(content)
    return Shard(file, start, start + len(descriptors), len(content), hashlib.sha256(content).hexdigest())


def open_shard(folder: Path, shard: Shard, shape: tuple[int, int]) -> np.ndarray:
    """Memory-map a shard as (k, ``*shape``) float16, read-only, after a look at its size and header.

    Every figure of the header has to equal what the map says, so a hostile one cannot reach outside the file.
    Raises MapError where the shard is missing, cut, or not what the map recorded.
    """
    if not FILE_NAME.fullmatch(shard.file):
        raise MapError(f'{folder} names the shard {shard.file!r}, which is not a file of its {DESCRIPTORS} folder')
    path = folder / DESCRIPTORS / shard.file
    whole = (shard.stop - shard.start, *shape)
    try:
        if not path.is_file():
            raise MapError(f'{path} is missing: restore it from a copy, or build the map again')
        size = path.stat().st_size
        if size != shard.bytes:
            raise _damaged(path, f'it has {size:,} bytes, the map recorded {shard.bytes:,}')
        offset = _check_header(path, size, whole)
        if size != offset + 2 * math.prod(whole):
            raise _damaged(path, 'it does not end where its header says')
        return np.asarray(np.memmap(path, dtype='<f2', mode='r', offset=offset, shape=whole))
    except OSError as error:
        raise MapError(f'{path} cannot be read: {error.strerror}') from None


def before_cut(folder: Path, shard: Shard, shape: tuple[int, int]) -> np.ndarray:
    """Those keyframes (k, ``*shape``) float16 of a shard that was cut short which lie whole before the cut.

    None of a file that is missing, not shorter than recorded, or without its header.
    """
    path = folder / DESCRIPTORS / shard.file
    keyframe = math.prod(shape)
    with contextlib.suppress(MapError, OSError):
        size = path.stat().st_size
        if FILE_NAME.fullmatch(shard.file) and size < shard.bytes:
            offset = _check_header(path, size, (shard.stop - shard.start, *shape))
            rows = (size - offset) // (2 * keyframe)
            return np.fromfile(path, '<f2', rows * keyframe, offset=offset).reshape(rows, *shape)
    return np.empty((0, *shape), np.float16)


def checksum(folder: Path, shard: Shard) -> str:
    """SHA-256 of a shard's file in hex, read in pieces. Raises OSError."""
    digest = hashlib.sha256()
    with open(folder / DESCRIPTORS / shard.file, 'rb') as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _check_header(path: Path, size: int, shape: tuple[int, int, int]) -> int:
    """Offset of the data in bytes. Raises MapError unless the header is that of one float16 tensor of ``shape``."""
    with open(path, 'rb') as file:
        start = file.read(8)
        length = struct.unpack('<Q', start)[0] if len(start) == 8 else 0
        if not 0 < length <= min(MAX_HEADER, size - 8):
            raise _damaged(path, 'no safetensors header')
        text = file.read(length)
    try:
        header = dict(json.loads(text))
        header.pop('__metadata__', None)
    except (ValueError, TypeError, RecursionError):
        raise _damaged(path, 'its safetensors header is not JSON') from None
    expected = {TENSOR: {'dtype': 'F16', 'shape': list(shape), 'data_offsets': [0, 2 * math.prod(shape)]}}
    if header != expected:
        raise _damaged(path, f'its header is not that of float16 {TENSOR} {list(shape)}')
    return 8 + length


def _damaged(path: Path, what: str) -> MapError:
    return MapError(f'{path} is damaged ({what}): restore it from a copy, or build the map again')
