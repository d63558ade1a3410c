"""What the diagnostics of the node say, why, and what to do: the one source of the texts and of the page on them.

A :class:`Trouble` is one text with its cause and remedy; calling it fills in the names. ``make docs`` writes
docs/troubleshooting.md from this module, so that no text is without an explanation.
"""

import dataclasses
import re


# sections of the page
NODE, CAMERAS, TOPICS, MOTION, TIME, DEVICES = SECTIONS = (
    'The node', 'Cameras', 'Topics without messages', 'Odometry and TF', 'Time', 'Devices')


@dataclasses.dataclass(frozen=True)
class Trouble:
    """``text`` with {names} to be filled in; ``cause`` and ``remedy`` are sentences for the page, in Markdown."""

    section: str
    text: str
    cause: str
    remedy: str

    def __call__(self, **values: object) -> str:
        return self.text.format(**values)


def sentence(words: str) -> str:
    """With a full stop, or the mark that it ends with."""
    return words if words.endswith(('.', '?', '!')) else f'{words}.'


def troubles() -> dict[str, Trouble]:
    """All of them by their names here, in the order in which they are written."""
    return {name: value for name, value in globals().items() if isinstance(value, Trouble)}


CANNOT = Trouble(
    NODE,
    'Cannot {transition}: {reason}',
    'A lifecycle transition failed. The reason names the checkpoint, map, mask, device or folder that cannot be used.',
    'Mend what the reason names, then try the transition again: the node stays in the state that it was in.')
NOT_ACTIVE = Trouble(
    NODE,
    'The node is not active.',
    'Nobody has configured and activated it.',
    'Set `autostart`, name the node in a lifecycle manager, or `ros2 lifecycle set /relocalize configure` and then '
    '`activate`.')
NO_TF2 = Trouble(
    NODE,
    'publish_tf is on, but tf2_ros is not installed: turn publish_tf off, or get tf2_ros ({advice})',
    '`map -> odom` can only be published with tf2_ros. An installed ROS 2 has it; there is no wheel of it.',
    'As it says: `apt install ros-$ROS_DISTRO-tf2-ros-py` with an installed ROS 2. Where ROS is from wheels, install '
    'ROS 2 and build the package in its workspace, or do without: the poses are on `~/pose` all the same.')
FRAME_FAILED = Trouble(
    NODE,
    'A frame failed: {reason}',
    'Something that the node does not expect went wrong with one frame: no memory left, a disk that is full or fails.',
    'The next frame is tried as if nothing had happened. If all fail, the reason says what is broken.')
NO_FRAME = Trouble(
    NODE,
    'No frame has been processed yet.',
    'The node was activated, reset or given another map a moment ago; or `max_rate` is 0 and nobody has called '
    '`~/relocalize`.',
    'Wait for a frame, or call `~/relocalize`.')
POSE_IS_OLD = Trouble(
    NODE,
    'the last accepted pose is old',
    'No frame was accepted for longer than `pose_timeout`.',
    'See the reject reasons below; with a low frame rate, raise `pose_timeout`.')
UNKNOWN_PARAMETER = Trouble(
    NODE,
    'parameter {name} is not known and has no effect: did you mean {suggestion}?',
    'A parameter file or the command line sets a parameter that the node does not have.',
    'Correct the name (`ros2 param list /relocalize`, [parameters](parameters.md)). Parameters that resemble none of '
    'ours are only named in the log, as a file for several nodes may hold them.')
PARAMETERS_OF_OTHERS = Trouble(
    NODE,
    'parameter file {file} holds nothing for this node, {node}, and has no effect: it is for {names}',
    'The file names another node: a spelling that differs, a name that the launch file gave, or a namespace, which is '
    'a part of the name (`relocalize:` is not `/robot1/relocalize:`). ROS leaves such parameters out and says nothing.',
    'Put the name of this node over `ros__parameters:`, or `/**:` for any node. A file whose names resemble ours in '
    'nothing is only named in the log.')
CHECKPOINT_DOUBTFUL = Trouble(
    NODE,
    'checkpoint {identity}: {doubts}',
    'The checkpoint is an untrained network, or its probabilities were never fitted to places, so that what is '
    'accepted with them means little.',
    'Use a shipped checkpoint, or run `dejavu calibrate` on places that it was not trained on; maps made with it stay '
    'valid.')
