"""What a keyframe may carry beside its grid: points in 3-D with descriptors, to find a pose from."""

import dataclasses
import sqlite3

import numpy as np
import safetensors
from safetensors.numpy import load, save

from dejavu_ros.errors import MapError

TABLE = """
CREATE TABLE IF NOT EXISTS points (
    keyframe INTEGER PRIMARY KEY REFERENCES keyframes,
    tensors BLOB NOT NULL
) STRICT
"""
SCALE = 512  # of RootSIFT as bytes, as SIFT itself is stored


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """``points`` (N, 3) float32 in metres in the camera's optical frame, and descriptors of unit length.

    ``rootsift`` (128, N) and ``learned`` (n, N) float32, of which one may be None.
    """

    points: np.ndarray
    rootsift: np.ndarray | None
    learned: np.ndarray | None

    def __len__(self) -> int:
        return len(self.points)

    def to_bytes(self) -> bytes:
        """A safetensors file of ``points`` float32, ``rootsift`` uint8 (512 times the vectors, 255 at most) and
        ``learned`` float16.
        """
        tensors = {'points': np.ascontiguousarray(self.points, np.float32)}
        if self.rootsift is not None:
            tensors['rootsift'] = np.ascontiguousarray((self.rootsift * SCALE).round().clip(0, 255), np.uint8)
        if self.learned is not None:
            tensors['learned'] = np.ascontiguousarray(self.learned, np.float16)
        return save(tensors)

    @classmethod
    def from_bytes(cls, content: bytes) -> 'Points':
        """The inverse of :meth:`to_bytes`, up to its rounding. Raises MapError for anything else."""
        try:
            tensors = load(content)
        except safetensors.SafetensorError as error:
            raise MapError(f'points that are no safetensors: {error}') from None
        kinds = {name: (tensor.dtype.name, tensor.ndim) for name, tensor in tensors.items()}
        known = {'points': ('float32', 2), 'rootsift': ('uint8', 2), 'learned': ('float16', 2)}
        if 'points' not in kinds or len(kinds) < 2 or any(known.get(name) != kind for name, kind in kinds.items()):
            raise MapError(f'points must be float32 with rootsift uint8 or learned float16, got {kinds}')
        points, rootsift, learned = (tensors.get(name) for name in known)
        if points.shape[1] != 3 or any(part is not None and part.shape[1] != len(points)
                                       for part in (rootsift, learned)):
            raise MapError('points and their descriptors differ in number')
        if not np.isfinite(points).all() or (learned is not None and not np.isfinite(learned).all()):
            raise MapError('points that are not finite')
        return cls(points, None if rootsift is None else unit(rootsift), None if learned is None else unit(learned))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Columns (n, N) to float32 of unit length; zeros stay."""
    vectors = vectors.astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=0).clip(min=1e-6)


def have_points(connection: sqlite3.Connection) -> bool:
    """Whether a map's database has the table at all."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'points'").fetchone() is not None
