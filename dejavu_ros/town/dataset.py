"""Pictures of the same places in all conditions, with a manifest, to train and judge features on.

Town seeds have roles: 1 to 99 train, 101 to 199 validate, 201 to 299 test. No set may use the seeds of another.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from dejavu_ros.town.camera import MOUNTS, camera_mount
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.export import whole_folder
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal

TRAINING_SEEDS, VALIDATION_SEEDS, TEST_SEEDS = range(1, 100), range(101, 200), range(201, 300)
OVERSAMPLING = 2  # pictures are rendered at this multiple and averaged, so that small ones do not flicker
TOWN_APART = 10_000.0  # metres added to x from town to town, so that no two towns share coordinates
ALONG, ASIDE, TURN = 1.0, 0.5, np.radians(4.0)  # how far a traversal strays from a place: metres, metres, radians
COLUMNS = ('image', 'place', 'session', 'condition', 'x', 'y', 'yaw')


def render_dataset(out_dir: str | Path, town_seeds: Sequence[int], conditions_per_town: Sequence[str] = CONDITIONS,
                   places_per_town: int = 60, *, width: int = 192, height: int = 144, hfov_deg: float = 80.0,
                   traversal_seed: int = 0, quality: int = 92, progress=iter) -> int:
    """Write JPEG pictures and ``manifest.csv`` to the new folder ``out_dir``; return the number of pictures.

    Places lie evenly along the loop, each with its own camera (ahead, left or right, turned a little); every condition
    is one session that strays from them. Position and yaw (radians) are those of the camera; x has ``TOWN_APART``
    """
    rows = []
    with whole_folder(out_dir) as folder:
        for seed in progress(town_seeds):
            with Renderer(Town(seed), OVERSAMPLING * width, OVERSAMPLING * height, hfov_deg) as renderer:
                for row, picture in town_pictures(renderer, conditions_per_town, places_per_town, traversal_seed):
                    path = folder / row['image']
                    path.parent.mkdir(parents=True, exist_ok=True)
                    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
                    cv2.imwrite(str(path), small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
                    rows.append(row)
        with open(folder / 'manifest.csv', 'w', newline='') as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    return len(rows)


def town_pictures(renderer: Renderer, conditions: Iterable[str], places: int, traversal_seed: int):
    """Yield (manifest row, picture) of every place in every condition of one town."""
    town = renderer.town
    rng = np.random.default_rng((town.seed, 3))
    stations = np.arange(places) * town.road.length / places
    mounts = [camera_mount(str(rng.choice(list(MOUNTS), p=(0.6, 0.2, 0.2))), rng.uniform(-20, 20))
              for _ in range(places)]
    for condition in conditions:
        traversal = Traversal(town, condition, traversal_seed)
        stray = np.random.default_rng((town.seed, traversal_seed, CONDITIONS.index(condition), 4))
        for place, (station, mount) in enumerate(zip(stations, mounts)):
            along, aside, turn = stray.uniform(-1, 1, 3) * (ALONG, ASIDE, TURN)
            pose = traversal.pose(station + along, aside, turn)
            camera = pose @ mount
            ahead = camera.rotation.apply([0.0, 0.0, 1.0])
            row = {'image': f'town{town.seed:03d}/{condition}/{place:03d}.jpg',
                   'place': f'town{town.seed:03d}-{place:03d}', 'session': condition, 'condition': condition,
                   'x': f'{camera.position[0] + TOWN_APART * town.seed:.3f}', 'y': f'{camera.position[1]:.3f}',
                   'yaw': f'{np.arctan2(ahead[1], ahead[0]):.5f}'}
            yield row, renderer.render(traversal, pose, mount, place)[0]
