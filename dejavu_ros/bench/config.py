"""What a person sets to measure a machine."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError
from dejavu_ros.localization.config import PRECISIONS


@dataclasses.dataclass(frozen=True)
class BenchConfig:
    """Maps, images and their rate."""

    keyframes: str = option('10,1000,10000', 'sizes of the maps')
    shortlist: int = option(200, 'maps larger than this are searched in two stages too, with so many keyframes in the '
                                 'second; 0: exactly alone', low=0, high=1000000)
    width: int = option(640, 'of the images', unit='px', low=32, high=8192)
    height: int = option(480, 'of the images', unit='px', low=32, high=8192)
    rate: float = option(15.0, 'of the images', unit='Hz', low=0.1, high=1000.0)
    seconds: float = option(10.0, 'length of each measurement', unit='s', low=0.1, high=3600.0)
    dds: bool = option(True, 'also measure the running node, from the image message to the hypotheses; needs ROS')
    checkpoint: str = option('', 'checkpoint file; empty: the shipped one')
    precision: str = option('float32', 'numbers that the network computes with', choices=PRECISIONS)
    device: str = option('cpu', 'where the network runs: cpu, cuda, cuda:1')

    def __post_init__(self) -> None:
        self.sizes()

    def sizes(self) -> list[int]:
        """Of the maps. Raises ConfigError for what is no list of positive numbers."""
        try:
            sizes = [int(size) for size in self.keyframes.split(',')]
        except ValueError:
            sizes = []
        if not sizes or min(sizes) < 1:
            raise ConfigError(f'keyframes must be positive numbers such as 10,1000, got {self.keyframes!r}')
        return sizes
