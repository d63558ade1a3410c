"""Places of towns that are rendered for each batch anew: every drive has its own weather, traffic and way."""

import dataclasses
import itertools
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dejavu_ros.errors import ConfigError, DataError, RenderError
from dejavu_ros.geometry import Pose
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.dataset import TRAINING_SEEDS, draw_mount, draw_stray, is_hidden
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal
from dejavu_ros.training.config import SourceConfig
from dejavu_ros.training.correspondence import Sighting, by_depth, mirrored
from dejavu_ros.training.crops import WHOLE, cut, jittered
from dejavu_ros.training.photometric import disturb
from dejavu_ros.training.slots import check_slots, draw_slots, rivals
from dejavu_ros.training.views import Drawn, Views

PLACES = 60  # along a town's loop
STEPS_IN_TOWN = 64  # building a town takes seconds, so every worker stays in one for so many steps
FINENESS = 1.5  # pictures are rendered this much larger than needed, then cut
AHEAD = (0.5, 1.5)  # metres from a frame to the next


@dataclasses.dataclass(frozen=True)
class Shot:
    """A picture to be taken: ``drive`` is its number, ``moment`` moves rain, snow and noise on."""

    drive: int
    map_T_base: Pose
    base_T_camera: Pose
    moment: int


class Taken(NamedTuple):
    """A ``picture`` (H, W, 3) uint8 RGB and its ``depth`` (H, W) in metres."""

    picture: np.ndarray
    depth: np.ndarray
    map_T_camera: Pose


