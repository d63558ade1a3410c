"""Parameter files that hold nothing for the node that they were given to: rcl leaves them out and says nothing."""

import difflib
import re
from collections.abc import Iterator, Sequence

import yaml

PARAMETERS = 'ros__parameters'
ALIKE = 0.75  # of difflib, between the names of nodes


def given_files(arguments: Sequence[str]) -> list[str]:
    """The parameter files on a command line: ``--params-file FILE`` between ``--ros-args`` and ``--``."""
    files, ours, follows = [], False, False
    for word in arguments:
        if follows:
            files.append(word)
        elif word in ('--ros-args', '--'):
            ours = word == '--ros-args'
        follows = ours and not follows and word == '--params-file'
    return files


def names_in(path: str) -> list[str]:
    """The names of nodes that a parameter file is for, with a leading slash; empty where it cannot be read."""
    try:
        with open(path, encoding='utf-8') as file:
            return [f'/{"/".join(name).lstrip("/")}' for name in _names(yaml.safe_load(file), ())]
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return []  # rcl has had its say


def _names(content: object, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in content.items() if isinstance(content, dict) else ():
        if key == PARAMETERS:
            yield above
        else:
            yield from _names(value, (*above, str(key)))


def is_for(name: str, node: str) -> bool:
    """Whether ``name`` in a file, perhaps with ``*`` (one part) and ``**`` (any), is that of a fully qualified node."""
    pattern = ''.join({'/**': r'(/\w+)*', '/*': r'/\w+'}.get(part, re.escape(part))
                      for part in re.findall('/[^/]*', name))
    return re.fullmatch(pattern, node) is not None


def foreign_files(arguments: Sequence[str], node: str) -> dict[str, tuple[list[str], bool]]:
    """The given files that name nodes, but not this one (fully qualified): those names, and whether one is like its.
    """
    found = {}
    for path in given_files(arguments):
        names = list(dict.fromkeys(names_in(path)))
        if names and not any(is_for(name, node) for name in names):
            own, others = node.rpartition('/')[2], [name.rpartition('/')[2] for name in names]
            found[path] = names, bool(difflib.get_close_matches(own, others, 1, ALIKE))
    return found
