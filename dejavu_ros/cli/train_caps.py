"""``dejavu train-caps``."""

from dejavu_ros.cli._training import add_run_arguments, given, set_threads
from dejavu_ros.config import add_arguments

HELP = 'descriptors from camera poses alone: CAPS heads on a Deja-Vu encoder'


def configure(parser) -> None:
    from dejavu_ros.caps.settings import CapsConfig

    add_run_arguments(parser, 'config/caps.yaml', 'gets caps.pt and log.jsonl')
    add_arguments(parser, CapsConfig)


def run(arguments) -> int:
    from dejavu_ros.caps.settings import CapsConfig, load_caps_recipe
    from dejavu_ros.caps.sources import open_source
    from dejavu_ros.caps.training import train_caps

    set_threads(arguments)
    config, sources = load_caps_recipe(arguments.config, **given(arguments, CapsConfig))
    sets = [part for source in sources for part in open_source(source, config)]
    print('\n'.join(f'{part.name}: {len(part.views)} pictures, {len(part.pairs)} pairs' for part in sets))
    train_caps(config, sets, arguments.output)
    print(f'written: {arguments.output}/caps.pt, log.jsonl{", encoder.pt" if config.encoder_learns else ""}')
    return 0
