"""Argument parsers that say a mistake in a line, with the nearest right word. Not a command: see _training.py."""

import argparse
import re
import sys

from dejavu_ros.errors import did_you_mean

CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """As argparse's, with one or two lines on standard error where that prints all of its usage; status 2 as ever."""

    words: list[str] = []

    def parse_known_args(self, args=None, namespace=None):
        """Nothing unknown is passed on: also the parser of an action refuses it, who knows the options in question."""
        self.words = list(sys.argv[1:] if args is None else args)
        arguments, unknown = super().parse_known_args(self.words, namespace)
        if unknown:
            self.error(f'not understood: {" ".join(unknown)}')
        return arguments, unknown

    def error(self, message: str):
        known = [option for action in self._actions for option in action.option_strings]
        flags = [word.partition('=')[0] for word in self.words if word.startswith('--') and ' ' not in word]
        unknown = [flag for flag in flags if flag != '--' and not any(option.startswith(flag) for option in known)]
        if chosen := CHOICE.search(message):
            message += did_you_mean(chosen[1], re.findall(r'[\w.-]+', chosen[2]))
        elif unknown:  # before what is missing: it may be what was meant
            message = f'there is no option {unknown[0]}{did_you_mean(unknown[0], known)}'
        print(f'{self.prog}: {message} ({self.prog} --help lists the options)', file=sys.stderr)
        sys.exit(2)
