"""Every error that a user can cause or mend.

A message is one line: what was sought, what was found, what to do. The command line prints it
and exits with 1; the node reports it in its diagnostics.
"""

import os
import sys
from collections.abc import Callable


class DejavuError(Exception):
    """Root of all errors that this package raises on purpose."""


class ConfigError(DejavuError):
    """A setting is unknown, of the wrong type or out of its range."""


class CheckpointError(DejavuError):
    """A checkpoint is missing, damaged, unsafe to load or does not fit."""


class MapError(DejavuError):
    """A keyframe map is missing, damaged, locked, too new or from another checkpoint."""


class DataError(DejavuError):
    """A bag, folder, manifest or trajectory cannot be used."""


class ImageError(DejavuError):
    """One image cannot be decoded or carries no information."""


class RenderError(DejavuError):
    """The town cannot be rendered on this machine."""


def in_words(error: Exception) -> str:
    """One line, with the kind of error where it is not our own."""
    name = '' if isinstance(error, DejavuError) else f'{type(error).__name__}: '
    return ' '.join(f'{name}{error}'.split())


def exit_status(program: str, work: Callable[[], int]) -> int:
    """Do the work of a command; a known error becomes one line on stderr and status 1, Ctrl-C 130."""
    try:
        return work()
    except DejavuError as error:
        print(f'{program}: {in_words(error)}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'{program}: interrupted', file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output (head, less) has left: nothing more to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
