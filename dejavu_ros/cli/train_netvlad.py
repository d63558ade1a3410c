"""``dejavu train-netvlad``."""

from dejavu_ros.config import add_arguments, options

HELP = 'train a describer of whole images (NetVLAD, GeM) on places seen in several sessions'


def configure(parser) -> None:
    from dejavu_ros.training.config import TrainConfig
    from dejavu_ros.training.ranking_config import UNUSED

    parser.add_argument('--config', required=True, help='YAML recipe, e.g. config/netvlad.yaml')
    parser.add_argument('-o', '--output', required=True,
                        help='folder of the run; an interrupted run there is continued')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads (default: all cores)')
    add_arguments(parser, TrainConfig, skip=UNUSED)


def run(arguments) -> int:
    import torch

    from dejavu_ros.training.config import TrainConfig
    from dejavu_ros.training.processes import join
    from dejavu_ros.training.ranking import FINAL, RankingTrainer
    from dejavu_ros.training.ranking_config import RankingRecipe
    from dejavu_ros.training.recipe import load_recipe

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    given = {row.name: getattr(arguments, row.name) for row in options(TrainConfig) if hasattr(arguments, row.name)}
    recipe = load_recipe(arguments.config, RankingRecipe, **given)
    with join(recipe.train.device) as processes:
        trainer = RankingTrainer(recipe, arguments.output, processes)
        if trainer.step and processes.first:
            print(f'continuing {arguments.output} at step {trainer.step} of {trainer.steps}')
        trainer.run()
        if processes.first:
            print(f'done: {arguments.output}/{FINAL}')
    return 0
