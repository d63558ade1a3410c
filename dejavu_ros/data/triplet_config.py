"""What a person chooses for places out of bags. Loads nothing heavy: the command line's parser reads it."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class TripletConfig:
    """Which frames are kept, and which of them show one place."""

    spacing: float = option(1.0, 'a frame after so much travel; 0 keeps every frame', unit='m', low=0.0, high=1000.0)
    turn: float = option(15.0, 'a frame after so much turning', unit='deg', low=0.1, high=180.0)
    place_radius: float = option(3.0, 'frames this near to the centre of a place show it', unit='m', low=0.01,
                                 high=1000.0)
    place_angle: float = option(30.0, 'and have their heading within this of the centre\'s', unit='deg', low=1.0,
                                high=90.0)
    place_gap: float = option(2.0, 'room between neighbouring places, whose frames belong to none', unit='m', low=0.0,
                              high=1000.0)
    visit_gap: float = option(30.0, 'a session that left a place and comes back after so long visits it anew', unit='s',
                              low=0.0, high=1e6)
    next_after: float = option(0.05, 'the next frame of a frame is the first one so much later', unit='s', low=0.0,
                               high=60.0)
    next_within: float = option(1.0, 'and no later than this; a frame without a next one is left out', unit='s',
                                low=0.001, high=60.0)
    max_pose_gap: float = option(0.5, 'interpolate between poses that are at most so far apart', unit='s', low=0.0,
                                 high=3600.0)
    base_frame: str = option('', 'the robot\'s frame; empty: what the poses say, or base_link')
    map_frame: str = option('', 'the frame that poses from TF are in; empty: map, or odom where there is no map')
    min_speed: float = option(1.0, 'NavSatFix: the heading is taken from the track above this speed, held below',
                              unit='m/s', low=0.01, high=100.0)
    gps_origin: str = option('', 'NavSatFix: where the map frame of all bags lies, "latitude longitude altitude"; '
                                 'empty: the first fix of the first bag')

    def __post_init__(self) -> None:
        if self.next_within < self.next_after:
            raise ConfigError(f'next_within ({self.next_within:g} s) must not be below next_after '
                              f'({self.next_after:g} s)')
