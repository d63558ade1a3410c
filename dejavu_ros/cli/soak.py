"""``dejavu soak``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.soak.config import PHASES, SoakConfig

HELP = 'hours of drives, frames, broken messages and killed writers, counted; goes on where it was stopped'


def configure(parser) -> None:
    parser.add_argument('-o', '--output', default='soak', help='folder of finished parts and of summary.json '
                                                               '(default: %(default)s)')
    parser.add_argument('--document', metavar='FILE', help='also put the figures into this Markdown file')
    parser.add_argument('--only', action='append', choices=PHASES, default=[],
                        help='run this phase alone; may be repeated, and other phases run beside it on the same folder')
    add_arguments(parser, SoakConfig)


def run(arguments) -> int:
    from pathlib import Path

    from dejavu_ros.soak.run import soak

    soak(Path(arguments.output), from_arguments(SoakConfig, arguments), arguments.only,
         Path(arguments.document) if arguments.document else None)
    return 0