class RenderedSource:
    """Towns of the training seeds, each batch in two conditions of one of them.

    A process renders from its first batch on. Workers forked after that would inherit what they cannot use.
    """

    _renderer: Renderer | None = None  # of this process, for all sources: there can be but one
    _process = 0

    def __init__(self, config: SourceConfig):
        """Raises ConfigError for seeds that are none or not for training, and for fewer than two conditions; DataError
        where ``min_gap`` and ``span`` may leave a batch with one place.
        """
        self.config, self.name, self.notes = config, f'town {config.town}', []
        self.seeds = parse_seeds(config.town)
        self.n_places, self.images = len(self.seeds) * PLACES, set()
        without = config.without.split()
        unknown = sorted(set(without) - set(CONDITIONS))
        self.conditions = [condition for condition in CONDITIONS if condition not in without]
        if unknown or len(self.conditions) < 2:
            raise ConfigError(f'town {config.town} without {config.without}: a batch needs two conditions; there are '
                              f'{", ".join(CONDITIONS)}')
        check_slots(PLACES, config)

    def draw(self, rng: np.random.Generator, step: int, count: int, views: Views) -> Drawn:
        """As :meth:`dejavu_ros.training.recorded.RecordedSource.draw`; places that traffic hides give way to others.

        Raises RenderError where nothing can be rendered.
        """
        renderer = self._enter(self.seeds[step // STEPS_IN_TOWN % len(self.seeds)], views.size)
        drives = [Traversal(renderer.town, str(condition), int(rng.integers(2**31)))
                  for condition in rng.choice(self.conditions, 2, replace=False)]
        mounts = [draw_mount(rng) for _ in range(PLACES)]
        places = iter(draw_slots(rng, PLACES, self.config).tolist())
        shift, mirror = rng.random(), rng.random() < 0.5
        samples: list[list[Taken]] = []
        while tried := list(itertools.islice(places, count - len(samples))):
            plans = [self._plan(rng, drives, mounts, place, shift, views.frames) for place in tried]
            samples += take(renderer, drives, plans)
        if len(samples) < min(2, count):
            raise DataError(f'source {self.name}: a batch found {len(samples)} places of town {renderer.town.seed} '
                            'that traffic does not hide')
        windows = [[WHOLE if views.still else jittered(rng, WHOLE) for _ in sample] for sample in samples]
        images = np.stack([[self._view(rng, taken.picture, window, views.size) for taken, window in zip(*pair)]
                           for pair in zip(samples, windows)])
        matches = [] if views.grid is None else [
            by_depth(*(Sighting(sample[i].depth, sample[i].map_T_camera, window[i]) for i in (0, views.positive)),
                     renderer.intrinsics, views.grid) for sample, window in zip(samples, windows)]
        if mirror:
            images, matches = images[:, :, :, ::-1], [mirrored(match) for match in matches]
        return Drawn(np.ascontiguousarray(images), np.array(matches, np.float32), [])

    def _plan(self, rng: np.random.Generator, drives: Sequence[Traversal], mounts: Sequence[Pose], place: int,
              shift: float, frames: int) -> list[Shot]:
        """The pictures of a sample: A0 P0, A0 A1 P0 P1, or A0 A1 P0 P1 N0 N1."""
        sights = [(0, place), (1, place)]
        if frames == 6:
            sights.append((int(rng.integers(2)), int(rng.choice(rivals(place, PLACES, self.config)))))
        spacing = drives[0].town.road.length / PLACES
        shots = []
        for drive, slot in sights:
            along, aside, turn = self.config.stray * draw_stray(rng)
            for ahead in (0.0,) if frames == 2 else (0.0, rng.uniform(*AHEAD)):
                pose = drives[drive].pose((slot + shift) * spacing + along + ahead, aside, turn)
                shots.append(Shot(drive, pose, mounts[slot], int(rng.integers(4096))))
        return shots

    def _view(self, rng: np.random.Generator, picture: np.ndarray, window: np.ndarray,
              size: tuple[int, int]) -> np.ndarray:
        view = cut(picture, window, size)
        return disturb(view, self.config.photometric, rng) if self.config.photometric else view

    def _enter(self, seed: int, size: tuple[int, int]) -> Renderer:
        """The renderer of this process, in the town asked for and a little finer than ``size`` (w, h)."""
        cls, wanted = type(self), (seed, *(max(32, round(FINENESS * side)) for side in size))
        here = cls._renderer
        if here and cls._process != os.getpid():
            raise RenderError(f'source {self.name} was rendered in the process that started this worker: start workers '
                              'before the first batch is drawn')
        if here and (here.town.seed, here.width, here.height) != wanted:
            cls.close()
        if not cls._renderer:
            cls._renderer, cls._process = Renderer(Town(seed), *wanted[1:]), os.getpid()
        return cls._renderer

    @classmethod
    def close(cls) -> None:
        """Free this process's renderer, if it has one."""
        if cls._renderer:
            cls._renderer.close()
        cls._renderer = None


def take(renderer: Renderer, drives: Sequence[Traversal], plans: Sequence[Sequence[Shot]]) -> list[list[Taken]]:
    """Those plans none of whose shots is hidden; one drive after the other, for speed."""
    pictures, hidden = {}, set()
    shots = [(plan, frame, shot) for plan, frames in enumerate(plans) for frame, shot in enumerate(frames)]
    for plan, frame, shot in sorted(shots, key=lambda item: item[2].drive):
        if plan not in hidden:
            picture, depth = renderer.render(drives[shot.drive], shot.map_T_base, shot.base_T_camera, shot.moment)
            pictures[plan, frame] = Taken(picture, depth, shot.map_T_base @ shot.base_T_camera)
            if is_hidden(depth):
                hidden.add(plan)
    return [[pictures[plan, frame] for frame in range(len(frames))] for plan, frames in enumerate(plans)
            if plan not in hidden]


def parse_seeds(text: str) -> list[int]:
    """``1-3,7`` to 1, 2, 3, 7. Raises ConfigError for anything else, and for seeds with another role than training."""
    found = [re.fullmatch(r'\s*(\d+)\s*(?:-\s*(\d+)\s*)?', part) for part in text.split(',')]
    ranges = [(int(part[1]), int(part[2] or part[1])) for part in found if part]
    others = [seed for ends in ranges for seed in ends if seed not in TRAINING_SEEDS]
    if others:
        raise ConfigError(f'town {others[0]} is not for training: seeds {TRAINING_SEEDS[0]} to {TRAINING_SEEDS[-1]} '
                          'are, the others validate and test')
    seeds = [seed for first, last in ranges for seed in range(first, last + 1)]
    if not all(found) or not seeds:
        raise ConfigError(f'town must be seeds such as 1-10 or 1,4,7, got {text!r}')
    return seeds
