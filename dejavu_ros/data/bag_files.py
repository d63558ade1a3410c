"""Which files belong to the recording that a person names: metadata.yaml is advice, the files decide."""

import contextlib
import dataclasses
import difflib
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import yaml

from dejavu_ros.data.storage import Storage, open_storage
from dejavu_ros.errors import DataError

SUFFIXES = ('.bag', '.mcap', '.db3')
METADATA = 'metadata.yaml'
STORAGE_NAME = re.compile(r'(.+)\.(bag|mcap|db3)(\.(zstd?|active|gz|xz|bz2|lz4|zip))?', re.IGNORECASE)
SPLIT_NAME = re.compile(r'(.*?)[_-]?(\d+)')
START_TIME = re.compile(r'[_-]?\d{4}(-\d\d){5}$')  # which rosbag record puts into the name of each part
# topics that every recorder takes
SHARED = re.compile(r'.*/(tf|tf_static|clock|rosout|rosout_agg|diagnostics|parameter_events)')
SECOND = 10**9
PARTS_APART = 10 * SECOND  # between two parts of one recording, at most
PARTS_SHARE = 2 * SECOND  # of which both have messages of one topic, at most
LISTED_APART = 600 * SECOND  # the same, where metadata.yaml lists both


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What metadata.yaml says: names of files, and messages by topic."""

    files: list[str]
    counts: dict[str, int]


def open_files(path: Path, stack: contextlib.ExitStack) -> tuple[list[Storage], list[str]]:
    """Open the storage files of one recording, in their order, and say what is odd about them, a line each.

    Raises DataError where there is none, where a file cannot be read, and where a folder holds several recordings.
    """
    if path.name == METADATA and path.is_file():
        path = path.parent
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob('*') if _holds_bag(p))
        near = difflib.get_close_matches(path.name, near, 4) or near
        there = f'; bags in {path.parent}: {_few(near)}' if near else ''
        raise DataError(f'no such bag: {path}{there}')
    if path.is_file():
        return [open_storage(path, stack)], []
    if not path.is_dir():
        raise DataError(f'{path} is no bag: it is neither a file nor a folder')
    try:
        return _folder(path, stack)
    except OSError as error:
        raise DataError(f'bag {path} cannot be read: {(error.strerror or str(error)).lower()}') from None


def _folder(folder: Path, stack: contextlib.ExitStack) -> tuple[list[Storage], list[str]]:
    metadata, notes = read_metadata(folder)
    names, left_out = storage_names(folder)
    notes += left_out
    if not names:
        _no_files(folder, metadata)
    # one of them may have been unpacked since
    wanted, there = ({_unpacked(name) for name in some} for some in (metadata.files, names))
    listed = [name for name in names if _unpacked(name) in wanted]
    if listed:
        missing = [name for name in metadata.files if _unpacked(name) not in there]
        parts = {part_of(name)[0] for name in listed}
        further = [name for name in names if name not in listed and part_of(name)[0] in parts]
        others = [name for name in names if name not in listed + further]
        if missing:
            notes.append(f'{METADATA} lists {_few(missing)}, which is not there: read without it')
        if others:
            notes.append(f'{_few(others)} is not of this recording by {METADATA}, and is left out: name the file to '
                         'read it')
        storages = _opened(folder, listed, stack, notes)
        added = [storage for storage in _opened(folder, further, stack, notes) if _continues(storages, storage)]
        if added:
            notes.append(f'{METADATA} does not list {_few([s.path.name for s in added])}, which is read too')
        apart = [name for name in further if name not in {storage.path.name for storage in added}]
        if apart:
            notes.append(f'{_few(apart)} is not listed in {METADATA}, was recorded at another time and is left out')
        storages += added
        if len(parts) > 1 and not _follow_each_other(storages, LISTED_APART):
            _several(folder, storages)
    else:
        if metadata.files:
            notes.append(f'{METADATA} lists {_few(metadata.files)}, which is not there: read by the files that are')
        storages = _opened(folder, names, stack, notes)
        if not (_named_as_parts(storages) and _follow_each_other(storages, PARTS_APART) or _together(storages)):
            _several(folder, storages)
    counted = count(storages)
    wrong = [f'{number} on {topic} ({counted.get(topic, 0)} are there)' for topic, number in metadata.counts.items()
             if number != counted.get(topic, 0)]
    if wrong and not notes:
        notes.append(f'{METADATA} counts {", ".join(wrong[:3])}{" and more" if len(wrong) > 3 else ""}: '
                     'the files are read as they are')
    return sorted(storages, key=lambda storage: (storage.start is None, storage.start)), notes


def count(storages: Collection[Storage]) -> dict[str, int]:
    """Messages by topic."""
    counts: dict[str, int] = {}
    for storage in storages:
        for connection in storage.connections:
            counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
    return counts


def storage_names(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the storage files in a folder in the order of their parts, and notes about copies that are left out."""
    names = {path.name for path in folder.iterdir()
             if path.is_file() and STORAGE_NAME.fullmatch(path.name) and not path.name.startswith('.')}
    copies = {name for name in names if name.rpartition('.')[0] in names  # unpacked beside the packed one
              or '.orig.' in name and name.replace('.orig.', '.') in names}  # what rosbag reindex keeps
    notes = [f'{_few(sorted(copies))} is a copy of what is read, and is left out'] if copies else []
    return sorted(names - copies, key=part_of), notes


