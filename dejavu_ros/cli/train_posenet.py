"""``dejavu train-posenet``."""

from dejavu_ros.config import add_arguments, from_arguments

HELP = 'poses regressed from pictures and from frozen features, learned in one season and asked in others'


def configure(parser) -> None:
    from dejavu_ros.posenet.settings import PoseNetSettings

    parser.add_argument('-o', '--output', required=True, metavar='DIR',
                        help='gets posenet.json, trajectories.png and the drives, which a later run uses again')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads (default: all cores)')
    add_arguments(parser, PoseNetSettings)


def run(arguments) -> int:
    import torch

    from dejavu_ros.posenet.experiment import compare
    from dejavu_ros.posenet.settings import PoseNetSettings

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(compare(from_arguments(PoseNetSettings, arguments), arguments.output))
    print(f'written: {arguments.output}/posenet.json, trajectories.png')
    return 0