SAME_NAME = Trouble(
    NODE,
    '{count} nodes are called {name}: their answers, parameters and services are mixed up',
    'The node was started twice, perhaps once by a launch file and once by hand, or on two machines of one '
    '`ROS_DOMAIN_ID`.',
    'Stop one of them, or give each a namespace or a name of its own.')
PRIOR_REFUSED = Trouble(
    NODE,
    'The prior is not used: {reason}',
    'A message on `initialpose_prior` has a pose or covariance that cannot be, or is not in `map_frame`.',
    'Mend its sender.')

NO_IMAGE = Trouble(
    CAMERAS,
    'No image on {topics} for {seconds:.0f} s: {cause}',
    'No camera has sent a picture for 5 seconds. What the ROS graph shows as the cause follows.',
    'See [topics without messages](#topics-without-messages).')
CAMERA_SILENT = Trouble(
    CAMERAS,
    'no image on {topic} for {seconds:.0f} s: {cause}',
    'The same for one camera of several.',
    'See [topics without messages](#topics-without-messages).')
NO_IMAGE_YET = Trouble(
    CAMERAS,
    'No image has come yet.',
    'The node was activated a moment ago. If none comes for 5 seconds, the cause is said.',
    'Wait.')
IMAGES_LOST = Trouble(
    CAMERAS,
    '{topic} is {delivery}: {advice}',
    'Less than 95 % of the images arrive. How they are published, the size of one, the share that arrives and the '
    'cause are named: shared memory or a socket that does not hold an image, more than the machine or the network can '
    'move, or a `reliability` that does not fit.',
    'As it says; see [how images arrive](cameras.md).')
CAMERA_FROZEN = Trouble(
    CAMERAS,
    'the same picture on {topic} for {seconds:.0f} s: is the camera frozen?',
    'A real sensor has noise: a picture that does not change by a bit is sent again and again by a driver that hangs. '
    'A simulator at a standstill does the same.',
    'Restart the driver; ignore it with a simulator.')
CAMERA_INFO_UNUSED = Trouble(
    CAMERAS,
    'camera_info is not used: {reason}',
    'The calibration is empty, of an unknown model, or cannot be.',
    'Calibrate the camera (`camera_calibration`), or leave `camera_info_topic` empty: pictures are then used as they '
    'are.')
MAP_UNCALIBRATED = Trouble(
    CAMERAS,
    'camera_info is not used: the map has no calibration of its camera.',
    'The map was built without one, so that nobody knows what its camera would have seen.',
    'Build the map with its camera\'s calibration, or leave `camera_info_topic` empty.')
MAP_CALIBRATION_UNUSABLE = Trouble(
    CAMERAS,
    'camera_info is not used: of the camera of the map, {reason}.',
    'The calibration that the map holds cannot be used.',
    'Build the map again with a calibration that fits.')
CAMERA_INFO_SILENT = Trouble(
    CAMERAS,
    'no camera_info on {topic}: {cause}',
    '`camera_info_topic` is set, but nothing has come on it: pictures are used as they are.',
    'See [topics without messages](#topics-without-messages).')
CAMERA_SEES_LITTLE = Trouble(
    CAMERAS,
    'it sees only {share:.0%} of what the camera of the map saw.',
    'The angle of view, or the direction of the camera, differs from that of the camera that made the map.',
    'Check `base_T_camera` and the calibration; else build the map with this camera, or one that sees as much.')
NO_OPTICAL_FRAME = Trouble(
    CAMERAS,
    '{frame} is not the optical frame: as one, the camera would look {looks}, and that of the map looks {map_looks}. '
    'It is taken for the body frame (x ahead, z up). Stamp the images with the optical frame (REP-103: z ahead, x '
    'right, y down), or set camera_frame_convention to body',
    'The header of the images names a frame such as `camera_link`, whose x axis looks ahead.',
    'Let the driver stamp the images with its optical frame, or set `camera_frame_convention` to `body`: then it is '
    'not guessed any more.')
NO_BODY_FRAME = Trouble(
    CAMERAS,
    '{frame} is said to be a body frame, but its z axis is not up, and as an optical frame it would look {looks}, as '
    'that of the map: is camera_frame_convention right?',
    '`camera_frame_convention` is `body`, and the mounting is that of an optical frame.',
    'Set `camera_frame_convention` to `auto` or `optical`.')
MOUNTING_TOO_FAR = Trouble(
    CAMERAS,
    'its mounting cannot be true: {frame} is {metres:.0f} m from the base. Is it in metres, and fixed to the base?',
    'The mounting is in millimetres, or TF leads from the base to a frame that is not fixed to it, such as `map`. '
    'Frames of this camera are rejected with `bad_image`.',
    'Mend the transform or `base_T_camera`; `base_frame` must be on the robot.')
