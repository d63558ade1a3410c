"""Drives through a town that leave the mapped lane, written as folders of images with poses and odometry."""

import zlib
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dejavu_ros.files import new_folder
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.town.camera import camera_mount
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.traversal import Traversal

MAPPED, MAP = 'overcast-summer', 'map'   # the condition that is mapped, and the name of the mapping drive
SPEED = 6.0                              # metres a second
ASIDE, TURN = 1.5, np.radians(8.0)       # how far a drive leaves the lane and turns its nose, at most
MAP_SEED, QUERY_SEED = 1, 2
START = 1_700_000_000 * 10**9            # nanoseconds


def sway(rng: np.random.Generator, way: np.ndarray, size: float) -> np.ndarray:
    """Within ``size``, changing over 20 to 80 m, at each point of ``way`` (metres)."""
    waves = [np.sin(2 * np.pi * (way / rng.uniform(20, 80) + rng.random())) for _ in range(3)]
    return size * np.average(waves, axis=0, weights=rng.uniform(0.2, 1, 3))


def poses_of(traversal: Traversal, step: float, strays: bool) -> list[Pose]:
    """Poses of a drive once round the town, one every ``step`` metres; ``strays``: beside the lane and turned."""
    way = np.arange(0.0, traversal.town.road.length, step)
    rng = np.random.default_rng((traversal.town.seed, traversal.seed, zlib.crc32(traversal.condition.encode()), 7))
    aside, turn = (sway(rng, way, size if strays else 0.0) for size in (ASIDE, TURN))
    return [traversal.pose(*numbers) for numbers in zip(way, aside, turn)]


def tum(stamps_ns: list[int], poses: list[Pose]) -> str:
    """A trajectory as the lines of a TUM file."""
    return ''.join(f'{stamp // 10**9}.{stamp % 10**9:09d} ' + ' '.join(f'{x:.9f}' for x in (*pose.position,
                                                                                          *pose.quaternion)) + '\n'
                   for stamp, pose in zip(stamps_ns, poses))


def render_drive(folder: Path, renderer: Renderer, name: str, step: float, frames: int | None) -> None:
    """Write ``images/``, ``poses.txt`` and ``odometry.txt`` (TUM) of the drive ``name``: one of CONDITIONS, or MAP.

    A frame every ``step`` metres, ``frames`` at most. The folder appears whole or not at all. Raises RenderError.
    """
    is_map = name == MAP
    traversal = Traversal(renderer.town, MAPPED if is_map else name, MAP_SEED if is_map else QUERY_SEED)
    poses = poses_of(traversal, step, strays=not is_map)[:frames]
    stamps = [START + round(index * step / SPEED * 1e9) for index in range(len(poses))]
    with new_folder(folder) as new:
        (new / 'images').mkdir()
        (new / 'poses.txt').write_text(tum(stamps, poses))
        (new / 'odometry.txt').write_text(tum(stamps, traversal.odometry(poses)))
        for index, (stamp, pose) in enumerate(zip(tqdm(stamps, desc=str(folder), unit='frame', disable=None), poses)):
            picture, _ = renderer.render(traversal, pose, camera_mount(), index)
            (new / 'images' / f'{stamp}.jpg').write_bytes(encode_jpeg(picture))
