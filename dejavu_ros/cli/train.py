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
    return run_trainer(Trainer, recipe, arguments.output, lambda run: written(run, arguments.output))


def written(run, folder: str) -> str:
    """The files of a finished training, what they are, and the command that comes next."""
    import shlex

    last, best = f'{folder}/last.pt', f'{folder}/best.pt'
    if not run.validation:
        files, chosen, known = last, last, ['--map', 'M']
    else:
        words = run.best_in_words()
        files, chosen = f'{best}{f" ({words})" if words else ""} and {last}', best
        known = ['--manifest', *run.recipe.validation]
    command = shlex.join(['dejavu', 'calibrate', chosen, *known, '-o', f'{folder}/calibrated.pt'])
    where = ', on a map M of two sessions or more of different conditions, made with it' if '--map' in known else ''
    return f'{files}\nnot calibrated yet, so probabilities mean little; next{where}:\n  {command}'
