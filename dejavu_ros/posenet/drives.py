"""Drives round a town as a pose regressor needs them: pictures with their exact poses."""

import dataclasses
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dejavu_ros.errors import DataError, RenderError
from dejavu_ros.files import new_file
from dejavu_ros.posenet.settings import PoseNetSettings
from dejavu_ros.town.camera import camera_mount
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal

WIDTH, HEIGHT = 128, 96  # px of the pictures
ASIDE = 0.5  # metres left and right of the lane's middle: where the outermost training drives are
TEST_SEED = 1000  # of the test drives' light, traffic and steering; training drives have 0, 1, 2, ...


@dataclasses.dataclass(frozen=True)
class Plan:
    """Once round ``town`` in a ``condition``: number ``seed``, ``left`` of the lane's middle, a frame every ``step``
    metres from ``start`` on.
    """

    town: int
    condition: str
    seed: int
    left: float
    start: float
    step: float

    @property
    def name(self) -> str:
        return f'town{self.town}_{self.condition}_{self.seed}_{self.left:g}_{self.start:g}_{self.step:g}'


@dataclasses.dataclass(frozen=True)
class Drive:
    """``pictures`` (N, 96, 128, 3) uint8 RGB, ``way`` (N,) metres driven, and ``map_T_base`` in two parts:
    ``positions`` (N, 3) metres, ``quaternions`` (N, 4) xyzw.
    """

    condition: str
    pictures: np.ndarray
    way: np.ndarray
    positions: np.ndarray
    quaternions: np.ndarray


def plan_training(settings: PoseNetSettings) -> list[Plan]:
    """Drives of one season from right to left of the lane's middle, their frames interleaved along the way."""
    count = settings.train_drives
    return [Plan(settings.town, settings.train_condition, seed, round(float(left), 3),
                 round(settings.train_step * seed / count, 3), settings.train_step)
            for seed, left in enumerate(np.linspace(-ASIDE, ASIDE, count))]


def plan_testing(settings: PoseNetSettings) -> list[Plan]:
    """A drive of each test season in the lane's middle, none of them a training drive; its frames begin halfway
    between two of training.
    """
    start = round(settings.train_step / settings.train_drives / 2, 3)
    return [Plan(settings.town, condition, TEST_SEED, 0.0, start, settings.test_step)
            for condition in settings.test_conditions]


def load_drives(plans: list[Plan], folder: Path) -> list[Drive]:
    """Drives from ``folder``, each rendered and kept there first where it is missing.

    They are rendered in a process of their own: Mesa and Triton each bring an LLVM, and whoever loads Triton after
    Mesa, as PyTorch's optimisers do, crashes. Raises RenderError where nothing can be rendered, DataError for a damaged
    file and where none can be written.
    """
    missing = [plan for plan in plans if not drive_file(folder, plan).exists()]
    if missing:
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as process:
            try:
                process.submit(render_drives, missing, folder).result()
            except BrokenProcessPool:
                raise RenderError(f'the process that rendered drives to {folder} was killed, perhaps for want of '
                                  'memory: start again, what is there is kept') from None
    return [read_drive(drive_file(folder, plan)) for plan in plans]


def render_drives(plans: list[Plan], folder: Path) -> None:
    """Render drives through one town to files."""
    with Renderer(Town(plans[0].town), WIDTH, HEIGHT) as renderer:
        for plan in tqdm(plans, 'drives', disable=None):
            content = dataclasses.asdict(render(renderer, plan))
            with new_file(drive_file(folder, plan)) as file:
                np.savez(file, **content)


def drive_file(folder: Path, plan: Plan) -> Path:
    return folder / f'{plan.name}.npz'


def read_drive(path: Path) -> Drive:
    """Raises DataError for a file that is not a drive."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return Drive(str(content['condition']), *(content[field.name] for field in dataclasses.fields(Drive)[1:]))
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise DataError(f'{path} is no drive ({str(error).splitlines()[0]}): remove it, it will be rendered '
                        'anew') from None


def render(renderer: Renderer, plan: Plan) -> Drive:
    """Drive as planned and take a picture ahead at every step."""
    traversal = Traversal(renderer.town, plan.condition, plan.seed)
    way = np.arange(plan.start, plan.start + renderer.town.road.length, plan.step)
    poses = [traversal.pose(s, plan.left) for s in way]
    pictures = [renderer.render(traversal, pose, camera_mount(), index)[0] for index, pose in enumerate(poses)]
    return Drive(plan.condition, np.stack(pictures), way, np.array([pose.position for pose in poses]),
                 np.array([pose.quaternion for pose in poses]))
