"""What a person sets to measure a machine."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError
from dejavu_ros.localization.config import PRECISIONS

SECTIONS = 'contextual', 'features', 'map', 'pipeline'
QUICK = {'keyframes': '10,1000', 'map_keyframes': '1000,10000', 'inputs': '320x240', 'cells': '1024', 'seconds': 3.0}


@dataclasses.dataclass(frozen=True)
class BenchConfig:
    """What to measure; maps, images and their rate."""

    sections: str = option(','.join(SECTIONS), 'what to measure')
    quick: bool = option(False, f'in less than three minutes: {", ".join(f"{k} {v}" for k, v in QUICK.items())}')
    keyframes: str = option('10,1000,10000', 'sizes of the maps of the pipeline')
    map_keyframes: str = option('1000,10000,100000', 'sizes of the maps that are opened and searched')
    inputs: str = option('320x240,512x512,640x480', 'inputs of the network, beside its own')
    cells: str = option('192,1024', 'vectors of the maps of which similarities are computed')
    shortlist: int = option(200, 'maps larger than this are searched in two stages too, with so many keyframes in the '
                                 'second; 0: exactly alone', low=0, high=1000000)
    width: int = option(640, 'of the images', unit='px', low=32, high=8192)
    height: int = option(480, 'of the images', unit='px', low=32, high=8192)
    rate: float = option(15.0, 'of the images', unit='Hz', low=0.1, high=1000.0)
    seconds: float = option(10.0, 'length of each measurement', unit='s', low=0.1, high=3600.0)
    dds: bool = option(True, 'also measure the running node, from the image message to the hypotheses, where ROS '
                             'is')
    checkpoint: str = option('', 'checkpoint file; empty: the shipped one')
    precision: str = option('float32', 'numbers that the network computes with', choices=PRECISIONS)
    device: str = option('cpu', 'where the network runs: cpu, cuda, cuda:1')

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if self.quick and field.name in QUICK and getattr(self, field.name) == field.default:
                object.__setattr__(self, field.name, QUICK[field.name])
        self.sizes('keyframes'), self.sizes('map_keyframes'), self.sizes('cells'), self.input_sizes()
        if not set(self.parts()) <= set(SECTIONS) or not self.parts():
            raise ConfigError(f'sections must be some of {", ".join(SECTIONS)}, got {self.sections!r}')

    def parts(self) -> list[str]:
        """The sections."""
        return [part.strip() for part in self.sections.split(',') if part.strip()]

    def sizes(self, name: str) -> list[int]:
        """The numbers of an option. Raises ConfigError for what is no list of positive ones."""
        return positive(name, getattr(self, name), getattr(self, name).split(','))

    def input_sizes(self) -> list[list[int]]:
        """(width, height) of each. Raises ConfigError for what is no list of these."""
        pairs = [positive('inputs', self.inputs, part.split('x')) for part in self.inputs.split(',') if part.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise ConfigError(f'inputs must be sizes such as 320x240,640x480, got {self.inputs!r}')
        return pairs


def positive(name: str, said: str, parts: list[str]) -> list[int]:
    """Numbers of words. Raises ConfigError where one is none."""
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise ConfigError(f'{name} must be positive numbers such as 10,1000, got {said!r}')
    return numbers
