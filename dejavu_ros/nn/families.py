"""Families of networks: the published design in several sizes, and encoders that learnt elsewhere.

An architecture is kept in a checkpoint's record, value by value, so that a file stays readable whatever becomes of
the names here. A file without one holds the published network.
"""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError

ENCODERS = ('efficientnet_lite0', 'efficientnet_lite1', 'efficientnet_lite2', 'xfeat')
TIMM = 'timm:'  # before the name of a model of the timm package


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Sizes of a :class:`dejavu_ros.nn.dejavu.DejavuNet`; the defaults are those of the published weights."""

    stem: int = option(32, 'channels at half the input\'s size: stem, layer1, decoder\'s output', low=1, high=512)
    low: int = option(64, 'channels of layer2, at a quarter of the input\'s size', low=1, high=1024)
    high: int = option(128, 'channels of layer3 and layer4', low=1, high=2048)
    layer1: int = option(3, 'residual blocks', low=1, high=64)
    layer2: int = option(16, 'residual blocks', low=1, high=64)
    layer3: int = option(3, 'residual blocks', low=1, high=64)
    layer4: int = option(3, 'residual blocks, dilated', low=1, high=64)
    branch: int = option(32, 'channels of each of the four levels of the pyramid', low=1, high=512)
    decoder: int = option(128, 'channels of the widest convolution\'s output', low=1, high=1024)
    attention: int = option(0, 'if not 0, the blocks of layer2 to layer4 weigh their channels by what the whole image '
                               'shows (squeeze and excitation), through a layer so many times narrower', low=0, high=64)


FAMILIES = {
    'published': Architecture(),
    'student': Architecture(stem=16, low=48, high=64, layer1=1, layer2=4, layer3=2, layer4=2, branch=16, decoder=48),
    'stronger': Architecture(high=192, layer3=4, layer4=4, attention=4),
}
NAMES = tuple(FAMILIES)


@dataclasses.dataclass(frozen=True)
class EncoderArchitecture:
    """A :class:`dejavu_ros.nn.encoder_net.EncoderNet`: the names of its encoders, joined by ``+``."""

    encoder: str = option('efficientnet_lite0', f'of {", ".join(ENCODERS)}, {TIMM}NAME; several are joined by +')

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in ENCODERS and not (name.startswith(TIMM) and name != TIMM):
                raise ConfigError(f'encoder {name!r} is none of {", ".join(ENCODERS)}, {TIMM}NAME')

    @property
    def names(self) -> list[str]:
        """Of the encoders, in the order of their channels."""
        return self.encoder.split('+')


def architecture_of(family: str) -> Architecture | EncoderArchitecture:
    """Of a family's name: one of NAMES, or encoders joined by ``+``. Raises ConfigError for another name."""
    if family in FAMILIES:
        return FAMILIES[family]
    try:
        return EncoderArchitecture(family)
    except ConfigError:
        raise ConfigError(f'family {family!r} is none of {", ".join(NAMES)}, and no encoder: {", ".join(ENCODERS)}, '
                          f'{TIMM}NAME, or several of them joined by +') from None


def family_of(architecture: Architecture | EncoderArchitecture) -> str:
    """The name of an architecture, ``custom`` for one without."""
    if isinstance(architecture, EncoderArchitecture):
        return architecture.encoder
    return next((name for name, known in FAMILIES.items() if known == architecture), 'custom')
