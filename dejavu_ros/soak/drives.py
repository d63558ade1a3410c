"""The drives of a soak: towns mapped in one weather and seen again in all others, and towns that no map holds."""

import dataclasses
import zlib
from collections.abc import Iterator

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.town import Renderer, Town, Traversal, camera_mount
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.drives import sway

TOWNS = 201, 202, 203  # those for tests; the ones beside them, without a map:
UNMAPPED = {201: 204, 202: 205, 203: 206}
MAPPED_IN = 'overcast-summer'
MAP_SEED, QUERY_SEED = 1, 2
MAP_STEP, STEP = 1.0, 0.9  # metres between frames
SPEED = 6.0  # metres a second
WIDTH, HEIGHT = 192, 144
ASIDE, TURN = 1.0, np.radians(6.0)  # how far a drive leaves the lane that was mapped, and turns from it, at most
START_NS = 1_700_000_000 * 10**9


@dataclasses.dataclass(frozen=True)
class Frame:
    """``image`` (H, W, 3) uint8 RGB, the true map_T_base and the odom_T_base that drifts."""

    stamp_ns: int
    image: np.ndarray
    map_T_base: Pose
    odom_T_base: Pose


@dataclasses.dataclass(frozen=True)
class Drive:
    """``frames`` frames in ``town`` under ``condition``, to be held against the map of ``map_town``."""

    map_town: int
    town: int
    condition: str
    frames: int

    @property
    def is_mapped(self) -> bool:
        return self.map_town == self.town

    @property
    def name(self) -> str:
        return f'{self.town}-{self.condition}'


def plan(mapped_frames: int, unmapped_frames: int) -> list[Drive]:
    """Every town in every condition, on its map and off it; numbers of frames in all, rounded up."""
    pairs = [(town, condition) for town in TOWNS for condition in CONDITIONS]
    share, share_off = -(-mapped_frames // len(pairs)), -(-unmapped_frames // len(pairs))
    return ([Drive(town, town, condition, share) for town, condition in pairs]
            + [Drive(town, UNMAPPED[town], condition, share_off) for town, condition in pairs])


class Studio:
    """Takes the pictures. The town that was last asked for stays, as making one takes seconds."""

    def __init__(self):
        self._renderer: Renderer | None = None

    def __enter__(self) -> 'Studio':
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        if self._renderer:
            self._renderer.close()
            self._renderer = None

    def renderer(self, town: int) -> Renderer:
        if self._renderer is None or self._renderer.town.seed != town:
            self.close()
            self._renderer = Renderer(Town(town), WIDTH, HEIGHT)
        return self._renderer

    def mapping(self, town: int) -> Iterator[Frame]:
        """Once round the town, down its lane."""
        traversal = Traversal(self.renderer(town).town, MAPPED_IN, MAP_SEED)
        return self._frames(traversal, traversal.poses(0.0, traversal.town.road.length, MAP_STEP), MAP_STEP)

    def drive(self, drive: Drive) -> Iterator[Frame]:
        """From anywhere on, as often round as it takes; beside the lane and turned, as cars do that evade others."""
        traversal = Traversal(self.renderer(drive.town).town, drive.condition, QUERY_SEED)
        rng = np.random.default_rng((drive.town, QUERY_SEED, zlib.crc32(drive.condition.encode())))
        way = STEP * np.arange(drive.frames)
        aside, turn = sway(rng, way, ASIDE), sway(rng, way, TURN)
        start = rng.uniform(0, traversal.town.road.length)
        poses = [traversal.pose(*numbers) for numbers in zip(start + way, aside, turn)]
        return self._frames(traversal, poses, STEP)

    def _frames(self, traversal: Traversal, poses: list[Pose], step: float) -> Iterator[Frame]:
        renderer, mount = self.renderer(traversal.town.seed), camera_mount()
        for number, (pose, odometry) in enumerate(zip(poses, traversal.odometry(poses))):
            image, _ = renderer.render(traversal, pose, mount, number)
            yield Frame(START_NS + round(number * step / SPEED * 1e9), image, pose, odometry)
