"""``dejavu train-caps``."""

from dejavu_ros.config import add_arguments, options

HELP = 'descriptors from camera poses alone: CAPS heads on a Deja-Vu encoder'


def configure(parser) -> None:
    from dejavu_ros.caps.settings import CapsConfig

    parser.add_argument('--config', required=True, help='YAML recipe, e.g. config/caps.yaml')
    parser.add_argument('-o', '--output', required=True, metavar='DIR', help='gets caps.pt and log.jsonl')
    parser.add_argument('--threads', type=int, default=0, help='CPU threads (default: all cores)')
    add_arguments(parser, CapsConfig)


def run(arguments) -> int:
    import torch

    from dejavu_ros.caps.settings import CapsConfig, load_caps_recipe
    from dejavu_ros.caps.sources import open_source
    from dejavu_ros.caps.training import train_caps

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    given = {row.name: getattr(arguments, row.name) for row in options(CapsConfig) if hasattr(arguments, row.name)}
    config, sources = load_caps_recipe(arguments.config, **given)
    sets = [part for source in sources for part in open_source(source, config)]
    print('\n'.join(f'{part.name}: {len(part.views)} pictures, {len(part.pairs)} pairs' for part in sets))
    train_caps(config, sets, arguments.output)
    print(f'written: {arguments.output}/caps.pt, log.jsonl{", encoder.pt" if config.encoder_learns else ""}')
    return 0
