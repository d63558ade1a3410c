"""What a person sets to train."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The optimisation."""

    steps: int = option(2000, 'optimiser steps', low=1)
    places: int = option(24, 'different places in a batch, each seen in two sessions', low=2, high=4096)
    learning_rate: float = option(1e-3, 'peak of the learning rate (AdamW, cosine decay to zero)', low=0.0, high=1.0)
    weight_decay: float = option(0.01, 'decoupled weight decay', low=0.0, high=1.0)
    warmup: int = option(50, 'steps of linear warm-up', low=0)
    temperature: float = option(0.05, 'of the in-batch contrast over contextual similarities', low=1e-3, high=10.0)
    channels: int = option(10, 'n, vectors\' length', low=1, high=256)
    bfloat16: bool = option(True, 'mixed precision: bfloat16 where it is safe, float32 elsewhere')
    seed: int = option(0, 'of the weights and of every batch', low=0)
    checkpoint_every: int = option(100, 'steps between resumable checkpoints', low=1)
    validate_every: int = option(100, 'steps between validations', low=1)
    start_from: str = option('', 'checkpoint whose weights the training starts from (empty: random weights)')


@dataclasses.dataclass(frozen=True)
class SourceConfig:
    """One set of places: images on the disk, or towns rendered while training."""

    manifest: str = option('', 'CSV manifest, or a folder in a layout of docs/training_data.md')
    town: str = option('', 'instead of a manifest: seeds of towns to render, such as 1-10 or 1,4,7')
    without: str = option('', 'sessions or conditions to leave out, with blanks between')
    weight: float = option(1.0, 'relative share of the batches', low=0.0)
    fixed_camera: bool = option(False, 'a place is a fixed camera: the same window cut from two of its images is '
                                       'a place of its own')
    min_gap: int = option(1, 'places of a batch are at least so many apart in the order of the manifest',
                          low=1)
    span: int = option(0, 'places of a batch are drawn from so many neighbours in the order of the manifest, so that '
                          'those that look alike are told apart; 0 draws from all', low=0)
    photometric: float = option(0.0, 'how much light and weather are changed, in each view on its own', low=0.0,
                                high=1.0)

    def __post_init__(self) -> None:
        if bool(self.manifest) == bool(self.town):
            raise ConfigError(f'a source has either a manifest or a town, got manifest {self.manifest!r} and town '
                              f'{self.town!r}')
        if self.town and self.fixed_camera:
            raise ConfigError(f'town {self.town!r} is driven through: fixed_camera goes with a manifest')