MOUNTING_CONTRADICTED = Trouble(
    CAMERAS,
    'its mounting cannot be true: by {frame} it looks {looks}, and the camera of the map looks {map_looks}. Is it the '
    'optical frame (REP-103: z ahead, x right, y down)? See camera_frame_convention',
    'The camera would look so far above or below that of the map that the two would see nothing in common. Frames of '
    'this camera are rejected with `bad_image`, since their poses would lie on their side.',
    'Look at the transform from `base_frame` to the frame of the images; `camera_frame_convention` says which axes '
    'that frame has.')
MAP_NOT_OPTICAL = Trouble(
    CAMERAS,
    'by its mounting it looks {looks}, and the camera of the map looks {map_looks}: that was probably mapped with a '
    'frame that is not the optical one. Build the map again, with --camera-frame-convention body',
    'The map was made from images stamped with a body frame such as `camera_link`.',
    'Build the map again as the text says; `dejavu build-map` now warns of it.')
BASE_TILTED = Trouble(
    CAMERAS,
    'its mounting cannot be true: where it sees what the camera of the map saw, the base would be tilted by '
    '{degrees:.0f} degrees. Is its frame the optical one (REP-103: z ahead, x right, y down)? See '
    'camera_frame_convention',
    'By its mounting the camera would be turned about the way that it looks, far from how the map\'s camera was. '
    'Frames of this camera are rejected with `bad_image`.',
    'Look at the transform from `base_frame` to the frame of the images, or at `base_T_camera`.')

CAMERA_LOOKS_ELSEWHERE = Trouble(
    CAMERAS,
    'by {frame} it looks {degrees:.0f} degrees to the {side} of the camera of the map, and every pose is turned by '
    'that. Is its mounting right? Odometry would tell (odom_topic)',
    'A camera that looks back or aside finds a robot that is turned round, which is right if it really looks there, '
    'and wrong if not: pictures alone do not tell. Said from its first accepted pose on, until the robot was seen to '
    'move by its poses as by its odometry.',
    'If it looks there, set `odom_topic`, and it is checked. If not, mend the transform from `base_frame` to the frame '
    'of the images, or `base_T_camera`.')
MOVES_OTHERWISE = Trouble(
    CAMERAS,
    'by its poses the robot moves {degrees:.0f} degrees to the {side} of where it moves by its odometry: the mounting '
    'of the camera is wrong (base_T_camera or TF; without them it is taken for that of the map), or the odometry is',
    'Over 15 m and more, the way by accepted poses and the way by odometry had different directions in `base_frame`. '
    'So the camera looks elsewhere than its mounting says, or the odometry is of a frame with other axes. Frames of '
    'this camera are rejected with `bad_image`, and `map -> odom` is not published on.',
    'Mend the mounting, or the odometry. `~/reset` and a mounting that changes have it looked at anew.')

NO_CAUSE = Trouble(
    TOPICS,
    'is the camera on, and are image_topic, transport and reliability right?',
    'The graph could not be asked.',
    'Look yourself: `ros2 topic info -v`.')
NO_PUBLISHER = Trouble(
    TOPICS,
    'nobody publishes it',
    'The driver is not running, or publishes under another name, or in another `ROS_DOMAIN_ID` or network.',
    '`ros2 topic list` shows the names that there are; relative names follow the namespace of the node.')
NO_PUBLISHER_BUT = Trouble(
    TOPICS,
    'nobody publishes it, but {others} of the same type',
    'As above; the names that follow carry messages of the type that is wanted.',
    'Set the topic to one of them.')
OTHER_TYPE = Trouble(
    TOPICS,
    'it carries {found}, not {wanted}',
    'A topic has one type. For images, `transport` says which one the node expects.',
    'Set `transport` to `compressed` for sensor_msgs/CompressedImage and to `raw` for sensor_msgs/Image, or name '
    'another topic.')
OTHER_QOS = Trouble(
    TOPICS,
    'it is published {offered}, and we ask for {asked}: these do not match',
    'A subscription gets nothing from a publisher that offers less than it asks for.',
    'Leave `reliability` as the publisher has it, or change the publisher.')
PUBLISHER_SILENT = Trouble(
    TOPICS,
    'it is published by {publishers}, but nothing arrives: is the sensor on, is a recording paused?',
    'There is a publisher whose type and QoS fit, and no message is known to be lost. Most likely it sends nothing.',
    '`ros2 topic hz` on the machine of the publisher shows whether it sends. If it does: '
    '[how images arrive](cameras.md#how-images-arrive).')
