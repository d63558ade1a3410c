"""``dejavu evaluate-pose``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.sixdof.settings import SixDofSettings

HELP = 'how exact poses in six degrees of freedom are, beside those of the nearest keyframe'


def configure(parser) -> None:
    from dejavu_ros.town import CONDITIONS

    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--town', metavar='SEEDS', help='towns to render, separated by commas: 101 to 199 are for '
                                                        'choosing, 201 to 299 for the last word')
    source.add_argument('--kitti', metavar='DIR', help='image_l/, poses.txt, calib.txt: map the even frames, ask for '
                                                       'the odd ones; points are triangulated')
    parser.add_argument('--map-condition', choices=CONDITIONS, default='overcast-summer',
                        help='town: when it is mapped (default: %(default)s)')
    parser.add_argument('--conditions', default=','.join(CONDITIONS), metavar='A,B', help='town: when poses are asked '
                                                                                          'for (default: all)')
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument('--triangulate', action='store_true', help='town: do as if there were no depth')
    depth.add_argument('--stereo', type=float, default=0.0, metavar='M', help='town: depth from a second camera, so '
                                                                              'many metres right of the first')
    parser.add_argument('--size', default='320x240', metavar='WxH', help='town: of the pictures (default: %(default)s)')
    parser.add_argument('--checkpoint', default='', help='checkpoint file; empty: the shipped one')
    parser.add_argument('-o', '--output', required=True, metavar='DIR', help='gets poses.json')
    add_arguments(parser, SixDofSettings)


def run(arguments) -> int:
    settings = from_arguments(SixDofSettings, arguments)
    from pathlib import Path

    from tqdm import tqdm

    from dejavu_ros.evaluation.measure import check_writable
    from dejavu_ros.evaluation.pose_accuracy import measure_poses, write_poses
    from dejavu_ros.nn.checkpoint import load_checkpoint
    from dejavu_ros.nn.features import FeatureExtractor

    check_writable(Path(arguments.output))
    extractor = FeatureExtractor(load_checkpoint(arguments.checkpoint))
    rows = measure_poses(_drives(arguments), extractor, settings,
                         lambda frames: tqdm(frames, unit='frame', disable=None))
    print(write_poses(rows, settings, extractor.checkpoint.identity, arguments.output))
    print(f'written: {arguments.output}/poses.json')
    return 0


def _drives(arguments):
    from dejavu_ros.evaluation.pose_drives import kitti_drives, town_drives, without_depth

    if arguments.kitti:
        yield from kitti_drives(arguments.kitti)
        return
    size = _numbers(arguments.size, 'x')
    for seed in _numbers(arguments.town, ','):
        for drive in town_drives(seed, arguments.map_condition, arguments.conditions.split(','), *size,
                                 arguments.stereo):
            yield without_depth(drive) if arguments.triangulate else drive


def _numbers(text: str, separator: str) -> list[int]:
    from dejavu_ros.errors import ConfigError

    try:
        return [int(part) for part in text.split(separator)]
    except ValueError:
        raise ConfigError(f'expected whole numbers separated by {separator!r}, got {text!r}') from None
