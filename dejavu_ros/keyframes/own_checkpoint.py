"""The checkpoint that made a map, found by its identity where nobody names its file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dejavu_ros.errors import CheckpointError, MapError
from dejavu_ros.keyframes.schema import connect, map_folder, reading
from dejavu_ros.nn.checkpoint import Checkpoint, default_checkpoint_path, installed_checkpoints, load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor


def identity_in(path: str | Path) -> str:
    """Identity of the checkpoint that made a map. Raises MapError where there is no map, or none that can be read."""
    folder = map_folder(path)
    with contextlib.closing(connect(folder)) as connection, reading(folder):
        row = connection.execute('SELECT checkpoint_id FROM map').fetchone()
        if row is None:
            raise ValueError('it names no checkpoint')
        return row[0]


def candidates(path: str | Path) -> Iterator[Path]:
    """Files that may be a map's checkpoint: the default, the installed ones, those in the folder that the map is in."""
    yield default_checkpoint_path()
    yield from installed_checkpoints()
    yield from sorted(map_folder(path).parent.glob('*.pt'))


def find_checkpoint(path: str | Path) -> tuple[Path, Checkpoint]:
    """File and checkpoint that made a map. Raises MapError where it is not among the candidates, or there is no map."""
    identity, tried = identity_in(path), set()
    for file in candidates(path):
        file = file.resolve()
        if file in tried:
            continue
        tried.add(file)
        with contextlib.suppress(CheckpointError):  # a file of something else
            checkpoint = load_checkpoint(file)
            if checkpoint.identity == identity:
                return file, checkpoint
    folder = map_folder(path)
    raise MapError(f'{folder} was made with checkpoint {identity}, which is not among the {len(tried)} files in '
                   f'{default_checkpoint_path().parent} and {folder.parent}: give its file (--checkpoint, in ROS the '
                   'parameter checkpoint), copy it beside the map, or build the map again')


def checkpoint_for(path: str | Path, given: str | Path = '') -> Checkpoint:
    """The checkpoint to use with a map: the one in the file ``given``, else the map's own, without a map the default.

    An empty ``path`` is no map. That a given one made the map is checked where the map is opened. Raises
    CheckpointError for a given file that is none, MapError where the map or its own checkpoint cannot be found.
    """
    if str(given) or not str(path):
        return load_checkpoint(given)
    return find_checkpoint(path)[1]


def extractor_for(path: str | Path, given: str | Path = '', device: str = 'cpu', precision: str = 'float32',
                  present: FeatureExtractor | None = None) -> FeatureExtractor:
    """The network to use with a map, see :func:`checkpoint_for`; ``present`` is kept where it is that one.

    Raises CheckpointError, MapError, and ConfigError for a device that cannot be used.
    """
    if present is not None and (str(given) or not str(path) or present.checkpoint.identity == identity_in(path)):
        return present
    return FeatureExtractor(checkpoint_for(path, given), device, precision=precision)
