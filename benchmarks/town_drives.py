"""Drives of the town on which pose, covariance and filter are measured, rendered once and kept.

    python benchmarks/town_drives.py -o drives --towns 101 102

Each town is mapped in overcast-summer, a frame a metre; a drive of each condition, the mapped one too, comes back every
3 m. It leaves its lane by up to 1.5 m and turns its nose by up to 8 degrees, slowly, as a car does that evades and
overtakes; its odometry drifts. ``drives/town101/snow`` holds images, ``poses.txt`` and ``odometry.txt`` (TUM). What is
there already is not rendered again.
"""

import argparse
import sys
import zlib
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dejavu_ros.errors import exit_status
from dejavu_ros.files import new_folder
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.town import Renderer, Town, Traversal, camera_mount
from dejavu_ros.town.conditions import CONDITIONS

MAPPED, MAP = 'overcast-summer', 'map'
MAP_STEP, STEP, SPEED = 1.0, 3.0, 6.0       # metres, metres, metres a second
ASIDE, TURN = 1.5, np.radians(8.0)          # at most
MAP_SEED, QUERY_SEED = 1, 2
START = 1_700_000_000 * 10**9            # nanoseconds
SIZE = 192, 144


def stray(rng: np.random.Generator, way: np.ndarray, size: float) -> np.ndarray:
    """Something that changes over 20 to 80 m and stays within ``size``, at each point of the ``way`` (metres)."""
    waves = [np.sin(2 * np.pi * (way / rng.uniform(20, 80) + rng.random())) for _ in range(3)]
    return size * np.average(waves, axis=0, weights=rng.uniform(0.2, 1, 3))


def poses_of(traversal: Traversal, step: float, strays: bool) -> list[Pose]:
    way = np.arange(0.0, traversal.town.road.length, step)
    rng = np.random.default_rng((traversal.town.seed, traversal.seed, zlib.crc32(traversal.condition.encode()), 7))
    aside, turn = (stray(rng, way, size if strays else 0.0) for size in (ASIDE, TURN))
    return [traversal.pose(*numbers) for numbers in zip(way, aside, turn)]


def tum(stamps_ns: list[int], poses: list[Pose]) -> str:
    return ''.join(f'{stamp // 10**9}.{stamp % 10**9:09d} ' + ' '.join(f'{x:.9f}' for x in (*pose.position,
                                                                                          *pose.quaternion)) + '\n'
                   for stamp, pose in zip(stamps_ns, poses))


def render(folder: Path, renderer: Renderer, name: str) -> None:
    """The drive ``name``: one of CONDITIONS, or the one that is mapped."""
    is_map = name == MAP
    traversal = Traversal(renderer.town, MAPPED if is_map else name, MAP_SEED if is_map else QUERY_SEED)
    step = MAP_STEP if is_map else STEP
    poses = poses_of(traversal, step, strays=not is_map)
    stamps = [START + round(index * step / SPEED * 1e9) for index in range(len(poses))]
    with new_folder(folder) as new:
        (new / 'images').mkdir()
        (new / 'poses.txt').write_text(tum(stamps, poses))
        (new / 'odometry.txt').write_text(tum(stamps, traversal.odometry(poses)))
        for index, (stamp, pose) in enumerate(zip(tqdm(stamps, desc=str(folder), unit='frame', disable=None), poses)):
            picture, _ = renderer.render(traversal, pose, camera_mount(), index)
            (new / 'images' / f'{stamp}.jpg').write_bytes(encode_jpeg(picture))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-o', '--output', required=True, type=Path)
    parser.add_argument('--towns', nargs='+', type=int, default=[101, 102])
    parser.add_argument('--conditions', nargs='+', default=list(CONDITIONS), choices=CONDITIONS)
    arguments = parser.parse_args()

    def work() -> int:
        for seed in arguments.towns:
            names = [name for name in (MAP, *arguments.conditions)
                     if not (arguments.output / f'town{seed}' / name).exists()]
            if names:
                with Renderer(Town(seed), *SIZE) as renderer:
                    for name in names:
                        render(arguments.output / f'town{seed}' / name, renderer, name)
        return 0

    return exit_status('town_drives', work)


if __name__ == '__main__':
    sys.exit(main())
