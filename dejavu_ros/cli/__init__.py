"""The ``dejavu`` command: a table of commands, one module each, loaded only when called.

A command module has ``HELP`` (one line), ``configure(parser)`` and ``run(arguments) -> int``.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from dejavu_ros import __version__
from dejavu_ros.cli._parser import Parser
from dejavu_ros.errors import did_you_mean, exit_status

COMMANDS = ('build-map', 'localize', 'similarity', 'match', 'explore', 'evaluate', 'evaluate-matching',
            'evaluate-hpatches', 'evaluate-pose', 'extract-triplets', 'train', 'train-posenet', 'train-caps',
            'train-netvlad', 'train-geowarp', 'show-quadrilaterals', 'describe', 'calibrate', 'export-onnx', 'town',
            'map', 'demo', 'bench', 'benchmark-systems', 'doctor', 'soak')


def load(command: str):
    """The module behind a command name."""
    return importlib.import_module('dejavu_ros.cli.' + command.replace('-', '_'))


def make_parser(command: str) -> argparse.ArgumentParser:
    """The argument parser of one command."""
    module = load(command)
    parser = Parser(prog=f'dejavu {command}', description=module.HELP)
    module.configure(parser)
    return parser


def overview() -> str:
    width = max(len(command) for command in COMMANDS) + 2
    rows = [f'  {command:{width}}{load(command).HELP}' for command in COMMANDS]
    return '\n'.join(['usage: dejavu COMMAND [options]   (dejavu COMMAND --help says more)', '', *rows])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; a known error becomes one line on stderr and exit status 1, Ctrl-C 130."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ('-h', '--help'):
        print(overview())
        return 0 if argv else 2
    if argv[0] == '--version':
        print(__version__)
        return 0
    command = argv[0]
    if command not in COMMANDS:
        print(f'dejavu: no command {command!r}{did_you_mean(command, COMMANDS)} (dejavu --help lists them)',
              file=sys.stderr)
        return 2
    arguments = make_parser(command).parse_args(argv[1:])
    return exit_status(f'dejavu {command}', lambda: load(command).run(arguments))


def entry_point() -> None:
    """For console scripts and ``python -m dejavu_ros.cli``."""
    sys.exit(main())
