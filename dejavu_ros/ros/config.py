"""What a person sets on the node, beside the localizer's own settings. Imports no ROS, so that docs can read it."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError
from dejavu_ros.localization.config import PRECISIONS, LocalizerConfig
from dejavu_ros.optics.mounting import CONVENTIONS, parse_mounting


@dataclasses.dataclass(frozen=True)
class CameraConfig:
    """One camera."""

    image_topic: str = option('image', 'topic of the camera, as `ros2 topic list` shows it; relative names follow the '
                                       'namespace')
    transport: str = option('raw', 'type of that topic: sensor_msgs/Image or sensor_msgs/CompressedImage',
                            choices=('raw', 'compressed'))
    reliability: str = option('auto', 'QoS of the image subscription; auto: reliable if all publishers are, else '
                                      'best_effort', choices=('auto', 'reliable', 'best_effort'))
    max_rate: float = option(10.0, 'frames processed per second at most, the newest wins; 0: only when ~/relocalize '
                                   'asks', unit='Hz', low=0.0, high=1000.0)
    camera_info_topic: str = option('', 'topic of its sensor_msgs/CameraInfo: images are then seen as the camera that '
                                        'made the map would have, without our distortion and in its angle of view '
                                        '(empty: as they are)')
    base_T_camera: str = option('', 'mounting of the camera, "x y z qx qy qz qw" of its optical frame in base_frame '
                                    '(metres); empty: from TF where tf2_ros is installed, else as in the map')
    camera_frame_convention: str = option('auto', 'axes of the frame of base_T_camera or of the images\' header: '
                                                  'optical (x right, y down, z ahead: REP-103), body (x ahead, y '
                                                  'left, z up: camera_link); auto: optical unless only body fits the '
                                                  'map', choices=CONVENTIONS)
    mask: str = option('', 'image of what hides a part of every picture, such as the robot itself, black: hidden '
                           '(empty: nothing does)')

    def __post_init__(self):
        if not self.image_topic.strip():
            raise ConfigError('image_topic must not be empty')
        check_topics(self)
        parse_mounting(self.base_T_camera)


@dataclasses.dataclass(frozen=True)
class NodeConfig(CameraConfig):
    """Inputs, frames and outputs of the node ``relocalize``."""

    camera: str = option('camera', 'name of the only camera; best that of the camera that made the map')
    cameras: tuple = option((), 'names of several cameras, each with parameters of its own (front.image_topic, ...); '
                                'read when the node starts')
    map: str = option('', 'folder of the keyframe map (NAME.dvmap); may be set while running; empty: none, all frames '
                          'are rejected with no_map')
    checkpoint: str = option('', 'file of the network\'s weights, the one that the map was made with (empty: found '
                                 'by what the map says of it; without a map the default)')
    device: str = option('cpu', 'where the network runs: cpu, cuda, cuda:1, ...')
    precision: str = option('float32', 'numbers that the network computes with: bfloat16 is twice as fast on '
                                       'processors that have it, and may change the order of places that score alike; '
                                       'float16 is for GPUs', choices=PRECISIONS)
    autostart: bool = option(False, 'configure and activate on start, with no lifecycle manager')

    odom_topic: str = option('', 'topic of nav_msgs/Odometry, for the filter and map -> odom (empty: none)')
    map_frame: str = option('map', 'frame of all poses that are published')
    base_frame: str = option('base_link', 'the robot\'s frame, whose pose is estimated')
    odom_frame: str = option('odom', 'frame that odometry is measured in')

    publish_tf: bool = option(False, 'publish map -> odom after the first accepted pose; needs tf2_ros, and odom_topic '
                                     'or odom -> base in TF')
    tf_rate: float = option(20.0, 'how often map -> odom is repeated', unit='Hz', low=1.0, high=200.0)
    tf_tolerance: float = option(0.1, 'how far ahead of now map -> odom is dated, so that it is valid until the next '
                                      'one', unit='s', low=0.0, high=10.0)
    publish_initialpose: bool = option(False, 'send accepted poses to initialpose, for AMCL or slam_toolbox')
    initialpose_period: float = option(10.0, 'shortest time between two of them', unit='s', low=0.0, high=86400.0)
    rejected_frames: str = option('', 'folder that keeps the frames that were not accepted, to replay them with '
                                      '`dejavu localize --images` (empty: none are kept)')
    rejected_frames_mb: int = option(200, 'size of that folder; the oldest frames go first', unit='MB', low=1,
                                     high=1000000)
    pose_timeout: float = option(5.0, 'diagnostics say "Localized." so long after an accepted pose', unit='s', low=0.1,
                                 high=3600.0)

    def __post_init__(self):
        super().__post_init__()
        for name in ('camera', 'map_frame', 'base_frame', 'odom_frame'):
            if not getattr(self, name).strip():
                raise ConfigError(f'{name} must not be empty')
        taken = {field.name for field in dataclasses.fields(self)} | {'localizer'}
        for name in self.cameras:
            if not re.fullmatch(r'[A-Za-z]\w*', name) or name in taken or self.cameras.count(name) > 1:
                raise ConfigError(f'cameras: {name!r} must be a word of its own, and no parameter\'s name')


def camera_defaults(name: str, config: NodeConfig) -> CameraConfig:
    """What holds for one of several cameras unless its own parameters say otherwise."""
    return CameraConfig(image_topic=f'{name}/image', transport=config.transport, reliability=config.reliability,
                        max_rate=config.max_rate, camera_frame_convention=config.camera_frame_convention)


def cameras_of(configs: Mapping[str, Any]) -> dict[str, CameraConfig]:
    """The configuration of every camera, by its name."""
    config = configs['']
    return {name: configs[name] for name in config.cameras} or {config.camera: config}


def check_topics(config: CameraConfig) -> None:
    """Raises ConfigError where a parameter that names a topic holds what no topic can be called."""
    for field in dataclasses.fields(config):
        if field.name.endswith('_topic') and re.search(r'[^\w/~{}]', name := getattr(config, field.name), re.ASCII):
            raise ConfigError(f'{field.name} {name!r} is no name of a topic: letters, digits, _ and / are allowed')


# prefix of the ROS parameters and key in the YAML file -> configuration
GROUPS = {'': NodeConfig, 'localizer': LocalizerConfig}

# these take effect at once, for each camera too; the others are fixed from configure to clean-up
LIVE = {'map', 'max_rate', 'publish_initialpose', 'initialpose_period', 'pose_timeout',
        *(f'localizer.{field.name}' for field in dataclasses.fields(LocalizerConfig))}


def is_live(name: str) -> bool:
    """Whether a parameter, by its full name, takes effect at once."""
    return name in LIVE or name.endswith('.max_rate')
