"""Traversals written to disk, whole or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dejavu_ros.errors import DataError


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary sibling that takes the name ``path`` at the end, or vanishes if anything goes wrong.

    Raises DataError where ``path`` exists already or cannot be written.
    """
    path = Path(path)
    if path.exists():
        raise DataError(f'{path} exists already: name another output or remove it')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f'.{path.name}.', dir=path.parent))
    except OSError as error:
        raise DataError(f'cannot write {path}: {error.strerror}') from None
    try:
        yield partial
        partial.chmod(0o755)  # mkdtemp made it private
        partial.rename(path)
    except OSError as error:
        raise DataError(f'cannot write {path}: {error.strerror or error}') from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
