"""What a person chooses for an evaluation. Loads nothing heavy: the command line's parser reads it."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class EvaluationSettings:
    """Features and the score that compares them."""

    features: str = option('dvf', 'Deja-Vu features of a checkpoint (dvf), a describer (netvlad), CAPS heads (caps), a '
                                  'hand-made baseline (orb, sift, rootsift), or MODULE:CALLABLE, a torch extractor '
                                  'of your own')
    similarity: str = option('cx', 'contextual similarity, or share of descriptors with a mutual nearest neighbour; '
                                   'descriptor is the product of netvlad\'s single vectors, whose dense maps the '
                                   'others compare',
                             choices=('cx', 'matches', 'descriptor'))
    checkpoint: str = option('', 'file of weights for dvf, netvlad or caps; empty is the shipped one, for dvf random '
                                 'are untrained weights')
    centre: bool = option(False, 'subtract from every score the map image\'s mean score over its own session, so that '
                                 'what looks like everything stands out no more')
    device: str = option('cpu', 'torch device, e.g. cpu or cuda')
    radius: float = option(0.0, 'images this near count as a right answer for recall, beside those of the same place; '
                                '0 is by place only', unit='m', low=0.0)
    map: str = option('', 'session that is the map: recall of the others against it, condition by condition')
    keypoints: int = option(500, 'orb, sift, rootsift, caps: strongest keypoints kept of an image', low=1)
    max_width: int = option(512, 'all but dvf and caps: wider images are reduced to this', unit='px', low=16)
    max_grid: int = option(32, 'netvlad, MODULE:CALLABLE: maps with more rows or columns are averaged to this many',
                           low=1)
    rerank: str = option('', 'compare the most similar images of each other session again: warped to what they share '
                             'with the query', choices=('', 'geowarp'))
    rerank_checkpoint: str = option('', 'file of dejavu train-geowarp; empty: the shipped one')
    rerank_top: int = option(5, 'images of each other session that are compared again', low=2)

    def __post_init__(self) -> None:
        if not self.rerank and (self.rerank_checkpoint or self.rerank_top != type(self).rerank_top):
            raise ConfigError('--rerank-checkpoint and --rerank-top go with --rerank geowarp')
        if self.checkpoint and self.features not in ('dvf', 'netvlad', 'caps'):
            raise ConfigError(f'--checkpoint {self.checkpoint} is for dvf, netvlad or caps features, not for '
                              f'{self.features}')
        if self.similarity == 'descriptor' and self.features != 'netvlad':
            raise ConfigError(f'--similarity descriptor is for netvlad, not for {self.features}, which has no single '
                              'vector an image')
