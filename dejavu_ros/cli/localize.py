"""``dejavu localize``: the node without ROS, over the images of a bag or a folder."""

import argparse

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.errors import ConfigError

CAMERA = 'camera'  # what an only one is called, here and when maps are made
HELP = 'find the images of a bag or a folder on a map'


def configure(parser) -> None:
    from dejavu_ros.localization.config import PRECISIONS, LocalizerConfig
    from dejavu_ros.optics.mounting import CONVENTIONS

    parser.add_argument('--map', required=True, metavar='M.dvmap', help='keyframe map to localize in')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--bag', help='ROS 1 bag, rosbag2 folder, .mcap or .db3 file')
    source.add_argument('images', nargs='?', metavar='PICTURE', default=argparse.SUPPRESS,
                        help='one picture, or a folder as of --images')
    source.add_argument('--images', metavar='DIR', default=None,
                        help='folder of images, in the order of the stamps in their names; without stamps in the order '
                             'of counting, one a second; or one picture')
    parser.add_argument('--image-topic', action='append', default=[], metavar='[CAMERA=]T',
                        help='Image or CompressedImage; may be left out where the bag has one; several times for the '
                             'cameras of one robot, each with a name, best that of its like in the map')
    parser.add_argument('--mask', action='append', default=[], metavar='[CAMERA=]FILE',
                        help='image of what hides a part of every picture, such as the robot itself, black: hidden')
    parser.add_argument('--base-frame', default='base_link', metavar='F',
                        help='the robot\'s frame, from which the bag\'s TF says how cameras are mounted (default: '
                             '%(default)s)')
    parser.add_argument('--camera-info', default='', metavar='YAML',
                        help='calibration of the camera of --images, as camera_calibration writes it')
    parser.add_argument('--base-T-camera', default='', metavar='"X Y Z QX QY QZ QW"',
                        help='mounting of the camera (of each, where there are several): its optical frame in the base '
                             '(default: from TF, or the camera file, else as in the map)')
    parser.add_argument('--camera-frame-convention', choices=CONVENTIONS, default='auto',
                        help='axes of the camera\'s frame: optical (x right, y down, z ahead), body (x ahead, y left, '
                             'z up: camera_link); auto: optical unless only body fits the map (default: %(default)s)')
    parser.add_argument('--json', metavar='FILE', help='one JSON object a line for each image; - is standard output')
    parser.add_argument('--truth', metavar='TUM', help='true poses of the base in the map, a trajectory in TUM format: '
                                                       'how many frames were found is printed')
    parser.add_argument('--radius', type=float, default=5.0,
                        help='--truth: metres within which an accepted pose is found, and within twice that near '
                             '(default: %(default)s)')
    parser.add_argument('--summary', metavar='JSON', help='where the counts over all frames are written')
    parser.add_argument('--tum', metavar='FILE', help='where the accepted poses are written, in TUM format')
    parser.add_argument('--report', metavar='HTML', help='where a page with all answers is written')
    parser.add_argument('--checkpoint', default='', help='the file that the map was made with; empty: found by what '
                                                         'the map says of it')
    parser.add_argument('--device', default='cpu', help='where the network runs: cpu, cuda, cuda:1 (default: cpu)')
    parser.add_argument('--precision', choices=PRECISIONS, default='float32',
                        help='numbers that the network computes with (default: %(default)s)')
    add_arguments(parser, LocalizerConfig)


