"""What a person sets to train a describer, beside what every training has."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError
from dejavu_ros.retrieval.settings import DescriberSettings
from dejavu_ros.training.config import SourceConfig, TrainConfig, refuse_unused

# of every training, but without a meaning for this one
UNUSED = 'loss', 'alpha', 'temperature', 'vectors', 'spatial', 'pixel', 'teacher', 'imitation', 'relations', \
    'family', 'channels', 'weights', 'encoder_rate'


@dataclasses.dataclass(frozen=True)
class RankingConfig:
    """How a describer is begun, and what it is trained against; ``margin`` is that of ``train``."""

    weights: str = option('', 'file of the backbone\'s weights: a checkpoint of the published network for dejavu '
                              '(empty: dejavu-0.2.pt), a state dict as torchvision\'s for the others (empty: random '
                              'weights)')
    frozen: bool = option(True, 'the backbone stays as it is')
    positives: int = option(1, 'views of a place in the other session, of which the nearest one counts', low=1, high=2)
    negatives: int = option(10, 'views of other places that a view is told from: the nearest ones of the batch', low=1)
    cache: int = option(0, 'if not 0: the training goes round among so many batches, whose maps are made once and kept '
                           'in memory; for a frozen backbone', low=0)
    samples: int = option(768, 'images of which k-means learns the centroids', low=1)
    whitening_samples: int = option(4096, 'images of which the whitening is learnt', low=2)
    whitening_power: float = option(0.5, 'principal components are divided by this power of their variance: 0.5 is '
                                         'whitening, 0 leaves them as they are', low=0.0, high=0.5)

    def __post_init__(self) -> None:
        if self.cache and not self.frozen:
            raise ConfigError(f'cache {self.cache} keeps the maps of a backbone that is trained: set frozen, or '
                              'cache 0')


@dataclasses.dataclass(frozen=True)
class RankingRecipe:
    """A whole training file of a describer."""

    train: TrainConfig
    describer: DescriberSettings
    ranking: RankingConfig
    sources: tuple[SourceConfig, ...]
    validation: tuple[str, ...]

    def __post_init__(self) -> None:
        refuse_unused(self.train, UNUSED, 'a describer')
