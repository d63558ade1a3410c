"""Folders of images, and trajectories in TUM format (``stamp x y z qx qy qz qw``, seconds and metres)."""

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.errors import DataError
from dejavu_ros.images import SUFFIXES

# a number with a decimal point, or one too long to be a count
STAMP = re.compile(r'\d+\.\d+|\d{10,}')


def list_images(folder: str | Path) -> list[Path]:
    """The images of a folder in the order a person would count them (9.jpg before 10.jpg); a file stands for itself.

    Raises DataError if there are none.
    """
    folder = Path(folder)
    if folder.is_file() and folder.suffix.lower() in SUFFIXES:
        return [folder]
    if not folder.is_dir():
        raise DataError(f'no such folder of images: {folder}')
    images = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith('.')]
    if not images:
        raise DataError(f'folder {folder} holds no images ({", ".join(SUFFIXES)})')
    return sorted(images, key=lambda path: [int(part) if part.isdecimal() else part
                                            for part in re.split(r'(\d+)', path.name)])


def parse_stamp(text: str) -> int:
    """Nanoseconds from seconds (``1403636579.76``) or from a whole number, whose length tells its unit.

    Up to 12 digits are seconds, 13 to 15 milliseconds, 16 to 17 microseconds, more nanoseconds. Raises ValueError.
    """
    try:
        number = Decimal(text)
        digits = len(text) if text.isdecimal() else 0
        scale = 9 if digits < 13 else 6 if digits < 16 else 3 if digits < 18 else 0
        return int(number.scaleb(scale).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f'{text!r} is no time stamp') from None


def image_stamps(images: list[Path]) -> list[int] | None:
    """Stamps (ns) from the file names, such as ``1403636579763555584.png``; None unless every name has one."""
    found = [STAMP.findall(path.stem) for path in images]
    return [parse_stamp(numbers[-1]) for numbers in found] if all(found) else None


def read_tum(path: str | Path) -> PoseTrack:
    """Read a trajectory; lines with NaN or a zero quaternion are counted and left out.

    Raises DataError, with the line number, for a line that is not eight numbers, and where no pose is left.
    """
    path = Path(path)
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise DataError(f'no poses {path}: {error.strerror}') from None
    except UnicodeDecodeError:
        raise DataError(f'{path} is no text file of poses (TUM: stamp x y z qx qy qz qw)') from None
    track = PoseTrack(str(path))
    for number, line in enumerate(lines, 1):
        words = line.split('#')[0].replace(',', ' ').split()
        if not words:
            continue
        try:
            stamp, values = parse_stamp(words[0]), [float(word) for word in words[1:]]
        except ValueError:
            values = []
        if len(values) != 7:
            raise DataError(f'{path} line {number}: expected stamp x y z qx qy qz qw, got {line.strip()[:60]!r}')
        track.add(stamp, values[:3], values[3:])
    track.finish()
    return track


def folder_stamps(images: list[Path], track: PoseTrack) -> list[int]:
    """A stamp (ns) for each image: from its name, or, where there are as many poses, that of the pose in its place.

    Raises DataError where neither goes.
    """
    stamps = image_stamps(images)
    if stamps is not None:
        return stamps
    if len(track.all_stamps_ns) != len(images):
        raise DataError(f'{len(images)} images in {images[0].parent} carry no stamps in their names, and '
                        f'{track.source} has {len(track.all_stamps_ns)} poses: name the images by their stamps, or '
                        'give one pose an image')
    return track.all_stamps_ns
