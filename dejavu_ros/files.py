"""New files and folders that appear whole or not at all.

Everything is written under a hidden name beside its place (``.NAME.1a2b3c4d.part``), flushed to the disk and renamed.
An error or Ctrl-C removes the hidden one; a killed process leaves it behind, and :func:`leftovers` finds it.
"""

import contextlib
import errno
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from dejavu_ros.errors import DataError, DejavuError

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def leftovers(path: str | Path) -> list[Path]:
    """Hidden unfinished files and folders of ``path``, oldest name first; they may belong to a running writer."""
    path = Path(path)
    return sorted(path.parent.glob(f'.{glob.escape(path.name)}.????????.part'))


def sync(path: str | Path) -> None:
    """Flush a file, or the names in a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def new_path(path: str | Path, error: type[DejavuError] | None = DataError) -> Iterator[Path]:
    """Yield a hidden path to write one file at; it replaces ``path`` when the block ends well.

    Folders on the way are made. Raises ``error`` (the bare OSError if None) where the place cannot be written or the
    disk is full; other errors of the block go through, and ``path`` is then as it was.
    """
    path = Path(path)
    part = _hidden(path)
    try:
        with _reported(path, error):
            path.parent.mkdir(parents=True, exist_ok=True)
        with _reported(path, error, DISK_ERRORS):
            yield part
        with _reported(path, error):
            sync(part)
            os.replace(part, path)
            sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


@contextlib.contextmanager
def new_file(path: str | Path, mode: str = 'wb', error: type[DejavuError] | None = DataError) -> Iterator[IO]:
    """Yield a file open for writing (``wb`` or ``w``, UTF-8) that becomes ``path`` when the block ends well.

    ``/dev/stdout`` and pipes are written straight. Raises as :func:`new_path` does.
    """
    path = Path(path)
    encoding = None if 'b' in mode else 'utf-8'
    straight = path.exists() and not path.is_file() and not path.is_dir()
    with contextlib.nullcontext(path) if straight else new_path(path, error) as part:
        with _reported(path, error):
            file = open(part, mode, encoding=encoding)
        with _reported(path, error, DISK_ERRORS), file:
            yield file


@contextlib.contextmanager
def new_folder(path: str | Path, error: type[DejavuError] | None = DataError) -> Iterator[Path]:
    """Yield a hidden empty folder that becomes ``path`` when the block ends well.

    An empty folder at ``path`` is taken over; anything else there is left alone and raises ``error``, as does a place
    that cannot be written or a full disk.
    """
    path = Path(path)
    part = _hidden(path)
    if path.exists() and not (path.is_dir() and next(path.iterdir(), None) is None):
        raise (error or FileExistsError)(f'{path} exists already: choose another name, or move it away')
    try:
        with _reported(path, error):
            part.mkdir(parents=True)
        with _reported(path, error, DISK_ERRORS):
            yield part
        with _reported(path, error):
            sync(part)
            os.rename(part, path)
            sync(path.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def around(document: str | Path, begin: str, end: str) -> tuple[str, str]:
    """A text up to its line ``begin`` and from ``end`` on, both with these. Raises DataError where it has none."""
    try:
        content = Path(document).read_text()
    except OSError as error:
        raise DataError(f'no document {document}: {error.strerror}') from None
    before, found, rest = content.partition(f'{begin}\n')
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise DataError(f'{document} has no lines {begin} and {end}, between which the figures would go')
    return before + found, end + after


def put_between(document: str | Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two lines of a text. Raises DataError as :func:`around` does."""
    before, after = around(document, begin, end)
    with new_file(document, 'w') as file:
        file.write(f'{before}{text}{after}')


def _hidden(path: Path) -> Path:
    return path.with_name(f'.{path.name}.{secrets.token_hex(4)}.part')


@contextlib.contextmanager
def _reported(path: Path, error: type[DejavuError] | None, only: tuple[int, ...] = ()) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if error is None or only and problem.errno not in only:
            raise
        raise error(f'cannot write {path}: {problem.strerror or problem}') from None
