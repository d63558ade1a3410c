"""``dejavu evaluate-hpatches``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.matching.settings import AccuracySettings

HELP = 'features and mean matching accuracy of a folder of HPatches-like sequences'


def configure(parser) -> None:
    parser.add_argument('folder', metavar='DIR', help='sequences: folders with images 1 to 6 and H_1_2 to H_1_6')
    parser.add_argument('-o', '--output', required=True, metavar='DIR',
                        help='gets hpatches.json, hpatches.png and features/NAME/SEQUENCE/IMAGE.npz')
    add_arguments(parser, AccuracySettings, skip=('pairs', 'shifts'))


def run(arguments) -> int:
    from dejavu_ros.evaluation.hpatches import evaluate_hpatches

    print(evaluate_hpatches(arguments.folder, from_arguments(AccuracySettings, arguments), arguments.output))
    print(f'written: {arguments.output}/hpatches.json, hpatches.png, features')
    return 0
