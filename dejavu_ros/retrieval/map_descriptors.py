"""Descriptors of a map's keyframes: a file in the map's folder for each describer.

``NAME.dvmap/describers/IDENTITY.safetensors`` holds ``descriptors`` (K, D) float16 and ``stamps_ns`` (K,) int64 of the
keyframes they were made of. It can be made again at any time, and is no part of the map's revision.
"""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from dejavu_ros.errors import MapError
from dejavu_ros.files import new_file
from dejavu_ros.images import decode_image
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.keyframes.schema import DESCRIBERS
from dejavu_ros.retrieval.describer import Describer


def describe_keyframes(keyframes: KeyframeMap, describer: Describer) -> tuple[Path, int]:
    """Describe the keyframes that are not described yet, by their thumbnails; the file, and how many they were.

    Raises MapError where the folder cannot be written or a thumbnail is missing, ImageError for a damaged one.
    """
    path = descriptor_file(keyframes, describer.identity)
    known, stamps = read(path) if path.is_file() else (None, np.empty(0, np.int64))
    done = len(stamps) if np.array_equal(stamps, keyframes.keyframes.stamps_ns[:len(stamps)]) else 0
    rows = range(done, len(keyframes))
    if rows:
        images = (decode_image(keyframes.thumbnail(row), f'thumbnail {row}') for row in rows)
        new = describer.describe_all(images, len(rows))
        content = {'descriptors': np.concatenate([known[:done], new]) if done else new,
                   'stamps_ns': np.ascontiguousarray(keyframes.keyframes.stamps_ns)}  # safetensors ignores strides
        with new_file(path, error=MapError) as file:
            file.write(save(content))
    return path, len(rows)


def keyframe_descriptors(keyframes: KeyframeMap, identity: str) -> np.ndarray:
    """(K, D) float16 of a describer's identity. Raises MapError where they are missing or of other keyframes."""
    path = descriptor_file(keyframes, identity)
    again = f'run dejavu describe --map {keyframes.path} with that describer'
    if not path.is_file():
        raise MapError(f'map {keyframes.name} has no descriptors of describer {identity}: {again}')
    descriptors, stamps = read(path)
    if not np.array_equal(stamps, keyframes.keyframes.stamps_ns):
        raise MapError(f'{path} describes {len(stamps)} keyframes, not the {len(keyframes)} that map {keyframes.name} '
                       f'has now: {again}')
    return descriptors


def descriptor_file(keyframes: KeyframeMap, identity: str) -> Path:
    return keyframes.path / DESCRIBERS / f'{identity}.safetensors'


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors and stamps of a file. Raises MapError for a damaged one."""
    try:
        content = load_file(path)
        descriptors, stamps = content['descriptors'], content['stamps_ns']
    except (OSError, SafetensorError, KeyError):
        raise MapError(f'{path} is damaged: remove it, and run dejavu describe --map again') from None
    if descriptors.ndim != 2 or len(descriptors) != len(stamps) or not np.isfinite(descriptors).all():
        raise MapError(f'{path} is damaged: remove it, and run dejavu describe --map again')
    return descriptors, stamps
