"""``dejavu train``."""

from dejavu_ros.cli._training import add_run_arguments, given, run_trainer, set_threads
from dejavu_ros.config import add_arguments

HELP = 'train features on places seen in several sessions'


def configure(parser) -> None:
    from dejavu_ros.training.config import TrainConfig

    add_run_arguments(parser, 'config/train.yaml')
    add_arguments(parser, TrainConfig)


def run(arguments) -> int:
    from dejavu_ros.training.config import TrainConfig
    from dejavu_ros.training.loop import Trainer
    from dejavu_ros.training.recipe import load_recipe

    set_threads(arguments)
    recipe = load_recipe(arguments.config, **given(arguments, TrainConfig))
    return run_trainer(Trainer, recipe, arguments.output,
                       lambda run: f'{arguments.output}/{"best.pt and " if run.validation else ""}last.pt')
