"""Folders of images, and trajectories as text (TUM: ``stamp x y z qx qy qz qw``, seconds and metres; or CSV)."""

import codecs
import re
from pathlib import Path

import numpy as np

from dejavu_ros.data import pose_columns
from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.data.stamps import parse_date, parse_stamps, stamps_in_names
from dejavu_ros.errors import DataError, did_you_mean
from dejavu_ros.file_kinds import HEAD, kind_of
from dejavu_ros.images import SUFFIXES

STAMP_FILES = ('timestamps.txt', 'times.txt')  # of KITTI's raw recordings and of its odometry benchmark
UNIT_LENGTH = 0.1  # by which the length of a quaternion may differ from 1: some files have one decimal
DAY_NS = 86400 * 10**9
UPRIGHT = np.radians(45)  # a robot that is tilted by less
SIDEWAYS = np.radians(25)  # the z axis of a camera is level, give or take that
FORMAT = 'stamp x y z qx qy qz qw'


def list_images(folder: str | Path) -> list[Path]:
    """The images of a folder in the order a person would count them (9.jpg before 10.jpg); a file stands for itself.

    Raises DataError if there are none.
    """
    folder = Path(folder)
    if folder.is_file() and folder.suffix.lower() in SUFFIXES:
        return [folder]
    if folder.is_file():
        raise DataError(f'{folder} is no picture ({", ".join(SUFFIXES)}), but {_kind(folder)}; recordings are given by '
                        '--bag')
    if not folder.is_dir():
        beside = [path.name for path in folder.parent.iterdir()] if folder.parent.is_dir() else []
        what = 'picture' if folder.suffix.lower() in SUFFIXES else 'folder of images'
        raise DataError(f'no such {what}: {folder}{did_you_mean(folder.name, beside)}')
    images = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith('.')]
    if not images:
        recordings = [path.name for path in folder.iterdir() if path.suffix in ('.bag', '.mcap', '.db3')]
        deeper = [] if recordings else _folders_of_images(folder)
        raise DataError(f'folder {folder} holds no images ({", ".join(SUFFIXES)})'
                        + (f', but {recordings[0]}: recordings are given by --bag' if recordings else '')
                        + (f', but {" and ".join(deeper)} do{"es" * (len(deeper) == 1)}: give the folder of one camera'
                           if deeper else ''))
    return sorted(images, key=lambda path: [int(part) if part.isdecimal() else part
                                            for part in re.split(r'(\d+)', path.name)])


def _folders_of_images(folder: Path, depth: int = 3, most: int = 3) -> list[str]:
    """The first folders below this one that hold images, at most so deep and so many."""
    found = []
    for number in range(1, depth + 1):
        for path in sorted(folder.glob('*/' * number)):
            if len(found) < most and any(child.suffix.lower() in SUFFIXES for child in path.iterdir()):
                found.append(str(path))
    return found


def image_stamps(images: list[Path]) -> list[int] | None:
    """A stamp (ns) for each image, from the file names or a file of stamps beside them; None where neither tells.

    See :func:`dejavu_ros.data.stamps.stamps_in_names` for what counts as a time in a name. ``timestamps.txt`` and
    ``times.txt``, in the folder or the one above, have a line for each image, or for each number that the images are
    named by, from 0.
    """
    return stamps_in_names([path.stem for path in images]) or _stamps_beside(images)


def folder_stamps(images: list[Path], track: PoseTrack) -> list[int]:
    """A stamp (ns) for each image: as :func:`image_stamps`, or, where there are as many poses, that of its pose.

    Raises DataError where neither goes.
    """
    stamps, one_each = stamps_in_names([path.stem for path in images]), len(track.all_stamps_ns) == len(images)
    if stamps is None:
        stamps = _stamps_beside(images)
        if one_each and (stamps is None or max(stamps) < track.stamps_ns[0] or min(stamps) > track.stamps_ns[-1]):
            stamps = track.all_stamps_ns
    if stamps is None:
        raise DataError(f'{len(images)} images in {images[0].parent} carry no stamps in their names '
                        f'({images[0].name} to {images[-1].name}), and {track.source} has {len(track.all_stamps_ns)} '
                        'poses: name the images by their stamps, put a timestamps.txt with a line for each image '
                        'beside them, or give one pose an image')
    return stamps


def read_tum(path: str | Path) -> PoseTrack:
    """Read a trajectory in TUM format, or in CSV whose header names the columns, in any order.

    Blanks, tabs, commas or semicolons are between the columns. Lines with NaN, as some programs write them where they
    are lost, are counted and left out. Raises DataError, with the line number, for a line that is no pose or whose
    quaternion is far from unit length, and where no pose is left or the unit of the stamps cannot be told.
    """
    path = Path(path)
    columns, rows = None, []
    for number, line in enumerate(_read_text(path).splitlines(), 1):
        comment = line.lstrip()[:1] in ('#', '%') or line.lstrip().startswith('//')
        cells = pose_columns.split(line.split('#')[0])
        if columns is None and (comment or cells and not _is_number(cells[0])):
            columns = pose_columns.read_header(line)
            if columns:
                continue
        if comment or not cells:
            continue
        rows.append((number, *_read_row(cells, columns or pose_columns.TUM, f'{path} line {number}', line)))
    if columns is None and _looks_w_first(np.array([values[3:] for _, _, values in rows])):
        raise DataError(f'{path}: read as {FORMAT}, the poses lie on their side or their head, and with w first they '
                        f'stand upright: a header line has to name the columns, such as # {FORMAT} if they do lie')
    stamps = _stamps_of([texts for _, texts, _ in rows], columns.unit if columns else '', path)
    track = PoseTrack(str(path))
    for (number, _, values), stamp in zip(rows, stamps):
        track.add(stamp, values[:3], values[3:], name=f'line {number}')
    track.finish()
    return track


