"""``dejavu town``: render a drive through a made-up town to a folder, a rosbag2 or a contact sheet."""

import argparse

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.town.config import TownConfig

HELP = 'render a drive through a town in one of nine conditions'


def configure(parser: argparse.ArgumentParser) -> None:
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument('-o', '--output', metavar='PATH', help='new folder or rosbag2 to write')
    target.add_argument('--sheet', metavar='FILE', help='contact sheet of all conditions at six places (.png, .jpg)')
    add_arguments(parser, TownConfig)


def run(arguments: argparse.Namespace) -> int:
    config = from_arguments(TownConfig, arguments)
    from tqdm import tqdm

    if arguments.sheet:
        from dejavu_ros.town.sheet import write_sheet

        write_sheet(arguments.sheet, config, progress=lambda rows: tqdm(rows, desc='conditions', disable=None))
        print(f'{arguments.sheet}: town {config.town_seed} in every condition')
        return 0
    from dejavu_ros.town.export import write_bag, write_folder

    write = write_bag if config.format == 'bag' else write_folder
    count = write(arguments.output, config,
                  progress=lambda drive: tqdm(drive, desc=config.condition, unit='frame', disable=None))
    print(f'{arguments.output}: {count} frames of town {config.town_seed}, {config.condition}')
    return 0
