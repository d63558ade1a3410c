"""``dejavu train-netvlad``."""

from dejavu_ros.cli._training import add_run_arguments, given, run_trainer, set_threads
from dejavu_ros.config import add_arguments

HELP = 'train a describer of whole images (NetVLAD, GeM) on places seen in several sessions'


def configure(parser) -> None:
    from dejavu_ros.training.config import TrainConfig
    from dejavu_ros.training.ranking_config import UNUSED

    add_run_arguments(parser, 'config/netvlad.yaml')
    add_arguments(parser, TrainConfig, skip=UNUSED)


def run(arguments) -> int:
    from dejavu_ros.training.config import TrainConfig
    from dejavu_ros.training.ranking import FINAL, RankingTrainer
    from dejavu_ros.training.ranking_config import RankingRecipe
    from dejavu_ros.training.recipe import load_recipe

    set_threads(arguments)
    recipe = load_recipe(arguments.config, RankingRecipe, **given(arguments, TrainConfig))
    return run_trainer(RankingTrainer, recipe, arguments.output, lambda run: f'{arguments.output}/{FINAL}')
