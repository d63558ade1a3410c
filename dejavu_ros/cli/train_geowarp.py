"""``dejavu train-geowarp``."""

from dejavu_ros.cli._training import add_threads, given, run_trainer, set_threads
from dejavu_ros.config import add_arguments

HELP = 'train what finds the common area of two views, to warp them to it and rank them again'


def configure(parser) -> None:
    from dejavu_ros.geowarp.settings import GeoWarpSettings
    from dejavu_ros.training.config import TrainConfig
    from dejavu_ros.training.geowarp_config import UNUSED, WarpingConfig

    parser.add_argument('--config', default='', help='YAML recipe, e.g. config/geowarp.yaml')
    parser.add_argument('--dataset', default='', metavar='DIR',
                        help='train|val|test/{gallery,queries} with names @UTM east@UTM north@...@.jpg, instead of the '
                             'recipe\'s sets')
    parser.add_argument('-o', '--output', default='runs/geowarp', metavar='DIR',
                        help='gets a folder named by date and time (default: runs/geowarp)')
    parser.add_argument('--resume', default='', metavar='DIR', help='folder of an interrupted run, to go on in it')
    add_threads(parser)
    add_arguments(parser, GeoWarpSettings)
    add_arguments(parser, WarpingConfig)
    add_arguments(parser, TrainConfig, skip=UNUSED)


def run(arguments) -> int:
    from datetime import datetime
    from pathlib import Path

    from dejavu_ros.geowarp.settings import GeoWarpSettings
    from dejavu_ros.training.config import TrainConfig
    from dejavu_ros.training.geowarp import FINAL, RESULTS, GeoWarpTrainer, results_table
    from dejavu_ros.training.geowarp_config import WarpingConfig
    from dejavu_ros.training.geowarp_recipe import load_geowarp_recipe

    set_threads(arguments)
    recipe = load_geowarp_recipe(arguments.config, arguments.dataset,
                                 **given(arguments, TrainConfig, GeoWarpSettings, WarpingConfig))
    folder = arguments.resume or Path(arguments.output, datetime.now().strftime('%Y-%m-%d_%H-%M-%S'))
    return run_trainer(GeoWarpTrainer, recipe, str(folder),
                       lambda run: f'{folder}/{FINAL}, {RESULTS}\n{results_table(run.results)}')
