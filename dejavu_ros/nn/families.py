"""Networks of one design and several sizes: the published one, a small student, a stronger encoder.

An architecture is kept in a checkpoint's record, number by number, so that a file stays readable whatever becomes of
the names here. A file without one holds the published network.
"""

import dataclasses

from dejavu_ros.config import option


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


def family_of(architecture: Architecture) -> str:
    """The name of an architecture, ``custom`` for one without."""
    return next((name for name, known in FAMILIES.items() if known == architecture), 'custom')
