"""``dejavu town``: render a drive through a made-up town to a folder, a rosbag2 or a contact sheet."""

import argparse

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.town.config import TownConfig

HELP = 'render a drive through a town in one of nine conditions'
SHEET_PLACES = 6


def configure(parser: argparse.ArgumentParser) -> None:
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument('-o', '--output', metavar='PATH', help='new folder or rosbag2 to write')
    target.add_argument('--sheet', metavar='FILE', help=f'contact sheet of all conditions at {SHEET_PLACES} places '
                                                        '(.png, .jpg)')
    add_arguments(parser, TownConfig)


def run(arguments: argparse.Namespace) -> int:
    config = from_arguments(TownConfig, arguments)
    if arguments.sheet:
        write_sheet(arguments.sheet, config)
    else:
        write_drive(arguments.output, config)
    return 0


def write_drive(path: str, config: TownConfig) -> None:
    from tqdm import tqdm

    from dejavu_ros.town.export import Drive, write_bag, write_folder

    write = write_bag if config.format == 'bag' else write_folder
    with Drive(config) as drive:
        write(path, drive, progress=lambda frames: tqdm(frames, desc=config.condition, unit='frame', disable=None))
        print(f'{path}: {len(drive)} frames of town {config.town_seed}, {config.condition}')


def write_sheet(path: str, config: TownConfig) -> None:
    from tqdm import tqdm

    from dejavu_ros.town.render import Renderer
    from dejavu_ros.town.scene import Town
    from dejavu_ros.town.sheet import contact_sheet, save_sheet

    with Renderer(Town(config.town_seed), config.width, config.height, config.hfov) as renderer:
        sheet = contact_sheet(renderer, SHEET_PLACES, config.traversal_seed, pitch_deg=config.pitch,
                              progress=lambda rows: tqdm(rows, desc='conditions', disable=None))
    save_sheet(path, sheet)
    print(f'{path}: town {config.town_seed} in every condition')
