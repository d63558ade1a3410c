"""A training file of CAPS: the network and its optimisation, and where posed pictures come from."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dejavu_ros.config import build, load_yaml, option
from dejavu_ros.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class CapsConfig:
    """What is learned, from how much, and how."""

    start_from: str = option('', 'checkpoint of the published network, whose encoder is taken; empty is dejavu-0.2.pt, '
                                 'random untrained weights')
    supervision: str = option('caps', 'by camera poses (caps), by places under contextual similarity (cx), or both',
                              choices=('cx', 'caps', 'both'))
    train_encoder: bool = option(False, 'the encoder learns too, so that its own features change; under cx and both it '
                                        'always does')
    length: int = option(64, 'of the coarse and of the fine vectors; a descriptor is both', low=2, high=512)
    width: int = option(160, 'of the pictures that the network sees', unit='px', low=32, high=2048)
    height: int = option(120, 'of the same', unit='px', low=32, high=2048)
    steps: int = option(500, 'optimiser steps', low=1)
    pairs: int = option(6, 'pairs of pictures in a step', low=2, high=1024)
    points: int = option(200, 'points asked about in a pair: corners, and a fifth anywhere', low=5, high=100000)
    learning_rate: float = option(1e-3, 'its peak, from which it falls along a cosine', low=0.0, high=10.0)
    weight_decay: float = option(0.01, 'decoupled, of AdamW', low=0.0, high=10.0)
    photometric: float = option(0.5, 'how much light and weather are changed, in each picture on its own', low=0.0,
                                high=1.0)
    distance: float = option(4.0, 'pictures of a pair were taken so far apart at most', unit='m', low=0.1, high=1e4)
    min_distance: float = option(0.3, 'and at least: without a baseline there are no epipolar lines', unit='m',
                                 low=0.001, high=1e4)
    angle: float = option(25.0, 'and turned against each other by so much at most', unit='deg', low=0.1, high=180.0)
    seed: int = option(0, 'of the weights and of every batch', low=0)
    device: str = option('cpu', 'torch device, e.g. cpu or cuda')
    log_every: int = option(20, 'steps between lines of log.jsonl', low=1)

    def __post_init__(self) -> None:
        if self.min_distance >= self.distance:
            raise ConfigError(f'min_distance {self.min_distance:g} must be below distance {self.distance:g}')

    @property
    def encoder_learns(self) -> bool:
        """CX is of the encoder's own features: without it there would be nothing to learn by it."""
        return self.train_encoder or self.supervision != 'caps'


@dataclasses.dataclass(frozen=True)
class CapsSource:
    """Posed pictures of still worlds: drives, bags, a scene or a folder of scenes."""

    folders: str = option('', 'drives of one town as dejavu town writes them (images, poses.txt, camera.yaml), with '
                              'blanks between')
    bags: str = option('', 'bags with images, their CameraInfo, poses in one frame and the transform of the camera, '
                           'with blanks between')
    image_topic: str = option('', 'of the bags; empty is the only one')
    pose_topic: str = option('', 'of the bags; empty is the only one')
    scene: str = option('', 'MegaDepth-style .npz: image_paths, intrinsics (N, 3, 3), poses (N, 4, 4) of the world in '
                            'the camera, overlap_matrix (N, N)')
    root: str = option('.', 'folder that the image_paths of a scene start at')
    megadepth: str = option('', 'folder that holds, itself or below, img_cam.txt with pairs.txt and images/: MegaDepth '
                                'as the authors of CAPS give it')
    overlap: float = option(0.15, 'pictures of a scene are a pair from this overlap on', low=0.0, high=1.0)

    def __post_init__(self) -> None:
        if sum(map(bool, (self.folders, self.bags, self.scene, self.megadepth))) != 1:
            raise ConfigError(f'a source has folders, bags, a scene or megadepth, got folders {self.folders!r}, bags '
                              f'{self.bags!r}, scene {self.scene!r}, megadepth {self.megadepth!r}')


def load_caps_recipe(path: str | Path, **overrides: Any) -> tuple[CapsConfig, list[CapsSource]]:
    """Read a YAML file with the parts ``train`` and ``sources``; ``overrides`` replace values of ``train``.

    Raises ConfigError naming what is unknown or missing.
    """
    content = load_yaml(path)
    unknown = set(content) - {'train', 'sources'}
    if unknown:
        raise ConfigError(f'{path}: unknown part {", ".join(sorted(unknown))}; known: train, sources')
    sources = content.get('sources')
    if not isinstance(sources, list) or not sources or not all(isinstance(source, Mapping) for source in sources):
        raise ConfigError(f'{path}: sources must list at least one with folders, bags, scene or megadepth')
    return (build(CapsConfig, {**(content.get('train') or {}), **overrides}),
            [build(CapsSource, source) for source in sources])
