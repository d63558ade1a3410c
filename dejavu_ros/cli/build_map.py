"""``dejavu build-map``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.errors import ConfigError
from dejavu_ros.sixdof.settings import PointSettings

HELP = 'make a keyframe map from a bag, or from images with poses'


def configure(parser) -> None:
    from dejavu_ros.mapping.config import MappingConfig

    parser.add_argument('-o', '--output', required=True, metavar='M.dvmap', help='the map')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--bag', help='ROS 1 bag, rosbag2 folder, .mcap or .db3 file')
    source.add_argument('--images', metavar='DIR', help='folder of images, named by their stamps or one for each pose')
    parser.add_argument('--image-topic', default='', metavar='T',
                        help='Image or CompressedImage; may be left out where the bag has one')
    parser.add_argument('--pose-topic', default='', metavar='P',
                        help='Odometry, PoseStamped, PoseWithCovarianceStamped, TransformStamped, Path, NavSatFix or '
                             'TF (/tf); left out: ground truth, else poses in the map, odometry, other poses, TF, '
                             'fixes; goals and plans are none')
    parser.add_argument('--poses', metavar='TUM', help='trajectory of the base, or of the camera with --poses-of; '
                                                       'lines of: stamp x y z qx qy qz qw; or CSV with a header that '
                                                       'names these columns')
    parser.add_argument('--session', default='', metavar='NAME', help='name of this traversal (default: the bag\'s)')
    parser.add_argument('--condition', default='', metavar='LABEL', help='such as snow or night')
    parser.add_argument('--append', action='store_true', help='add the session to an existing map')
    points = parser.add_argument_group('points in 3-D', 'for poses in six degrees of freedom (docs/six_dof.md)')
    depth = points.add_mutually_exclusive_group()
    depth.add_argument('--depth-topic', default='', metavar='T', help='depth registered to the images: 16UC1, 32FC1 or '
                                                                      'compressedDepth')
    depth.add_argument('--depth-images', default='', metavar='DIR', help='16-bit PNG in millimetres, named by their '
                                                                         'stamps')
    depth.add_argument('--right-topic', default='', metavar='T', help='images of the right camera of a rectified pair, '
                                                                      'whose camera_info tells the baseline')
    depth.add_argument('--right-images', default='', metavar='DIR', help='the same in a folder, named by their stamps; '
                                                                         '--right-camera-info tells the baseline')
    depth.add_argument('--triangulate', action='store_true', help='from the keyframes around each and their poses')
    points.add_argument('--camera-info', default='', metavar='YAML', help='calibration of the camera of --images, as '
                                                                          'camera_calibration writes it')
    points.add_argument('--right-camera-info', default='', metavar='YAML', help='calibration of the right camera')
    add_arguments(parser, MappingConfig)
    add_arguments(parser, PointSettings)


def run(arguments) -> int:
    import contextlib
    import time

    from tqdm import tqdm

    from dejavu_ros.keyframes import MapWriter
    from dejavu_ros.keyframes.own_checkpoint import extractor_for
    from dejavu_ros.mapping.builder import MapBuilder
    from dejavu_ros.mapping.config import MappingConfig
    from dejavu_ros.mapping.recordings import bag_recording, folder_recording

    config = from_arguments(MappingConfig, arguments)
    wanted = any((arguments.depth_topic, arguments.depth_images, arguments.right_topic, arguments.right_images,
                  arguments.triangulate))
    points = from_arguments(PointSettings, arguments) if wanted else None
    if arguments.bag and any((arguments.depth_images, arguments.right_images, arguments.camera_info)):
        raise ConfigError('--depth-images, --right-images and --camera-info go with --images; a bag has topics for '
                          'them')
    if arguments.images and (arguments.depth_topic or arguments.right_topic):
        raise ConfigError('--depth-topic and --right-topic go with --bag; a folder has --depth-images or '
                          '--right-images')
    if bool(arguments.right_images) != bool(arguments.right_camera_info):
        raise ConfigError('--right-images and --right-camera-info belong together')
    if arguments.images and not arguments.poses:
        raise ConfigError('--images needs --poses, a TUM file: stamp x y z qx qy qz qw')
    if arguments.bag and arguments.poses:
        raise ConfigError('--poses goes with --images; poses of a bag come from --pose-topic')
    if arguments.images and (arguments.image_topic or arguments.pose_topic):
        raise ConfigError('--image-topic and --pose-topic go with --bag, not with --images')
    with contextlib.ExitStack() as stack:
        if arguments.bag:
            recording = stack.enter_context(
                bag_recording(arguments.bag, arguments.image_topic, arguments.pose_topic, config,
                              arguments.depth_topic, arguments.right_topic))
        else:
            recording = folder_recording(arguments.images, arguments.poses, arguments.camera_info,
                                         arguments.depth_images,
                                         (arguments.right_images, arguments.right_camera_info)
                                          if arguments.right_images else None, config)
        for note in recording.notes:
            print(note)
        origin = getattr(recording.poses, 'origin', None)
        if origin and arguments.append and not config.gps_origin:
            raise ConfigError('appending by NavSatFix needs --gps-origin, as it was printed when the map was made; '
                              'without it, this session would start at a point of its own')
        extractor = extractor_for(arguments.output if arguments.append else '', config.checkpoint, config.device)
        begin = MapWriter.append if arguments.append else MapWriter.create
        writer = stack.enter_context(begin(arguments.output, extractor.record, extractor.checkpoint.identity))
        name = arguments.session or recording.name
        started = time.monotonic()
        with writer.session(name, arguments.condition) as session:
            frames = tqdm(recording.frames, desc=name, total=recording.count, unit='frame', disable=None)
            report = MapBuilder(extractor, config, points).add(session, recording, frames)
        seconds = time.monotonic() - started
        _tell(writer.path, name, arguments.condition, arguments.append, recording, report, seconds, config,
              extractor.checkpoint.card)
        if extractor.checkpoint.warning:
            print(f'  {extractor.checkpoint.warning}')
    return 0


def _tell(path, name, condition, append, recording, report, seconds, config, card) -> None:
    from dejavu_ros.localization.model import AgreementModel, model_of

    size = sum(file.stat().st_size for file in path.rglob('*') if file.is_file())
    print(f'{path}: session {name}{f" ({condition})" if condition else ""} has {report.keyframes} keyframes of '
          f'{report.frames} frames along {report.metres:.1f} m; the map is {size / 1e6:.1f} MB; '
          f'{report.frames / max(seconds, 1e-3):.1f} frames/s')
    left_out = ((report.near, f'nearer than {config.keyframe_distance:g} m and {config.keyframe_angle:g} degrees to '
                              'the keyframe before'),
                (report.without_pose, f'without poses at most {config.max_pose_gap:g} s apart around them'),
                (report.bad_images, f'with an unusable image (the first: {report.first_bad_image})'))
    for count, why in left_out:
        if count:
            print(f'  left out: {count} {why}')
    for why, count in report.no_pose_because.most_common(3):
        print(f'    of those without poses, {count}: {why}')
    if report.with_points:
        print(f'  {report.with_points} keyframes carry points in 3-D')
    origin = getattr(recording.poses, 'origin', None)
    if origin:
        print(f'  the map frame is east, north, up of --gps-origin "{" ".join(map(str, origin))}"')
    if recording.poses.skipped:
        first = getattr(recording.poses, 'reason', '')
        print(f'  unusable poses of {recording.poses.source}: {recording.poses.skipped}'
              f'{f" (the first: {first})" if first else ""}')
    if report.keyframes <= model_of(card, 'agreement', AgreementModel).small_map and not append:
        print(f'  WARNING: a map of {report.keyframes} keyframes cannot tell how far from them a frame was taken, so '
              'that most will be rejected: map more of the place, or choose a smaller --keyframe-distance')
    for warning in report.warnings:
        print(f'  WARNING: {warning}')
    if recording.base_T_camera is None:
        print('  nothing says where the camera is fixed to the base: taken to be at its origin, looking ahead')