def _kind(path: Path) -> str:
    """What a file is, in words."""
    try:
        with open(path, 'rb') as file:
            return kind_of(file.read(HEAD))
    except OSError as error:
        return f'a file that cannot be read: {error.strerror}'


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f'no poses {path}: {error.strerror}') from None
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # as PowerShell writes text
    try:
        text = content.decode('utf-16' if is_wide else 'utf-8-sig')
    except UnicodeDecodeError:
        text = '\0'
    if '\0' in text:
        raise DataError(f'{path} is no text file of poses (TUM: {FORMAT})')
    return text


def _read_row(cells: list[str], layout: pose_columns.Columns, where: str, line: str) -> tuple[list[str], list[float]]:
    """The words of the stamp, and x y z qx qy qz qw."""
    try:
        if len(cells) not in (layout.count, layout.last + 1):  # a header may have words after the names
            raise ValueError
        words = [cells[index] for index in layout.stamp]
        values = [float(cells[index]) for index in layout.position + layout.quaternion]
        parse_stamps(words)
    except ValueError:
        kitti = ' (12 numbers a line are a matrix, as KITTI has them, without a stamp)' if len(cells) == 12 else ''
        wanted = FORMAT if layout.last == 7 else f'the {layout.count} columns that the header names'
        raise DataError(f'{where}: expected {wanted}, got {line.strip()[:60]!r}{kitti}') from None
    length = float(np.linalg.norm(values[3:]))
    if abs(length - 1) > UNIT_LENGTH:  # not so for NaN
        raise DataError(f'{where}: the quaternion {" ".join(f"{value:g}" for value in values[3:])} has length '
                        f'{length:.3g}, not 1: expected {FORMAT}, or a header line that names the columns')
    return words, values


def _stamps_of(words: list[list[str]], unit: str, path: Path) -> list[int]:
    """The stamps (ns) of a file, all in one unit. Raises DataError."""
    if words and len(words[0]) == 2:
        stamps = [seconds + round(float(nanoseconds)) for seconds, (_, nanoseconds) in zip(
            parse_stamps([pair[0] for pair in words], 's'), words)]
    else:
        stamps = parse_stamps([word for word, in words], unit)
    apart = np.diff(np.unique(np.array(stamps, np.int64)))
    if len(apart) > 1 and np.median(apart) > DAY_NS:
        raise DataError(f'{path}: read as seconds, its poses are {np.median(apart) / DAY_NS:.0f} days apart: give the '
                        'stamps in seconds, or since 1970')
    return stamps


def _stamps_beside(images: list[Path]) -> list[int] | None:
    """Stamps from a file of them beside the images; None where there is none that fits."""
    for path in (folder / name for folder in (images[0].parent, images[0].absolute().parent.parent)
                 for name in STAMP_FILES):
        try:
            lines = [line.strip() for line in path.read_text(encoding='utf-8-sig').splitlines() if line.strip()]
            stamps = [parse_date(line) for line in lines] if '-' in lines[0][1:] and ':' in lines[0] else \
                parse_stamps(lines)
        except (OSError, ValueError, IndexError):
            continue
        if len(stamps) == len(images):
            return stamps
        numbers = [int(path.stem) if path.stem.isdecimal() else len(stamps) for path in images]
        if max(numbers) < len(stamps):
            return [stamps[number] for number in numbers]
    return None


def _looks_w_first(quaternions: np.ndarray) -> bool:
    """Whether quaternions (T, 4) stand upright only if their first number is w.

    Read as x y z w, such poses are on their head, or turn about x alone by different angles, as nothing does that
    drives. All on their side, they may be those of a camera that looks north.
    """
    quaternions = quaternions[np.isfinite(quaternions).all(-1)] if len(quaternions) else np.zeros((0, 4))
    if len(quaternions) < 2 or _tilts(quaternions[:, [1, 2, 3, 0]]).max() > UPRIGHT:
        return False
    tilts = _tilts(quaternions)
    is_camera = np.abs(tilts - np.pi / 2).max() < SIDEWAYS
    return np.median(tilts) > UPRIGHT and not is_camera or \
        np.abs(quaternions[:, 1:3]).max() < 1e-3 and np.ptp(tilts) > np.radians(20)


def _tilts(quaternions: np.ndarray) -> np.ndarray:
    """Radians (T,) between the z axes before and after the rotations (T, 4), x y z w."""
    x, y, z, w = quaternions.T
    return 2 * np.arctan2(np.hypot(x, y), np.hypot(z, w))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