def read_metadata(folder: Path) -> tuple[Metadata, list[str]]:
    """What metadata.yaml lists, nothing where there is none, and a note where it cannot be read."""
    path = folder / METADATA
    if not path.is_file():
        return Metadata([], {}), []
    try:
        information = yaml.safe_load(path.read_text())['rosbag2_bagfile_information']
        files = [str(name).replace('\\', '/').rpartition('/')[2] for name in information['relative_file_paths']]
        counts = {topic['topic_metadata']['name']: int(topic['message_count'])
                  for topic in information['topics_with_message_count']}
        return Metadata(files, counts), []
    except Exception as error:  # whatever a text can be
        words = ' '.join(str(error).split())[:80] or type(error).__name__
        return Metadata([], {}), [f'{path} cannot be read ({words}): read by the files beside it']


def part_of(name: str) -> tuple[str, int]:
    """The recording and the number of the part that a file is by its name; -1 where it is no part."""
    stem, kind = STORAGE_NAME.fullmatch(name).group(1, 2)
    numbered = SPLIT_NAME.fullmatch(stem)
    if not numbered or START_TIME.search(stem):
        return f'{stem}.{kind}', -1
    return f'{START_TIME.sub("", numbered.group(1))}.{kind}', int(numbered.group(2))


def _opened(folder: Path, names: Sequence[str], stack: contextlib.ExitStack, notes: list[str]) -> list[Storage]:
    """Empty files, which a killed recorder leaves, are noted if there are others."""
    filled = [name for name in names if (folder / name).stat().st_size]
    if filled and len(filled) < len(names):
        notes.append(f'{_few([name for name in names if name not in filled])} is empty (0 bytes) and is left out')
    return [open_storage(folder / name, stack) for name in filled or names]


def _unpacked(name: str) -> str:
    return re.sub(r'\.zstd?$', '', name)


def _named_as_parts(storages: Sequence[Storage]) -> bool:
    parts = [part_of(storage.path.name) for storage in storages]
    return len(parts) == 1 or len({name for name, _ in parts}) == 1 and len(set(parts)) == len(parts) \
        and all(number >= 0 for _, number in parts)


def _follow_each_other(storages: Sequence[Storage], apart: int) -> bool:
    """Whether each begins soon after the one before has ended, without recording the same again."""
    timed = sorted((storage for storage in storages if storage.start is not None), key=lambda storage: storage.start)
    for before, after in zip(timed, timed[1:]):
        if after.start - before.end > apart:
            return False
        shared = min(before.end, after.end) - after.start
        if shared > PARTS_SHARE and _topics(before) & _topics(after):
            return False
    return True


def _together(storages: Sequence[Storage]) -> bool:
    """Whether several recorders took different topics at one time."""
    timed = [storage for storage in storages if storage.start is not None]
    return all(max(one.start, other.start) <= min(one.end, other.end) and not _topics(one) & _topics(other)
               for index, one in enumerate(timed) for other in timed[:index])


def _continues(storages: Sequence[Storage], further: Storage) -> bool:
    return further.start is None or _follow_each_other([*storages, further], LISTED_APART)


def _topics(storage: Storage) -> set[str]:
    return {connection.topic for connection in storage.connections
            if connection.msgcount and not SHARED.fullmatch(connection.topic)}


def _several(folder: Path, storages: Sequence[Storage]) -> None:
    files = [f'{storage.path.name} ({_when(storage)})' for storage in storages]
    raise DataError(f'folder {folder} holds {len(files)} recordings, not one: {", ".join(files[:8])}'
                    f'{" and more" if len(files) > 8 else ""}: name one file, and map each as a session of its own '
                    '(build-map --append)')


def _when(storage: Storage) -> str:
    if storage.start is None:
        return 'without messages'
    import datetime

    try:
        begin = datetime.datetime.fromtimestamp(storage.start // SECOND, datetime.timezone.utc)
    except (OverflowError, OSError, ValueError):
        return f'{(storage.end - storage.start) / SECOND:.0f} s'
    return f'{begin:%Y-%m-%d %H:%M:%S} UTC, {(storage.end - storage.start) / SECOND:.0f} s'


def _no_files(folder: Path, metadata: Metadata) -> None:
    if metadata.files:
        raise DataError(f'{folder} is no bag: {METADATA} lists {_few(metadata.files)}, but no such file is there')
    below = sorted(path.name for path in folder.iterdir() if path.is_dir() and _holds_bag(path))
    if below:
        raise DataError(f'{folder} is no bag, but holds {len(below)}: {_few(below)}: name one of them'
                        f'{", and map each as a session of its own" if len(below) > 1 else ""}')
    raise DataError(f'{folder} is no bag: it holds neither {METADATA} nor files ending in {", ".join(SUFFIXES)}')


def _holds_bag(path: Path) -> bool:
    try:
        return bool(STORAGE_NAME.fullmatch(path.name)) or path.is_dir() and (
            (path / METADATA).exists() or any(STORAGE_NAME.fullmatch(inner.name) for inner in path.iterdir()))
    except OSError:
        return False


def _few(names: Sequence[str]) -> str:
    return ', '.join(names[:4]) + (f' and {len(names) - 4} more' if len(names) > 4 else '')
