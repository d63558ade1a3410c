"""What a person sets to train GeoWarp, beside what every training has."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError
from dejavu_ros.geowarp.settings import GeoWarpSettings
from dejavu_ros.training.config import SourceConfig, TrainConfig, refuse_unused
from dejavu_ros.training.ranking_config import UNUSED as MEANINGLESS

UNUSED = *MEANINGLESS, 'margin', 'frozen_norm'  # of every training, but without a meaning for this one


@dataclasses.dataclass(frozen=True)
class WarpingConfig:
    """What the regression learns from, over a frozen backbone, and how re-ranking is judged."""

    weights: str = option('', 'file of the backbone\'s weights: any checkpoint for grid (empty: the shipped one), '
                              'one of the published network for dejavu (empty: dejavu-0.2.pt), a state dict as '
                              'torchvision\'s for the others (empty: random weights)')
    k: float = option(0.6, 'how far the corners of quadrilaterals lie from those of the image at most: 0 not at all, 1 '
                           'up to the middle', low=0.05, high=0.95)
    self_supervised: float = option(1.0, 'weight of the corners found in two quadrilaterals of one picture', low=0.0,
                                    high=1000.0)
    featurewise: float = option(0.1, 'weight of what differs in warped views of one place', low=0.0, high=1000.0)
    consistency: float = option(0.1, 'weight of what changes with swapped and with mirrored views of one place',
                                low=0.0, high=1000.0)
    cut: str = option('maps', 'quadrilaterals are cut from the maps of pictures, which are made once; from the '
                              'pictures (the paper), which all go through the backbone; or they are what a camera sees '
                              'that turns, from pictures that show twice as much of a place, from one spot in each of '
                              'its sessions', choices=('maps', 'pictures', 'turns'))
    hfov: float = option(118.4, 'field of view of such pictures, twice as wide on their plane as that of 80 degrees',
                         unit='deg', low=20.0, high=160.0)
    turned_views: int = option(2, 'what a camera sees that turns, from each picture', low=1, high=64)
    changed_light: float = option(0.5, 'how much light and weather are changed in the second quadrilateral (of '
                                       'pictures: in each)', low=0.0, high=1.0)
    cache: int = option(32, 'if not 0: the training goes round among so many batches, whose maps are made once and '
                            'kept in memory', low=0)
    top: int = option(5, 'candidates of a query that are re-ranked', low=2, high=1000)
    radius: float = option(25.0, 'images this near are a right answer too, where positions are known', unit='m',
                           low=0.0)

    def __post_init__(self) -> None:
        if self.cut == 'pictures' and self.cache:
            raise ConfigError(f'cache {self.cache} keeps maps of whole pictures, but cut pictures makes new ones: set '
                              'cache 0, or cut maps')


@dataclasses.dataclass(frozen=True)
class GeoWarpRecipe:
    """A whole training of GeoWarp; ``test`` sets are looked at once, at the end."""

    train: TrainConfig
    geowarp: GeoWarpSettings
    warping: WarpingConfig
    sources: tuple[SourceConfig, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        refuse_unused(self.train, UNUSED, 'GeoWarp')
