"""A new map of what is whole in a damaged one.

Descriptors that are lost are made again from the pictures of their keyframes; what cannot be had back is left out, and
told. The damaged map is only read.
"""

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from dejavu_ros.errors import ImageError, MapError
from dejavu_ros.images import decode_image, encode_jpeg
from dejavu_ros.keyframes import Camera, KeyframeMap
from dejavu_ros.keyframes.points import Points
from dejavu_ros.keyframes.schema import DESCRIPTORS, connect, map_folder
from dejavu_ros.keyframes.shards import Shard, before_cut, checksum, open_shard
from dejavu_ros.keyframes.verify import wrong_covariances
from dejavu_ros.mapping.maintenance import keep, session_rows
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.mask import blank, fitting, seen_in, visible_cells


@dataclasses.dataclass
class Repair:
    """What became of ``keyframes``, and ``notes`` of what was lost, a line each."""

    keyframes: int
    kept: int = 0
    again: int = 0  # of the kept ones, those described again from their pictures
    notes: list[str] = dataclasses.field(default_factory=list)


def repair(path: str | Path, output: str | Path, make_extractor: Callable[[], FeatureExtractor] | None,
           progress: Callable[[Iterable], Iterable] = iter) -> Repair:
    """A new map of all keyframes of a damaged one that are whole, or that can be described again.

    The extractor that describes them is made only where something is lost.

    Raises MapError where its database cannot be read, nothing would be left, or the extractor's checkpoint is not the
    map's although it is needed.
    """
    folder = map_folder(path)
    with contextlib.closing(connect(folder)) as connection:
        salvage = Salvage(folder, connection, make_extractor)
        rows = {session.name: session_rows(salvage, session.name) for session in salvage.sessions}
        kept = keep(salvage, {name: own[salvage.usable[own]] for name, own in rows.items()}, output, progress)
    again = salvage.usable & ~salvage.whole
    for name, own in rows.items():
        if lost := int((~salvage.usable[own]).sum()):
            salvage.notes.append(f'session {name}: {lost:,} of {len(own):,} keyframes are lost')
    return Repair(len(salvage), kept, int(again.sum()), salvage.notes)


class Salvage(KeyframeMap):
    """A damaged map, read as far as it is whole.

    ``whole`` (K,) are the keyframes whose descriptors are as they were written, ``usable`` (K,) those that a new map
    can have; ``notes`` grow with what is read and turns out to be lost.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection,
                 make_extractor: Callable[[], FeatureExtractor] | None):
        super().__init__(folder, connection)
        self.notes: list[str] = []
        self.cameras = [dataclasses.replace(camera, mask=self._mask(camera)) for camera in self.cameras]
        self._shards = [self._part(shard) for shard in self.shard_table]
        self.whole = np.zeros(len(self), bool)
        for start, part in self.shards():
            self.whole[start:start + len(part)] = np.isfinite(part).all((1, 2))
        self.extractor = extractor = make_extractor() if make_extractor and not self.whole.all() else None
        if extractor and extractor.checkpoint.identity != self.checkpoint_id:
            raise MapError(f'{folder} was made with checkpoint {self.checkpoint_id}, not with '
                           f'{extractor.checkpoint.identity}: give that one to describe again what is lost, or --drop')
        pictured = [extractor is not None and self._picture(row) is not None for row in np.flatnonzero(~self.whole)]
        self.usable = self.whole.copy()
        self.usable[~self.whole] = pictured
        self.usable &= ~wrong_covariances(self.keyframes.covariances)

    def descriptors(self, start: int, stop: int) -> np.ndarray:
        """As written, (stop - start, n, N) float16; of a keyframe that is not whole, from its picture."""
        if self.whole[start:stop].all():
            return super().descriptors(start, stop)
        return np.concatenate([super(Salvage, self).descriptors(row, row + 1) if self.whole[row] else
                               self._described(row) for row in range(start, stop)])

    def thumbnail(self, keyframe: int) -> bytes:
        """The picture of a keyframe, or a grey one in its stead."""
        with contextlib.suppress(MapError):
            picture = super().thumbnail(keyframe)
            if picture.startswith(b'\xff\xd8'):
                return picture
        self.notes.append(f'keyframe {keyframe}: its picture is lost, a grey one stands for it')
        return encode_jpeg(np.full((12, 16, 3), 128, np.uint8))

    def points(self, keyframe: int) -> bytes | None:
        """As in any map, without those that are damaged."""
        try:
            points = super().points(keyframe)
            if points:
                Points.from_bytes(points)
            return points
        except MapError:
            self.notes.append(f'keyframe {keyframe}: its points in 3-D are lost')
            return None

    def _part(self, shard: Shard) -> np.ndarray:
        """(k, n, N): the first k keyframes of a shard, as many as can be trusted."""
        try:
            part = open_shard(self.path, shard, self.descriptor_shape)
            if checksum(self.path, shard) == shard.sha256:
                return part
            part = part[:0]  # nobody knows which of its numbers are wrong
        except (MapError, OSError):
            part = before_cut(self.path, shard, self.descriptor_shape)
        self.notes.append(f'{self.path / DESCRIPTORS / shard.file}: {len(part):,} of {shard.stop - shard.start:,} '
                          'keyframes are whole')
        return part

    def _picture(self, row: int) -> np.ndarray | None:
        with contextlib.suppress(MapError, ImageError):
            return decode_image(super().thumbnail(row))
        return None

    def _described(self, row: int) -> np.ndarray:
        """(1, n, N) float16 of the picture of a keyframe, under the mask of its camera."""
        image, mask = self._picture(row), self.cameras[self.camera_index[row]].mask
        if mask is None:
            return self.extractor.extract([image])
        seen = seen_in(decode_image(mask))
        descriptors = self.extractor.extract([blank(image, fitting(seen, image.shape[1], image.shape[0]))])
        descriptors[..., ~visible_cells(seen, self.extractor.grid)] = 0
        return descriptors

    def _mask(self, camera: Camera) -> bytes | None:
        with contextlib.suppress(ImageError):
            if camera.mask:
                decode_image(camera.mask)
            return camera.mask
        self.notes.append(f'camera {camera.name} of session {camera.session}: its mask is lost')
        return None
