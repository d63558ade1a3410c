"""What the commands that train have in common. Not a command: those do not begin with an underscore."""

from collections.abc import Callable
from typing import Any

from dejavu_ros.config import options


def add_run_arguments(parser, example: str = '', output: str = 'folder of the run; an interrupted run there is '
                                                               'continued') -> None:
    """``--config`` where there is an ``example`` recipe, ``-o`` and ``--threads``."""
    if example:
        parser.add_argument('--config', required=True, help=f'YAML recipe, e.g. {example}')
    parser.add_argument('-o', '--output', required=True, metavar='DIR', help=output)
    add_threads(parser)


def add_threads(parser) -> None:
    parser.add_argument('--threads', type=int, default=0, help='CPU threads (default: all cores)')


def set_threads(arguments) -> None:
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)


def given(arguments, *configs: type) -> dict[str, Any]:
    """The options of these classes for which there was a flag, by name."""
    return {row.name: getattr(arguments, row.name) for config in configs for row in options(config)
            if hasattr(arguments, row.name)}


def run_trainer(trainer: type, recipe, folder: str, written: Callable[[Any], str]) -> int:
    """Train or go on in ``folder``, in one process or as one of torchrun's; ``written`` says what is there then."""
    from dejavu_ros.training.processes import join

    with join(recipe.train.device) as processes:
        run = trainer(recipe, folder, processes)
        if run.step and processes.first:
            print(f'continuing {folder} at step {run.step} of {run.steps}')
        run.run()
        if processes.first:
            print(f'done: {written(run)}')
    return 0
