"""What a person chooses of a GeoWarp network. Loads nothing heavy: command lines read it."""

import dataclasses

from dejavu_ros.config import option


@dataclasses.dataclass(frozen=True)
class GeoWarpSettings:
    """From two images to what they have in common; part of a network's file."""

    backbone: str = option('grid', 'what makes the maps: the stored grid of a Deja-Vu checkpoint (grid, which the '
                                   'localizer can use), its encoder (dejavu), alexnet, vgg16, resnet50, or '
                                   'MODULE:CALLABLE of your own')
    pooling: str = option('cx', 'what ranks before the re-ranking: contextual similarity of the maps, or one vector an '
                                'image', choices=('cx', 'netvlad', 'gem'))
    clusters: int = option(64, 'K of netvlad', low=1, high=4096)
    input_width: int = option(112, 'width that images are resized to; of grid, the checkpoint says', unit='px',
                              low=16, high=4096)
    input_height: int = option(84, 'height that images are resized to; of grid, the checkpoint says', unit='px',
                               low=16, high=4096)
    columns: int = option(16, 'maps are averaged to so many; of grid, the checkpoint must have as many', low=2,
                          high=128)
    rows: int = option(12, 'maps are averaged to so many; of grid, the checkpoint must have as many', low=2, high=128)
    width: int = option(64, 'channels of the regression\'s layers', low=4, high=1024)
    similarity: str = option('beyond', 'contextual similarity as it is, plus the mean cosine of the warped cells that '
                                       'lie on each other, of what is in them beyond what all views of the map show; '
                                       'or, of the warped maps, the mean cosine or contextual similarity alone',
                             choices=('beyond', 'cosine', 'cx'))