MIXED_UP = Trouble(
    TOPICS,
    '{count} publishers send on {topic} ({publishers}): their messages are mixed up',
    'Two cameras or two odometries share a topic, or a live one and a recording. Not noticed on Humble.',
    'Stop one of them, or give each a topic of its own.')

ODOMETRY_FRAME = Trouble(
    MOTION,
    'odometry is not used: it is of frame {found!r}, not of base_frame {wanted!r}.',
    'The `child_frame_id` of the odometry is another frame of the robot.',
    'Set `base_frame` to that frame, or name other odometry.')
ODOMETRY_UNUSED = Trouble(
    MOTION,
    'odometry is not used: {reason}.',
    'Its pose cannot be: NaN, or a quaternion of length zero.',
    'Mend its sender.')
ODOMETRY_SILENT = Trouble(
    MOTION,
    'no odometry on {topic} for {seconds:.0f} s: {cause}',
    '`odom_topic` is set, but nothing comes on it: the filter does without, and `map -> odom` cannot be published.',
    'See [topics without messages](#topics-without-messages).')
NO_ODOMETRY_AT_IMAGE = Trouble(
    MOTION,
    '{map_frame} -> {odom_frame} is not brought up to date: there is no odometry at the time of the image{why}.',
    'Odometry and images are stamped by different clocks, or odometry comes more than 0.2 s later than the image or '
    'has gaps of more than a second.',
    'Synchronise the clocks (chrony), or set `use_sim_time` with a recording; see the texts on time.')
NO_POSE_FOR_TF = Trouble(
    MOTION,
    '{map_frame} -> {odom_frame} is not published: no pose with odometry has been accepted since the start or the last '
    'reset.',
    '`publish_tf` is on, but there is nothing to publish yet.',
    'Wait for an accepted pose; if there are some, see the text on odometry beside this one.')
TF_NOT_SENT = Trouble(
    MOTION,
    '{map_frame} -> {odom_frame} is not published: the clock of the node stands still.',
    '`use_sim_time` is on, and `/clock` does not advance: nobody publishes it, or the recording is paused.',
    'Play with `ros2 bag play --clock`, or turn `use_sim_time` off.')

STAMP_ZERO = Trouble(
    TIME,
    'messages on {topic} are stamped 0: the time of their arrival is used instead',
    'The driver does not fill in `header.stamp`.',
    'Mend the driver. Until then odometry and TF are looked up at the time of arrival, which is late by the transport.')
STAMP_SINCE_BOOT = Trouble(
    TIME,
    'messages on {topic} are stamped {stamp:.0f} s after 1970: time since boot, or of a simulation?',
    'The driver stamps with a clock that starts at 0, while the node goes by the wall clock.',
    'Mend the driver, or set `use_sim_time` where a simulator publishes `/clock`.')
STAMP_OLD = Trouble(
    TIME,
    'messages on {topic} are stamped {age} ago: a recording without its clock?',
    'A recording is played while the node goes by the wall clock: TF at the time of the images and `map -> odom` at '
    'the time of the node do not meet.',
    'Play with `ros2 bag play --clock` and set `use_sim_time`.')
STAMP_LATE = Trouble(
    TIME,
    'messages on {topic} arrive {age} after their stamps: are the clocks one, and the link fast enough?',
    'The clocks of two machines differ, or the network or driver holds messages back.',
    'Synchronise the clocks (chrony); `ros2 topic delay` shows the delay.')
STAMP_AHEAD = Trouble(
    TIME,
    'messages on {topic} are stamped {age} ahead of the clock of the node',
    'The clocks of two machines differ; or `use_sim_time` is on while a live camera stamps by the wall clock, or '
    'the other way round.',
    'Synchronise the clocks (chrony), or set `use_sim_time` as the rest of the robot has it.')
STAMP_STUCK = Trouble(
    TIME,
    'messages on {topic} have the same stamp again and again: nobody can tell how far the robot went between them',
    'The driver stamps once, or with whole seconds; or each message is sent twice.',
    'Mend the driver, or stop the second publisher.')
TIME_WENT_BACK = Trouble(
    TIME,
    'time on {topic} went back by {seconds:.1f} s: what is known from before is forgotten',
    'A recording is played again, a simulator was reset, a clock was set; or two publishers with different clocks '
    'share a topic, and then it comes again and again.',
    'Nothing after a replay; else stop the second publisher (`ros2 topic info -v`).')