def run(arguments) -> int:
    import contextlib
    import json
    import sys

    from tqdm import tqdm

    from dejavu_ros.evaluation.trial import Trial
    from dejavu_ros.files import new_file
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.keyframes.own_checkpoint import extractor_for
    from dejavu_ros.localization import Localizer, LocalizerConfig

    if not 0 < arguments.radius < float('inf'):
        raise ConfigError(f'--radius is {arguments.radius}: it must be a number of metres above 0')
    trial = Trial(arguments.truth or '', arguments.radius)
    config = from_arguments(LocalizerConfig, arguments)
    if arguments.images and arguments.image_topic:
        raise ConfigError('--image-topic goes with --bag, not with --images')
    if arguments.bag and arguments.camera_info:
        raise ConfigError('--camera-info goes with --images; a bag has a topic of CameraInfo beside that of the images')
    to_stdout = arguments.json == '-'
    tally = _Tally()
    with contextlib.ExitStack() as stack:
        extractor = extractor_for(arguments.map, arguments.checkpoint, arguments.device, arguments.precision)
        keyframes = stack.enter_context(KeyframeMap.open(arguments.map, extractor.checkpoint.identity))
        localizer = Localizer(extractor, keyframes, config)
        frames, count, cameras = _bag(stack, arguments) if arguments.bag else _folder(arguments)
        for camera in cameras:
            localizer.use(camera)
            if localizer.sights[camera.name].warning:
                print(f'camera {camera.name}: {localizer.sights[camera.name].warning}', file=sys.stderr)
        lines = sys.stdout if to_stdout else None
        if arguments.json and not to_stdout:
            lines = stack.enter_context(new_file(arguments.json, 'w'))
        for name, camera, frame in tqdm(frames, desc='localize', total=count, unit='frame', disable=None):
            estimate = _answer(localizer, frame, camera)
            tally.add(name, estimate)
            trial.add(name, estimate)
            if lines:
                print(json.dumps(estimate.to_json(name)), file=lines, flush=to_stdout)
        positions = keyframes.positions
    # standard output holds either the JSON or the words
    words = sys.stderr if to_stdout else sys.stdout
    warning = extractor.checkpoint.warning
    print(tally.words(keyframes) + (f'\n  {warning}' if warning else ''), file=words)
    for name, sight in localizer.sights.items():
        if sight.doubt:
            print(f'  camera {name}: {sight.doubt}', file=words)
    trial.check()
    if arguments.truth:
        print(f'  {trial.words()}', file=words)
    for path, write in ((arguments.summary, trial.write_summary), (arguments.tum, trial.write_tum)):
        if path:
            write(path)
    if arguments.report:
        trial.write_page(arguments.report, f'Answers on map {keyframes.name}', positions)
    return 0


def _bag(stack, arguments):
    """(name, camera, frame) of each image, how many there are, and the cameras; the bag is closed by ``stack``."""
    import sys

    from dejavu_ros.data.bags import open_bag
    from dejavu_ros.data.frames import bag_frames, find_image_topic, intrinsics
    from dejavu_ros.data.pose_topics import mounting
    from dejavu_ros.errors import DataError

    bag = stack.enter_context(open_bag(arguments.bag))
    names, topics, cameras = {}, [], []
    for option in arguments.image_topic or ['']:
        name, _, topic = option.rpartition('=')
        found = find_image_topic(bag, topic)
        name = name or CAMERA
        if name in names.values() or found.name in names:
            raise ConfigError(f'--image-topic {option}: each camera needs a name and a topic of its own, '
                              f'NAME={found.name}')
        names[found.name] = name
        topics.append(found)
        frame_id = next(bag_frames(bag, found.name)).frame_id
        try:
            known = intrinsics(bag, found.name)
        except DataError as error:
            print(f'camera {name}: not used: {error}', file=sys.stderr)
            known = None
        cameras.append(_camera(name, arguments, known, mounting(bag, arguments.base_frame, frame_id, found.name),
                               frame_id))
    frames = ((f'{frame.topic}@{frame.stamp_ns}', names[frame.topic], frame) for frame in bag_frames(bag, *names))
    return frames, sum(topic.count for topic in topics), cameras


