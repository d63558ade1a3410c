"""The map of the fuzzed node."""

from pathlib import Path

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import MapWriter
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.camera import LOOKING_AHEAD


def write_map(path: Path, extractor: FeatureExtractor, images: list[np.ndarray]) -> None:
    """A map of images (H, W, 3) uint8 RGB of one size, one every 20 m, whose camera is calibrated."""
    height, width, _ = images[0].shape
    intrinsics = {'width': width, 'height': height, 'model': 'plumb_bob', 'D': [0.0] * 5,
                  'K': [0.8 * width, 0.0, (width - 1) / 2, 0.0, 0.8 * width, (height - 1) / 2, 0.0, 0.0, 1.0]}
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer, \
            writer.session('patterns', '') as session:
        session.camera('camera', width, height, intrinsics, LOOKING_AHEAD)
        for number, (image, grid) in enumerate(zip(images, extractor.extract(images))):
            session.add(grid, 'camera', number, Pose.planar(20.0 * number, 0.0, 0.0), np.eye(6) * 0.01,
                        encode_jpeg(image))
