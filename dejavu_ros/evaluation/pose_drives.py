"""Drives with exact poses to judge poses on: rendered, or recorded in a folder."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from dejavu_ros.data.folders import list_images
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import IDENTITY, Pose
from dejavu_ros.images import load_image
from dejavu_ros.optics.lens import Lens
from dejavu_ros.sixdof.stereo import depth_from_stereo

APART, STRAY = 12.0, (1.0, 0.5, np.radians(4.0))  # of queries: metres; metres along and aside, radians
KEYFRAMES_APART = 2.0  # metres
RIGHT = 1000  # frames that the grain of the right camera's pictures is ahead


@dataclasses.dataclass(frozen=True)
class PosedFrame:
    """``image`` (H, W, 3) uint8 RGB, ``depth`` (h, w) in metres or None, and where it was taken."""

    image: np.ndarray
    map_T_base: Pose
    depth: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class PosedDrive:
    """Frames of one camera, gone through once, in one ``condition`` of the place ``world``."""

    world: str
    condition: str
    lens: Lens
    base_T_camera: Pose
    frames: Iterable[PosedFrame]


def town_drives(seed: int, map_condition: str, conditions: Sequence[str], width: int, height: int,
                baseline: float = 0.0) -> Iterator[PosedDrive]:
    """A town's mapping drive with depth, then one drive in each of ``conditions`` that strays from it.

    Each must be gone through before the next is asked for. Queries are other drives (weather, cars, people, steering),
    12 m apart, up to 0.5 m aside of and 4 degrees turned against theirs. With a ``baseline`` in metres the depth is
    what a stereo pair makes of its pictures instead of the exact one. Raises RenderError, ConfigError.
    """
    from dejavu_ros.town import CONDITIONS, Renderer, Town, Traversal, camera_mount
    from dejavu_ros.town.export import beside

    town, mount = Town(seed), camera_mount()
    with Renderer(town, width, height) as renderer:
        lens = pinhole(renderer.intrinsics, width, height)

        def frames(condition: str, drive: int, step: float, stray: Sequence[float]) -> Iterator[PosedFrame]:
            traversal = Traversal(town, condition, drive)
            rng = np.random.default_rng((seed, drive, CONDITIONS.index(condition)))
            for index, station in enumerate(np.arange(0, town.road.length, step)):
                along, aside, turn = rng.uniform(-1, 1, 3) * stray
                pose = traversal.pose(station + along, aside, turn)
                image, depth = renderer.render(traversal, pose, mount, index)
                if baseline:
                    right, _ = renderer.render(traversal, pose, beside(mount, baseline), index + RIGHT)
                    depth = depth_from_stereo(image, right, lens.K[0], baseline)
                yield PosedFrame(image, pose, depth)

        world = f'town{seed:03d}'
        yield PosedDrive(world, map_condition, lens, mount, frames(map_condition, 1, KEYFRAMES_APART, (0, 0, 0)))
        for condition in conditions:
            yield PosedDrive(world, condition, lens, mount, frames(condition, 2, APART, STRAY))


def without_depth(drive: PosedDrive) -> PosedDrive:
    """As if the depth had not been recorded."""
    return dataclasses.replace(drive, frames=(dataclasses.replace(frame, depth=None) for frame in drive.frames))


def kitti_drives(folder: str | Path) -> tuple[PosedDrive, PosedDrive]:
    """Even frames to map and odd ones to ask for, of ``image_l/``, ``poses.txt`` and ``calib.txt`` of KITTI odometry.

    The base is the camera. There is no depth. Raises DataError, ImageError.
    """
    folder = Path(folder)
    images = list_images(folder / 'image_l')
    poses, calibration = (_numbers(folder / name) for name in ('poses.txt', 'calib.txt'))
    if len(poses) != len(images):
        raise DataError(f'{folder} has {len(images)} images and {len(poses)} poses: there must be one each')
    height, width, _ = load_image(images[0]).shape
    lens = pinhole(calibration[0, :, :3], width, height)
    if not 0.25 < (lens.K[2] + 0.5) / width < 0.75:
        raise DataError(f'{folder}/calib.txt is not that of pictures of {width}x{height}: the centre of view is at '
                        f'{lens.K[2]:.0f}, {lens.K[5]:.0f}. Scale it to them')

    def half(first: int) -> PosedDrive:
        frames = (PosedFrame(load_image(images[index]), Pose.from_matrix(poses[index]))
                  for index in range(first, len(images), 2))
        return PosedDrive(folder.resolve().name, 'odd frames' if first else 'even frames', lens, IDENTITY, frames)

    return half(0), half(1)


def pinhole(matrix: np.ndarray, width: int, height: int) -> Lens:
    """A camera without distortion, with intrinsics (3, 3)."""
    return Lens(width, height, tuple(map(float, np.ravel(matrix))), (), '')


def _numbers(path: Path) -> np.ndarray:
    """Lines of twelve numbers, perhaps after a name and a colon, as (N, 3, 4). Raises DataError."""
    try:
        lines = [line.rpartition(':')[2].split() for line in path.read_text().splitlines() if line.strip()]
        return np.array(lines, float).reshape(-1, 3, 4)
    except (OSError, ValueError) as error:
        raise DataError(f'{path} must hold lines of twelve numbers, rows of 3x4 matrices: {error}') from None
