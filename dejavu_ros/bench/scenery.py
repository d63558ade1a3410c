"""Pictures and maps to measure with. They show no place: a few patterns, and maps of these extended with noise."""

from pathlib import Path

import cv2
import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import MapWriter
from dejavu_ros.nn.features import FeatureExtractor

PATTERNS = 8
NOISE = 0.15  # standard deviation in each channel of a unit vector
SPACING = 2.0  # metres between keyframes


def pictures(width: int, height: int) -> list[np.ndarray]:
    """PATTERNS pictures (height, width, 3) uint8 RGB with structure of all sizes, always the same ones."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(PATTERNS):
        layers = [cv2.resize(rng.normal(size=(3 * 2**level, 4 * 2**level, 3)), (width, height)) for level in range(6)]
        found.append((128 + 25 * sum(layers)).clip(0, 255).astype(np.uint8))
    return found


def write_map(path: Path, extractor: FeatureExtractor, keyframes: int) -> None:
    """A map of so many keyframes along a line, each a pattern with noise of its own."""
    rng = np.random.default_rng(1)
    known = extractor.extract(pictures(320, 240)).astype(np.float32)
    thumbnail = encode_jpeg(np.full((12, 16, 3), 128, np.uint8))
    covariance = np.diag([0.01] * 3 + [0.001] * 3)
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer, \
            writer.session('patterns', '') as session:
        for number in range(keyframes):
            vectors = known[number % PATTERNS] + rng.normal(0, NOISE, known.shape[1:]).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=0)
            session.add(vectors.astype(np.float16), 'camera', number, Pose.planar(SPACING * number, 0, 0), covariance,
                        thumbnail)
