"""``dejavu bench``."""

from dejavu_ros.bench.config import BenchConfig
from dejavu_ros.config import add_arguments, from_arguments

HELP = 'measure this machine: similarity, features, maps, and from an image to an answer'


def configure(parser) -> None:
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    add_arguments(parser, BenchConfig)


def run(arguments) -> int:
    import json

    from dejavu_ros.bench.report import measure, tables
    from dejavu_ros.files import new_file

    found = measure(from_arguments(BenchConfig, arguments))
    print(tables(found))
    if arguments.json:
        with new_file(arguments.json, 'w') as file:
            json.dump(found, file, indent=1)
    return 0
