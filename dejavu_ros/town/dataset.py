"""Pictures of the same places in all conditions, with a manifest, to train and judge features on.

Town seeds have roles: 1 to 99 train, 101 to 199 validate, 201 to 299 test. No set may use the seeds of another.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.files import new_folder
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.town.camera import camera_mount
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.config import MOUNTS
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal

TRAINING_SEEDS, TEST_SEEDS = range(1, 100), range(201, 300)
TOWN_APART = 10_000.0  # metres added to x from town to town, so that no two towns share coordinates
STRAY = (1.0, 0.5, np.radians(4.0))  # how far a traversal is from a place at most: metres along, aside, radians
MAPPED = 'overcast-summer'  # the condition of the drive that maps
HIDDEN_WITHIN = 3.0  # metres: what is nearer hides the place
SHARES = (0.6, 0.2, 0.2)  # of the places that look ahead, left and right


def render_dataset(out_dir: str | Path, town_seeds: Sequence[int], conditions_per_town: Sequence[str] = CONDITIONS,
                   places_per_town: int = 60, *, width: int = 192, height: int = 144, hfov_deg: float = 80.0,
                   traversal_seed: int = 0, next_after: float = 0.0, stray: float = 1.0, quality: int = 92,
                   progress=iter) -> int:
    """Write JPEG pictures and ``manifest.csv`` to the new folder ``out_dir``; return the number of pictures.

    Places lie evenly along the loop, each with its own camera (ahead, left or right, turned a little); every condition
    is one session that strays from them, ``stray`` times as far as STRAY. Position and yaw (radians) are those of the
    camera; x has ``TOWN_APART`` times the town seed added. With ``next_after`` metres, each picture has one of so much
    further on beside it, named in the column ``next``. Raises DataError where the folder cannot be made, ConfigError
    for no such condition.
    """
    rows = []
    with new_folder(out_dir) as folder:
        for seed in progress(town_seeds):
            with Renderer(Town(seed), width, height, hfov_deg) as renderer:
                for row, pictures in town_pictures(renderer, conditions_per_town, places_per_town, traversal_seed,
                                                   next_after, stray):
                    paths = [folder / row.image, folder / row.image.with_stem(f'{row.image.stem}_next')]
                    paths[0].parent.mkdir(parents=True, exist_ok=True)
                    for path, picture in zip(paths, pictures):
                        path.write_bytes(encode_jpeg(picture, quality))
                    rows.append(dataclasses.replace(row, image=paths[0], next=paths[1] if next_after else None))
        write_manifest(folder / 'manifest.csv', rows)
    return len(rows)


def town_pictures(renderer: Renderer, conditions: Sequence[str], places: int, traversal_seed: int,
                  next_after: float = 0.0, stray: float = 1.0) -> Iterator[tuple[ManifestRow, list[np.ndarray]]]:
    """Every place of a town in every condition: a row and its picture (H, W, 3) uint8 RGB.

    With ``next_after`` a second picture follows, taken so many metres further on. Where a parked van fills the picture,
    the place is left out of that condition.
    """
    town = renderer.town
    rng = np.random.default_rng((town.seed, 3))
    stations = np.arange(places) * town.road.length / places
    mounts = [draw_mount(rng) for _ in range(places)]
    for condition in conditions:
        traversal = Traversal(town, condition, traversal_seed)
        rng = np.random.default_rng((town.seed, traversal_seed, CONDITIONS.index(condition), 4))
        for place, (station, mount) in enumerate(zip(stations, mounts)):
            along, aside, turn = stray * draw_stray(rng)
            pose = traversal.pose(station + along, aside, turn)
            camera = pose @ mount
            ahead = camera.rotation.apply([0.0, 0.0, 1.0])
            name = f'town{town.seed:03d}'
            row = ManifestRow(
                Path(name, condition, f'{place:03d}.jpg'), f'{name}-{place:03d}', condition, condition,
                x=round(float(camera.position[0] + TOWN_APART * town.seed), 3), y=round(float(camera.position[1]), 3),
                yaw=round(float(np.arctan2(ahead[1], ahead[0])), 5))
            picture, depth = renderer.render(traversal, pose, mount, place)
            if is_hidden(depth):
                continue
            pictures = [picture]
            if next_after:
                further = traversal.pose(station + along + next_after, aside, turn)
                pictures.append(renderer.render(traversal, further, mount, place)[0])
            yield row, pictures


def render_drives(out_dir: str | Path, town_seeds: Sequence[int], quarters: int = 1, *, map_step: float = 2.0,
                  step: float = 12.0, width: int = 128, height: int = 96, quality: int = 92, progress=iter) -> int:
    """Write drives round each town with the camera ahead, as :func:`render_dataset` does places.

    Session MAPPED has a picture every ``map_step`` metres. Of the others, named by their condition and one more of
    MAPPED, each has one every ``step`` metres, up to half a metre aside and turned by some degrees. Places are
    stretches of ten metres, and in a town of several ``quarters`` the same ones in each of them.
    """
    rows = []
    with new_folder(out_dir) as folder:
        for seed in progress(town_seeds):
            town, name = Town(seed, quarters), f'town{seed:03d}'
            quarter = town.road.length / quarters
            with Renderer(town, width, height, 80.0) as renderer:
                for session, condition in ((MAPPED, MAPPED), (f'{MAPPED}-again', MAPPED),
                                           *((other, other) for other in CONDITIONS if other != MAPPED)):
                    is_map = session == MAPPED
                    traversal = Traversal(town, condition, 1 if is_map else 2)
                    stray = np.random.default_rng((seed, CONDITIONS.index(condition), 6))
                    stations = np.arange(0.0, town.road.length, map_step if is_map else step)
                    (folder / name / session).mkdir(parents=True)
                    for index, s in enumerate(stations):
                        pose = traversal.pose(s, *([] if is_map else draw_stray(stray)[1:]))
                        path = folder / name / session / f'{index:03d}.jpg'
                        picture, _ = renderer.render(traversal, pose, camera_mount(), index)
                        path.write_bytes(encode_jpeg(picture, quality))
                        rows.append(ManifestRow(path, f'{name}-{int(s % quarter / 10):02d}', session, condition,
                                                x=round(float(pose.position[0]) + TOWN_APART * seed, 3),
                                                y=round(float(pose.position[1]), 3), yaw=round(pose.yaw, 5)))
        write_manifest(folder / 'manifest.csv', rows)
    return len(rows)


def draw_mount(rng: np.random.Generator) -> Pose:
    """``base_T_camera`` of a place's own camera: ahead, left or right, turned a little."""
    return camera_mount(str(rng.choice(list(MOUNTS), p=SHARES)), rng.uniform(-20, 20))


def draw_stray(rng: np.random.Generator) -> np.ndarray:
    """How far a drive is from a place: metres along, metres aside, radians."""
    return rng.uniform(-1, 1, 3) * STRAY


def is_hidden(depth: np.ndarray) -> bool:
    """Whether something near, such as a parked van, fills a picture with this depth (H, W) in metres."""
    return (depth < HIDDEN_WITHIN).mean() >= 0.6
