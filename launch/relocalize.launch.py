"""ros2 launch dejavu_ros relocalize.launch.py map:=yard.dvmap image_topic:=/camera/image_raw

Several cameras, with the values of each in their order:

    ros2 launch dejavu_ros relocalize.launch.py map:=yard.dvmap cameras:=front,rear \
        image_topic:=/front/image_raw,/rear/image_raw/compressed transport:=raw,compressed

An argument left empty leaves its parameter to `params_file`, or else to the node's own default.
"""

import os

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

SWITCH = ['true', 'false']
DDS_PROFILES = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'  # of Fast DDS 2 and 3

# parameters of the node: argument, type, what it says; those of a camera take a value for each of several `cameras`
CAMERA_PARAMETERS = [
    ('image_topic', str, 'Topic of the camera (empty: image)'),
    ('transport', str, 'Type of that topic: raw for sensor_msgs/Image, compressed for CompressedImage (empty: raw)'),
    ('reliability', str, 'QoS of the images: auto (what the publishers offer), reliable or best_effort (empty: auto)'),
    ('max_rate', float, 'Frames processed per second at most (empty: 10)'),
    ('camera_info_topic', str, 'Topic of its CameraInfo, to see as the camera of the map would have (empty: none)'),
    ('base_T_camera', str, 'Mounting, "x y z qx qy qz qw" of its optical frame in base_frame (empty: from TF)'),
    ('camera_frame_convention', str, 'Axes of that frame: optical, body (camera_link) or auto (empty: auto)'),
    ('mask', str, 'Image of what hides a part of its pictures, black: hidden (empty: nothing does)'),
]
PARAMETERS = [
    ('map', str, 'Folder of the keyframe map (NAME.dvmap); empty: every frame is answered with no_map'),
    ('checkpoint', str, 'Weights of the network, those that the map was made with (empty: found by what the map says)'),
    ('device', str, 'Where the network runs: cpu, cuda, cuda:1, ... (empty: cpu)'),
    ('odom_topic', str, 'Topic of nav_msgs/Odometry, for the filter and for map -> odom (empty: none)'),
    ('map_frame', str, 'Frame of all published poses (empty: map)'),
    ('base_frame', str, "The robot's frame, whose pose is estimated (empty: base_link)"),
    ('odom_frame', str, 'Frame that odometry is measured in (empty: odom)'),
    ('publish_tf', bool, 'true: publish map -> odom after the first accepted pose (empty: false)'),
    ('publish_initialpose', bool, 'true: send accepted poses to initialpose, for AMCL or slam_toolbox (empty: false)'),
]

LAUNCH = [
    DeclareLaunchArgument('cameras', default_value='',
                          description='Names of several cameras, with commas between: front,rear (empty: one camera). '
                                      'The arguments of a camera then hold a value for each, in this order, with '
                                      'commas between; one value counts for all'),
    DeclareLaunchArgument('namespace', default_value='',
                          description='Namespace of the node and of its relative topics'),
    DeclareLaunchArgument('params_file', default_value='',
                          description='YAML file of parameters, as config/relocalize.yaml'),
    DeclareLaunchArgument('use_sim_time', default_value='false', choices=SWITCH,
                          description='Take the time from /clock, for bags and simulators'),
    DeclareLaunchArgument('autostart', default_value='true', choices=SWITCH,
                          description='Configure and activate at once; false where a lifecycle manager does it'),
    DeclareLaunchArgument('respawn', default_value='false', choices=SWITCH,
                          description='Start the node again if it dies'),
    DeclareLaunchArgument('dds_profile', default_value='',
                          description='Fast DDS profile of the node, such as config/fastdds_shared_memory.xml, which '
                                      'the driver of the camera needs too (empty: the node chooses)'),
    DeclareLaunchArgument('log_level', default_value='info', choices=['debug', 'info', 'warn', 'error', 'fatal'],
                          description='Least severe messages that are logged'),
    DeclareLaunchArgument('rviz', default_value='false', choices=SWITCH,
                          description='Start RViz with config/relocalize.rviz'),
]


def typed(text: str, kind: type) -> bool | float | str:
    """The value of an argument, which launch hands on as text."""
    return text.lower() == 'true' if kind is bool else kind(text)


def of_cameras(names: list[str], given: dict[str, str]) -> dict[str, bool | float | str | list[str]]:
    """Parameters of the cameras from the values ``given``; without ``names`` of the only one.

    Raises ValueError where an argument has neither one value nor one for each camera.
    """
    kinds = {name: kind for name, kind, _ in CAMERA_PARAMETERS}
    if not names:
        return {name: typed(text, kinds[name]) for name, text in given.items()}
    parameters = {'cameras': names}
    for name, text in given.items():
        values = [value.strip() for value in text.split(',')]
        if len(values) not in (1, len(names)):
            raise ValueError(f'{name}:={text} has {len(values)} values for the {len(names)} cameras {",".join(names)}: '
                             'give one for each, or one for all')
        values = values * len(names) if len(values) == 1 else values
        parameters |= {f'{camera}.{name}': typed(value, kinds[name]) for camera, value in zip(names, values) if value}
    return parameters


def make_node(context) -> list[Node]:
    """The node, with only those parameters that were given."""
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in [*CAMERA_PARAMETERS, *PARAMETERS]}
    parameters = {name: typed(given[name], kind) for name, kind, _ in PARAMETERS if given[name]}
    cameras = [name.strip() for name in LaunchConfiguration('cameras').perform(context).split(',') if name.strip()]
    parameters |= of_cameras(cameras, {name: given[name] for name, _, _ in CAMERA_PARAMETERS if given[name]})
    for name in ('use_sim_time', 'autostart'):
        parameters[name] = typed(LaunchConfiguration(name).perform(context), bool)
    params_file = LaunchConfiguration('params_file').perform(context)
    profile = LaunchConfiguration('dds_profile').perform(context)
    return [Node(
        package='dejavu_ros', executable='relocalize', name='relocalize', namespace=LaunchConfiguration('namespace'),
        parameters=[*([params_file] if params_file else []), parameters],
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')],
        additional_env=dict.fromkeys(DDS_PROFILES, os.path.abspath(profile)) if profile else {},
        respawn=typed(LaunchConfiguration('respawn').perform(context), bool), respawn_delay=2.0,
        output='screen', emulate_tty=True)]


def generate_launch_description() -> LaunchDescription:
    rviz = Node(
        package='rviz2', executable='rviz2', name='rviz', namespace=LaunchConfiguration('namespace'),
        condition=IfCondition(LaunchConfiguration('rviz')),
        parameters=[{'use_sim_time': LaunchConfiguration('use_sim_time')}],
        arguments=['-d', PathJoinSubstitution([FindPackageShare('dejavu_ros'), 'config', 'relocalize.rviz'])],
        # the file names absolute topics; in a namespace they are looked for there
        remappings=[(f'/relocalize/{name}', f'relocalize/{name}') for name in ('pose', 'markers', 'debug_image')],
        output='screen')
    declared = [DeclareLaunchArgument(name, default_value='', description=text)
                for name, _, text in [*CAMERA_PARAMETERS, *PARAMETERS]]
    return LaunchDescription([*declared, *LAUNCH, OpaqueFunction(function=make_node), rviz])
