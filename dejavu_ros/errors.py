"""Every error that a user can cause or mend.

A message is one line: what was sought, what was found, what to do. The command line prints it
and exits with 1; the node reports it in its diagnostics.
"""

import difflib
import os
import sys
from collections.abc import Callable, Iterable


ROS_MODULES = ('rclpy', 'builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs', 'lifecycle_msgs', 'nav_msgs',
               'rcl_interfaces', 'rosgraph_msgs', 'sensor_msgs', 'std_msgs', 'std_srvs', 'tf2_msgs',
               'visualization_msgs')


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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question ``; did you mean WORD?`` with the known word that is most like this one; empty: none is."""
    alike = difflib.get_close_matches(word, list(known), 1)
    return f'; did you mean {alike[0]}?' if alike else ''


def missing_module(error: ModuleNotFoundError) -> str:
    """What a command lacks and how to get it, in a line; empty for a module of our own, which is a mistake of ours."""
    name = error.name or ''
    if name.partition('.')[0] in ROS_MODULES or name == 'dejavu_ros.msg':
        return (f'this needs ROS 2 and the built package ({name} is not there): run make in the sources, or source '
                '/opt/ros/DISTRO/setup.bash, colcon build and source install/setup.bash')
    if not name or name.startswith('dejavu_ros'):
        return ''
    return f'this needs the Python package {name}, which is not installed: dejavu doctor says how to get it'


def exit_status(program: str, work: Callable[[], int]) -> int:
    """Do the work of a command; a known error becomes one line on stderr and status 1, Ctrl-C 130."""
    try:
        return work()
    except DejavuError as error:
        print(f'{program}: {in_words(error)}', file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if not missing_module(error):
            raise
        print(f'{program}: {missing_module(error)}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'{program}: interrupted', file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output (head, less) has left: nothing more to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
