"""``dejavu evaluate-matching``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.matching.settings import AccuracySettings

HELP = 'how exactly keypoints are found again across sessions: mean matching accuracy'


def configure(parser) -> None:
    parser.add_argument('manifest', metavar='MANIFEST',
                        help='columns image (relative to the file), place (the camera) and session, or a folder in a '
                             'layout of docs/training_data.md')
    parser.add_argument('-o', '--output', required=True, metavar='DIR', help='gets matching.json and matching.png')
    # on a grid the points of a fixed camera would be exact or wrong, which says nothing about pixels
    add_arguments(parser, AccuracySettings, skip=('keypoints',))


def run(arguments) -> int:
    from dejavu_ros.data.layouts import read_places
    from dejavu_ros.evaluation.matching_accuracy import evaluate_matching

    settings = from_arguments(AccuracySettings, arguments)
    print(evaluate_matching(read_places(arguments.manifest), settings, arguments.output))
    print(f'written: {arguments.output}/matching.json, matching.png')
    return 0
