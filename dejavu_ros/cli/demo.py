"""``dejavu demo``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.demo.drives import DemoConfig

HELP = 'map a rendered town in summer, find oneself there in snow and at night'


def configure(parser) -> None:
    parser.add_argument('-o', '--output', default='demo',
                        help='folder, replaced where a demo made it (default: %(default)s)')
    add_arguments(parser, DemoConfig)


def run(arguments) -> int:
    import shutil
    from pathlib import Path

    from dejavu_ros.demo.story import tell
    from dejavu_ros.errors import DataError

    config = from_arguments(DemoConfig, arguments)
    folder = Path(arguments.output)
    marker = folder / '.dejavu-demo'
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise DataError(f'{folder} exists and no demo made it: choose another folder with -o')
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()
    tell(folder, config)
    return 0
