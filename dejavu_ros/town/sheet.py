"""A contact sheet: all conditions in rows, places in columns."""

from pathlib import Path

import cv2
import numpy as np

from dejavu_ros.errors import DataError
from dejavu_ros.files import new_file
from dejavu_ros.town.camera import camera_mount
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.config import TownConfig
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal

LOOKS = ('ahead', 'ahead', 'right', 'ahead', 'ahead', 'left')  # of the cameras from column to column


def contact_sheet(renderer: Renderer, places: int, seed: int, pitch_deg: float, progress=iter) -> np.ndarray:
    """RGB (9 H, places W, 3): every condition at the same places, some of them seen from the side."""
    town = renderer.town
    stations = (np.arange(places) + 0.3) * town.road.length / places
    mounts = [camera_mount(LOOKS[i % len(LOOKS)], pitch_deg=pitch_deg) for i in range(places)]
    rows = []
    for condition in progress(CONDITIONS):
        traversal = Traversal(town, condition, seed)
        pictures = [renderer.render(traversal, traversal.pose(s), mount, i)[0]
                    for i, (s, mount) in enumerate(zip(stations, mounts))]
        label(pictures[0], condition)
        rows.append(np.hstack(pictures))
    return np.vstack(rows)


def label(picture: np.ndarray, text: str) -> None:
    """Write on a picture, on a ground of its own so that it is read on snow and by night alike."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    (width, height), below = cv2.getTextSize(text, font, size, 1)
    cv2.rectangle(picture, (0, 0), (width + 12, height + below + 10), (20, 20, 20), -1)
    cv2.putText(picture, text, (6, height + 6), font, size, (255, 230, 60), 1, cv2.LINE_AA)


def write_sheet(path: str | Path, config: TownConfig, places: int = 6, progress=iter) -> None:
    """Write the contact sheet of a town as PNG or JPEG. Raises DataError for another suffix or a full disk."""
    suffix = Path(path).suffix.lower()
    if suffix not in ('.png', '.jpg', '.jpeg'):
        raise DataError(f'a contact sheet is a .png or .jpg file, not {path}')
    with new_file(path) as file:
        with Renderer(Town(config.town_seed, config.quarters), config.width, config.height, config.hfov) as renderer:
            sheet = contact_sheet(renderer, places, config.traversal_seed, config.pitch, progress)
        file.write(cv2.imencode(suffix, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes())