def _camera(name, arguments, intrinsics=None, base_T_camera=None, frame=''):
    from dejavu_ros.optics.camera import Camera
    from dejavu_ros.optics.lens import Lens
    from dejavu_ros.optics.mask import mask_of
    from dejavu_ros.optics.mounting import parse_mounting

    found = [mask for mask in (mask_of(option, name) for option in arguments.mask) if mask is not None]
    given = parse_mounting(arguments.base_T_camera)
    return Camera(name, Lens.of(intrinsics) if intrinsics else None, found[0] if found else None,
                  given or base_T_camera, arguments.camera_frame_convention, '' if given else frame)


def _folder(arguments):
    import sys
    from pathlib import Path

    from dejavu_ros.data.folders import image_stamps, list_images
    from dejavu_ros.data.frames import folder_frames

    images = list_images(arguments.images)
    stamps = image_stamps(images)
    if stamps is None:
        if len(images) > 1:
            print(f'{arguments.images}: no times in the names ({images[0].name} to {images[-1].name}): taken in the '
                  'order of counting, one a second', file=sys.stderr)
        stamps = [index * 10**9 for index in range(len(images))]
    frames = sorted(folder_frames(images, stamps), key=lambda frame: frame.stamp_ns)
    camera = _camera(CAMERA, arguments, *_described(arguments.camera_info, frames))
    return ((Path(frame.name).name, CAMERA, frame) for frame in frames), len(images), [camera]


def _described(path: str, frames):
    """Intrinsics for the pictures, and base_T_camera, from a camera file; both None without one."""
    from dejavu_ros.data.camera_file import read_camera
    from dejavu_ros.data.frames import first_size
    from dejavu_ros.intrinsics import resized

    if not path:
        return None, None
    intrinsics, base_T_camera = read_camera(path)
    size = first_size(frames)
    return resized(intrinsics, *size) if size else intrinsics, base_T_camera


def _answer(localizer, frame, camera):
    """The localizer's answer; an image that cannot be decoded is one more reason to reject a frame."""
    import time

    from dejavu_ros.errors import ImageError
    from dejavu_ros.localization.estimate import BAD_IMAGE, Estimate

    started = time.perf_counter()
    try:
        image = frame.image()
    except ImageError as error:
        return Estimate(frame.stamp_ns, False, BAD_IMAGE, [], (time.perf_counter() - started) * 1e3, str(error))
    return localizer.process(image, frame.stamp_ns, camera)


def _place(best) -> str:
    import math

    x, y, z = best.map_T_base.position
    return (f'the likeliest place: x {x:.2f} m, y {y:.2f} m, z {z:.2f} m, heading '
            f'{math.degrees(best.map_T_base.yaw):.0f} degrees, as keyframe {best.keyframe} of session {best.session}, '
            f'with probability {best.probability:.2f}')


class _Tally:
    """What became of the frames, for people."""

    def __init__(self):
        from collections import Counter

        self.reasons = Counter()
        self.latencies = []
        self.first_bad = ''
        self.last = None

    def add(self, name: str, estimate) -> None:
        from dejavu_ros.localization.estimate import BAD_IMAGE

        self.last = estimate
        self.reasons[estimate.reject_reason] += 1
        if estimate.reject_reason != BAD_IMAGE:
            self.latencies.append(estimate.latency_ms)
        elif not self.first_bad:
            self.first_bad = f'{name}: {estimate.detail}'

    def words(self, keyframes) -> str:
        import statistics

        total, accepted = self.reasons.total(), self.reasons['']
        rejected = [f'{reason} {count}' for reason, count in self.reasons.most_common() if reason]
        lines = [f'{accepted} of {total} frames accepted on map {keyframes.name} (revision {keyframes.revision}, '
                 f'{len(keyframes)} keyframes)']
        if rejected:
            lines.append(f'  rejected: {", ".join(rejected)}')
        if total == 1 and self.last.hypotheses:
            lines.append(f'  {_place(self.last.hypotheses[0])}')
        if self.first_bad:
            lines.append(f'  the first bad image: {self.first_bad}')
        if self.latencies:
            lines.append(f'  a frame took {statistics.median(self.latencies):.0f} ms (median)')
        return '\n'.join(lines)
