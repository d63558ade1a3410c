"""``dejavu train``."""

from dejavu_ros.config import add_arguments, options

HELP = 'train features on places seen in several sessions'


def configure(parser) -> None:
    from dejavu_ros.training.config import TrainConfig

    parser.add_argument('--config', required=True, help='YAML recipe, e.g. config/train.yaml')
    parser.add_argument('-o', '--output', required=True,
                        help='folder of the run; an interrupted run there is continued')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads (default: all cores)')
    add_arguments(parser, TrainConfig)


def run(arguments) -> int:
    import torch

    from dejavu_ros.training.config import TrainConfig
    from dejavu_ros.training.loop import Trainer
    from dejavu_ros.training.processes import join
    from dejavu_ros.training.recipe import load_recipe

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    given = {row.name: getattr(arguments, row.name) for row in options(TrainConfig) if hasattr(arguments, row.name)}
    recipe = load_recipe(arguments.config, **given)
    with join(recipe.train.device) as processes:
        trainer = Trainer(recipe, arguments.output, processes)
        if trainer.step and processes.first:
            print(f'continuing {arguments.output} at step {trainer.step} of {trainer.steps}')
        trainer.run()
        if processes.first:
            print(f'done: {arguments.output}/{"best.pt and " if trainer.validation else ""}last.pt')
    return 0
