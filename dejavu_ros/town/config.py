"""What a person can set about a traversal."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.town.conditions import CONDITIONS

MOUNTS = {'ahead': 0.0, 'left': 90.0, 'right': -90.0}  # yaw of the camera on the car in degrees


@dataclasses.dataclass(frozen=True)
class TownConfig:
    """One traversal of one town, and how it is written."""

    town_seed: int = option(201, 'which town: 1 to 99 train, 101 to 199 validate, 201 to 299 test', low=0)
    quarters: int = option(1, 'equal quarters around the loop, where a camera alone cannot tell one from the other; '
                              '1: no two stretches are alike', low=1, high=8)
    traversal_seed: int = option(1, 'which drive: weather within the condition, cars, people, steering', low=0)
    condition: str = option('overcast-summer', 'season, weather and hour', choices=CONDITIONS)
    width: int = option(320, 'width of the pictures', unit='px', low=32, high=4096)
    height: int = option(240, 'height of the pictures', unit='px', low=32, high=4096)
    hfov: float = option(80.0, 'horizontal field of view', unit='deg', low=20.0, high=140.0)
    mount: str = option('ahead', 'where the camera looks', choices=tuple(MOUNTS))
    pitch: float = option(5.0, 'how far the camera looks up', unit='deg', low=-30.0, high=30.0)
    start: float = option(0.0, 'where along the loop the drive begins', unit='m', low=-1e5, high=1e5)
    length: float = option(0.0, 'how far to drive; 0 is once round', unit='m', low=0.0, high=100_000.0)
    step: float = option(0.0, 'way from frame to frame; 0 takes it from speed and fps', unit='m', low=0.0, high=1000.0)
    speed: float = option(8.0, 'of the car', unit='m/s', low=0.1, high=50.0)
    fps: float = option(4.0, 'pictures a second, where step is 0', unit='1/s', low=0.1, high=1000.0)
    stamp: float = option(1.7e9, 'time of the first picture since 1970', unit='s', low=0.0, high=9e9)
    baseline: float = option(0.0, 'way to a second camera on the right of the first, a rectified pair; 0: none',
                             unit='m', low=0.0, high=5.0)
    depth: bool = option(False, 'a topic of depth in the bag; a folder has it anyway')
    format: str = option('folder', 'pictures, depth and poses as files, or a rosbag2', choices=('folder', 'bag'))
    transport: str = option('compressed', 'JPEG, or unharmed: PNG in a folder, Image in a bag',
                            choices=('compressed', 'raw'))
    storage: str = option('mcap', 'of the bag', choices=('mcap', 'sqlite3'))

    @property
    def metres_per_frame(self) -> float:
        return self.step or self.speed / self.fps