NO_CLOCK = Trouble(
    TIME,
    'use_sim_time is on, but no time comes on /clock: {cause}',
    'The clock of the node stands at 0: timers do not run, and `map -> odom` is not published.',
    'Play with `ros2 bag play --clock`, start the simulator, or turn `use_sim_time` off.')
CLOCK_STOPPED = Trouble(
    TIME,
    '/clock has stood still for {seconds:.0f} s: is the recording or the simulator paused?',
    '`use_sim_time` is on, and `/clock` came but does not advance.',
    'Go on with it, or turn `use_sim_time` off.')

NETWORK_ON_CPU = Trouble(
    DEVICES,
    '{device} failed and the CPU computes instead: {reason}.',
    'The GPU has no memory left, or was lost.',
    'Stop what else uses the GPU, or set `device` to another one. Answers stay right and take longer; every frame '
    'tries the GPU again.')
SEARCH_ON_CPU = Trouble(
    DEVICES,
    '{device} failed and the CPU searches the map: {reason}.',
    'The same while the map was searched.',
    'As above, or lower `localizer.device_memory_mb`. The GPU is tried again some frames later.')


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why frames are rejected with a reason, and what to do about it."""

    cause: str
    remedy: str


REJECT_REASONS = {
    'no_map': Reason(
        'No map is loaded.',
        'Set the parameter `map` (`--map`).'),
    'unknown_place': Reason(
        'No place of the map is likely enough: the robot is where the map was not made, the view has changed too much, '
        'or the first frames have not sufficed yet.',
        'Drive on; look at `~/debug_image`. If a mapped place stays unknown, add a session in the present condition '
        '(`dejavu build-map --append`), check that the camera sees as that of the map did, and that the checkpoint is '
        'calibrated.'),
    'ambiguous': Reason(
        'The robot is surely on the map, but two places look alike.',
        'Drive on: the way tells them apart, the sooner with odometry (`odom_topic`). A prior on `initialpose_prior` '
        'helps too.'),
    'too_few_inliers': Reason(
        'The place is likely, but too few cells of the picture agree with its best keyframe.',
        'Something large may stand before the camera, or the view has changed; lower `localizer.min_inliers` if '
        'accepted poses are right.'),
    'inconsistent_motion': Reason(
        'The frame alone shows another place than the robot can have reached: it was carried, or this is a mistake.',
        'If the robot was carried, the next frames accept the new place, and `~/reset` does so at once. If it comes '
        'often, check stamps, `localizer.max_speed` and odometry.'),
    'bad_image': Reason(
        'The picture cannot be used: it cannot be decoded, is black or of one colour, is hidden by the mask, or came '
        'too late for what other cameras have shown.',
        'The words beside it say which; look at the picture, the lens cap, exposure, `mask`, and the clocks of the '
        'cameras.'),
}


INTRODUCTION = """# Troubleshooting

Written from the code by `{remake}`. The node says how it is doing on `/diagnostics`, once a second and in every state,
and in its log, where a warning that still holds is repeated every 30 seconds. `ros2 topic echo /diagnostics` or `dejavu
doctor --robot` shows it. A message begins with `Localized.`, `Localized. But ...` or `Not localized! ...`; what may
follow is below, with `<names>` for what is filled in."""
REASONS = """## Why a frame is rejected

`reject_reason` in `~/hypotheses` and in the answers of `dejavu localize`; the diagnostics add the particulars."""


def page(remake: str) -> str:
    """docs/troubleshooting.md, which the command ``remake`` writes."""
    parts = [INTRODUCTION.format(remake=remake)]
    for section in SECTIONS:
        rows = [(shown(trouble.text), trouble.cause, trouble.remedy) for trouble in troubles().values()
                if trouble.section == section]
        parts.append(f'## {section}\n\n{table("message", rows)}')
    parts.append(f'{REASONS}\n\n' + table('reason', [(name, row.cause, row.remedy)
                                                     for name, row in REJECT_REASONS.items()]))
    return '\n\n'.join(parts) + '\n'


def shown(text: str) -> str:
    """With <name> for what is filled in."""
    return re.sub(r'{(\w+)[^}]*}', r'<\1>', text)


def table(title: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f'| {title} | cause | remedy |', '|---|---|---|']
    lines += [f'| `{text}` | {cause} | {remedy} |' for text, cause, remedy in rows]
    return '\n'.join(lines)
