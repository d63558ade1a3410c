"""The descriptors of a map where they are stored; and on a device, held there if they fit, else brought in chunks."""

import contextlib
import warnings
from collections.abc import Iterator

import numpy as np
import torch

from dejavu_ros.keyframes import KeyframeMap

CHUNK = 64 << 20  # bytes brought at a time, where the memory allows


class StoredMap:
    """Descriptors of K keyframes on the disk, memory-mapped."""

    device = torch.device('cpu')

    def __init__(self, keyframes: KeyframeMap):
        self.shards = [mapped(shard) for _, shard in keyframes.shards()]
        self.starts = np.cumsum([0, *(len(shard) for shard in self.shards)])

    @property
    def shape(self) -> tuple[int, int]:
        """(n, N) of a keyframe."""
        return tuple(self.shards[0].shape[1:])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, rows: np.ndarray) -> torch.Tensor:
        """Descriptors (len(rows), n, N) float16 of these keyframes, copied into memory."""
        descriptors = self.shards[0].new_empty(len(rows), *self.shards[0].shape[1:])
        which = np.searchsorted(self.starts, rows, side='right') - 1
        for number in np.unique(which):
            here = np.flatnonzero(which == number)
            descriptors[here] = self.shards[number][rows[here] - self.starts[number]]
        return descriptors

    def view(self, row: int) -> np.ndarray:
        """What a keyframe shows, (n, N) float16, where it lies on the disk."""
        shard = int(np.searchsorted(self.starts, row, side='right')) - 1
        return self.shards[shard][row - self.starts[shard]].numpy()

    def chunks(self, rows: np.ndarray | None = None) -> Iterator[tuple[int, torch.Tensor]]:
        """The first number of each chunk and its descriptors (k, n, N): of all keyframes, or of these ``rows``."""
        if rows is not None:
            yield 0, self[rows]
        else:
            yield from zip(self.starts.tolist(), self.shards)


class DeviceMap:
    """The same on a device, for searches by one thread."""

    def __init__(self, stored: StoredMap, device: torch.device, limit: int):
        """Take up to ``limit`` bytes of the device for the map, and none before the first search."""
        self.stored, self.device = stored, device
        keyframe = 2 * stored.shards[0][0].numel()
        self.fits = len(stored) * keyframe <= limit
        self.length = max(1, min(len(stored), min(CHUNK, limit // 2) // keyframe))  # keyframes of a chunk
        self.held: torch.Tensor | None = None
        self.lanes: list[Lane] = []

    def chunks(self, rows: np.ndarray | None = None) -> Iterator[tuple[int, torch.Tensor]]:
        """As those of :class:`StoredMap`, on the device.

        A chunk is there for what is asked of the device before the next one, and overwritten later.
        """
        if rows is not None and not self.fits:
            yield 0, self.stored[rows].to(self.device)
        elif self.fits:
            self.held = self.loaded() if self.held is None else self.held
            yield 0, self.held if rows is None else self.held[torch.from_numpy(rows).to(self.device)]
        else:
            yield from self.brought()

    def loaded(self) -> torch.Tensor:
        """All descriptors (K, n, N)."""
        first = self.stored.shards[0]
        descriptors = first.new_empty(len(self.stored), *first.shape[1:], device=self.device)
        for start, shard in self.stored.chunks():
            descriptors[start:start + len(shard)] = shard
        return descriptors

    def brought(self) -> Iterator[tuple[int, torch.Tensor]]:
        """One chunk is read from the disk and copied while the device works on the one before."""
        if not self.lanes:
            shape = self.length, *self.stored.shards[0].shape[1:]
            self.lanes = [Lane(shape, self.device) for _ in range(2)]
        for number, start in enumerate(range(0, len(self.stored), self.length)):
            parts = [shard[max(start - first, 0):max(start + self.length - first, 0)]
                     for first, shard in self.stored.chunks()]
            with self.lanes[number % 2].bring([part for part in parts if len(part)]) as chunk:
                yield start, chunk

    def release(self) -> None:
        """Give the device's memory back."""
        self.held, self.lanes = None, []


class Lane:
    """A buffer of ours and one on a device, and a stream that copies between them beside what the device does."""

    def __init__(self, shape: tuple[int, ...], device: torch.device):
        """``shape`` is that of the longest chunk. On the CPU, for tests, nothing is beside anything."""
        cuda = device.type == 'cuda'
        self.streams, self.device = torch.cuda if cuda else torch.cpu, device
        self.here = torch.empty(shape, dtype=torch.float16, pin_memory=cuda)
        self.there = torch.empty(shape, dtype=torch.float16, device=device)
        self.copying = torch.cuda.Stream(device) if cuda else torch.cpu.Stream()
        self.copied, self.used = self.streams.Event(), self.streams.Event()
        if cuda:
            self.there.record_stream(self.copying)  # its memory is nobody else's before the last copy has ended

    @contextlib.contextmanager
    def bring(self, parts: list[torch.Tensor]) -> Iterator[torch.Tensor]:
        """``parts`` (k, n, N) after one another on the device; what is asked of it within may read them."""
        self.copied.synchronize()  # what was here before has left
        chunk = slice(0, sum(map(len, parts)))
        torch.cat(parts, out=self.here[chunk])
        reading = self.streams.current_stream(self.device)
        self.copying.wait_event(self.used)  # what was there before has been read
        with self.streams.stream(self.copying):
            self.there[chunk].copy_(self.here[chunk], non_blocking=True)
            self.copied.record(self.copying)
        reading.wait_event(self.copied)
        yield self.there[chunk]
        self.used.record(reading)


def mapped(shard: np.ndarray) -> torch.Tensor:
    """A read-only memory map as a tensor on the same pages, which nobody writes to."""
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='The given NumPy array is not writable')
        return torch.from_numpy(shard)
