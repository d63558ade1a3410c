"""``dejavu train-posenet``."""

from dejavu_ros.cli._training import add_run_arguments, set_threads
from dejavu_ros.config import add_arguments, from_arguments

HELP = 'poses regressed from pictures and from frozen features, learned in one season and asked in others'


def configure(parser) -> None:
    from dejavu_ros.posenet.settings import PoseNetSettings

    add_run_arguments(parser, output='gets posenet.json, trajectories.png and the drives, which a later run uses again')
    add_arguments(parser, PoseNetSettings)


def run(arguments) -> int:
    from dejavu_ros.posenet.experiment import compare
    from dejavu_ros.posenet.settings import PoseNetSettings

    set_threads(arguments)
    print(compare(from_arguments(PoseNetSettings, arguments), arguments.output))
    print(f'written: {arguments.output}/posenet.json, trajectories.png')
    return 0
