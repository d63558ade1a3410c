"""RobotCar Seasons (Sattler et al., CVPR 2018) in the folders it is published in.

    images/CONDITION/rear/STAMP.jpg      microseconds; left and right cameras are not read
    3D-models/all-merged/all.nvm         poses of overcast-reference, from the reference reconstruction
    robotcar_v2_train.txt                poses of the training images of version 2 in the other nine conditions

The poses of the test images are held back by their authors, so those images carry no place here and are left out.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.data.stamps import parse_stamp
from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.data.places import NOWHERE, cluster
from dejavu_ros.errors import DataError

CAMERA = 'rear'
REFERENCE = Path('3D-models', 'all-merged', 'all.nvm')
TRAINING = Path('robotcar_v2_train.txt')
RADIUS, ANGLE, GAP = 5.0, math.radians(30), 2.0  # metres, radians, metres: see dejavu_ros.data.places

Posed = tuple[str, np.ndarray, np.ndarray]  # CONDITION/CAMERA/STAMP, world_R_camera (3, 3), position (3,) metres


def read(folder: Path, images: Sequence[Path]) -> tuple[list[ManifestRow], list[str]] | None:
    """Rows and notes; None where there is no images/CONDITION/rear. Raises DataError without poses, or for bad ones."""
    own = {_key(image.relative_to(folder / 'images').as_posix()): image for image in images
           if image.parent.name == CAMERA and image.parent.parent.parent == folder / 'images'}
    if not own:
        return None
    posed = {name: (rotation, position) for source in (read_nvm(folder / REFERENCE), read_matrices(folder / TRAINING))
             for name, rotation, position in source if name in own}
    if not posed:
        raise DataError(f'RobotCar Seasons in {folder}: no pose for any of {len(own)} {CAMERA} images; sought '
                        f'{REFERENCE} and {TRAINING}')
    names = sorted(posed)
    points, yaws = planar(*(np.array(parts) for parts in zip(*(posed[name] for name in names))))
    labels, _ = cluster(points, yaws, RADIUS, ANGLE, GAP)
    rows = []
    for name, (x, y), yaw, label in zip(names, points.tolist(), yaws.tolist(), labels.tolist()):
        condition, _, stamp = name.split('/')
        if label != NOWHERE:
            rows.append(ManifestRow(own[name], f'{label:04d}', condition, condition, _stamp(stamp, name), x, y, yaw))
    without = Counter(name.split('/')[0] for name in own if name not in posed)
    notes = [f'{count} images of {condition} have no published pose and are left out'
             for condition, count in sorted(without.items())]
    if len(rows) < len(names):
        notes.append(f'{len(names) - len(rows)} of {len(names)} images lie between places of {RADIUS:g} m and are left '
                     'out')
    return rows, notes


def read_nvm(path: Path) -> Iterator[Posed]:
    """Cameras of an NVM_V3 file: name, focal length, camera_R_world as quaternion wxyz, centre, two more numbers."""
    if not path.is_file():
        return
    with open(path, encoding='utf-8') as file:
        lines = (words for words in map(str.split, file) if words)
        head, count = next(lines, ['']), next(lines, [''])
        if head[0] != 'NVM_V3' or not count[0].isdecimal():
            raise DataError(f'{path} is no NVM_V3 file with a number of cameras')
        for number in range(int(count[0])):
            name, *values = next(lines, [''])
            w, x, y, z, *centre = _numbers(values[1:8], 7, f'{path} camera {number + 1}')
            yield _key(name), Rotation.from_quat([x, y, z, w]).inv().as_matrix(), np.array(centre)


def read_matrices(path: Path) -> Iterator[Posed]:
    """Lines of an image name and world_T_camera, 16 numbers row by row."""
    if not path.is_file():
        return
    with open(path, encoding='utf-8') as file:
        for number, words in enumerate(map(str.split, file), 1):
            if words:
                matrix = np.array(_numbers(words[1:], 16, f'{path} line {number}')).reshape(4, 4)
                yield _key(words[0]), matrix[:3, :3], matrix[:3, 3]


def planar(world_R_camera: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ground positions (V, 2) in metres and headings (V,) in radians of cameras (V, 3, 3), (V, 3).

    The vertical is the world's axis that the cameras' y axes, which point down, lie along.
    """
    down = world_R_camera[:, :, 1].mean(0)
    vertical = int(np.abs(down).argmax())
    axes = [(vertical + 1) % 3, (vertical + 2) % 3]
    if down[vertical] > 0:  # the world's axis points down: swapped, so that the plane is seen from above
        axes.reverse()
    ahead = world_R_camera[:, axes, 2]
    return positions[:, axes], np.arctan2(ahead[:, 1], ahead[:, 0])


def _stamp(text: str, name: str) -> int:
    try:
        return parse_stamp(text)
    except ValueError as error:
        raise DataError(f'RobotCar Seasons: image {name} is not named by its time: {error}') from None


def _key(name: str) -> str:
    """CONDITION/CAMERA/STAMP: the poses name PNG files, the images are JPEG."""
    return '/'.join(PurePosixPath(name).with_suffix('').parts[-3:])


def _numbers(words: Sequence[str], count: int, where: str) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise DataError(f'{where}: expected {count} numbers for a pose, got {" ".join(words)[:60]!r}')
    return numbers
