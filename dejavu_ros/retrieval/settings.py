"""What a person chooses of a describer. Loads nothing heavy: command lines read it."""

import dataclasses

from dejavu_ros.config import option


@dataclasses.dataclass(frozen=True)
class DescriberSettings:
    """From an image to one vector; part of a describer's file."""

    backbone: str = option('dejavu', 'what makes the dense maps: the encoder of a Deja-Vu checkpoint (dejavu), '
                                     'alexnet, vgg16, resnet50, or MODULE:CALLABLE of your own')
    pooling: str = option('netvlad', 'from a map to one vector', choices=('netvlad', 'gem'))
    clusters: int = option(64, 'K of netvlad', low=1, high=4096)
    whitening: int = option(0, 'length of the vector after PCA whitening; 0 leaves it as it is pooled', low=0,
                            high=65536)
    input_width: int = option(112, 'width that images are resized to', unit='px', low=16, high=4096)
    input_height: int = option(84, 'height that images are resized to', unit='px', low=16, high=4096)
