"""What a person can set when a map is made."""

import dataclasses

from dejavu_ros.config import option
from dejavu_ros.optics.mounting import CONVENTIONS, parse_mounting


@dataclasses.dataclass(frozen=True)
class MappingConfig:
    """Which frames become keyframes, and how their poses are read."""

    keyframe_distance: float = option(1.0, 'a keyframe after so much travel; 0 keeps every frame', unit='m', low=0.0,
                                      high=1000.0)
    keyframe_angle: float = option(15.0, 'a keyframe after so much turning', unit='deg', low=0.1, high=180.0)
    max_pose_gap: float = option(0.5, 'interpolate between poses that are at most so far apart', unit='s', low=0.0,
                                 high=3600.0)
    base_frame: str = option('', 'the robot\'s frame whose pose is mapped; empty: what the poses say, or base_link')
    map_frame: str = option('', 'the frame that poses from TF are in; empty: map, or odom where there is no map')
    camera: str = option('camera', 'name of the camera in the map')
    base_T_camera: str = option('', 'mounting of the camera, "x y z qx qy qz qw" of its optical frame in the base '
                                    '(metres); empty: what TF or the camera file says, else at the base, looking ahead')
    camera_frame_convention: str = option('auto', 'axes of the camera\'s frame: optical (x right, y down, z ahead: '
                                                  'REP-103), body (x ahead, y left, z up: camera_link); auto: optical '
                                                  'unless z points up and its name does not say optical',
                                          choices=CONVENTIONS)
    poses_of: str = option('base', 'whose the poses are: the robot\'s base, or its camera (TUM, KITTI, COLMAP)',
                           choices=('base', 'camera'))
    pose_axes: str = option('ros', 'axes of the frame that the poses are in: ros (z up), or optical (y down, z ahead: '
                                   'KITTI, where it is the first camera\'s)', choices=('ros', 'optical'))
    mask: str = option('', 'image of what hides a part of every picture, such as the robot itself, black: hidden; '
                           'CAMERA=FILE counts for that camera only')
    position_sigma: float = option(0.1, 'standard deviation of positions that come without a covariance', unit='m',
                                   low=0.0, high=1000.0)
    angle_sigma: float = option(2.0, 'standard deviation of angles that come without a covariance', unit='deg',
                                low=0.0, high=180.0)
    min_speed: float = option(1.0, 'NavSatFix: the heading is taken from the track above this speed, held below',
                              unit='m/s', low=0.01, high=100.0)
    gps_origin: str = option('', 'NavSatFix: where the map frame lies, "latitude longitude altitude"; empty: the first '
                                 'fix. Needed to append')
    thumbnail_width: int = option(320, 'width of the stored pictures of keyframes', unit='px', low=16, high=4096)
    checkpoint: str = option('', 'checkpoint file; empty: the default, to append the one that made the map')
    device: str = option('cpu', 'where the network runs: cpu, cuda, cuda:1')

    def __post_init__(self):
        parse_mounting(self.base_T_camera)


@dataclasses.dataclass(frozen=True)
class ThinConfig:
    """Which keyframes of a map are worth keeping."""

    distance: float = option(2.0, 'between two keyframes of a session', unit='m', low=0.0, high=1000.0)
    angle: float = option(30.0, 'a keyframe turned by so much is another view', unit='deg', low=0.1, high=180.0)
    newest: int = option(0, 'keep a place in so many newest sessions of each condition; 0: in all', low=0, high=100000)
    radius: float = option(5.0, 'keyframes within this distance show one place', unit='m', low=0.1, high=1000.0)


@dataclasses.dataclass(frozen=True)
class AlignConfig:
    """How sure an alignment must be, and how stiff the track is."""

    min_frames: int = option(8, 'keyframes that must be recognised and agree on one transform', low=2, high=100000)
    agreement: float = option(5.0, 'recognised places agree within this distance', unit='m', low=0.1, high=1000.0)
    odometry_error: float = option(0.03, 'error of the track, as a share of the way', low=1e-4, high=1.0)
    turn_error: float = option(1.0, 'error of its heading from keyframe to keyframe', unit='deg', low=1e-3, high=90.0)
    place_error: float = option(1.0, 'error of a recognised place, beside that which the map says', unit='m', low=0.01,
                                high=100.0)


@dataclasses.dataclass(frozen=True)
class LimitConfig:
    """How large a map may be, and what counts as the same place in it."""

    size: float = option(100.0, 'the new map is at most so large', unit='MB', low=0.1, high=1e6)
    radius: float = option(5.0, 'keyframes within this distance show one place', unit='m', low=0.1, high=1000.0)
    angle: float = option(30.0, 'a keyframe turned by so much is another view', unit='deg', low=0.1, high=180.0)
