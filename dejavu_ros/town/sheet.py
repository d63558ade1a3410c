"""A contact sheet: all conditions in rows, places in columns."""

import cv2
import numpy as np

from dejavu_ros.town.camera import camera_mount
from dejavu_ros.town.conditions import CONDITIONS
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.traversal import Traversal


def contact_sheet(renderer: Renderer, places: int, seed: int, progress=iter) -> np.ndarray:
    """RGB (9 H, places W, 3): every condition at the same places; every third camera looks aside."""
    town = renderer.town
    stations = (np.arange(places) + 0.3) * town.road.length / places
    mounts = [camera_mount(('ahead', 'ahead', 'right', 'ahead', 'ahead', 'left')[i % 6]) for i in range(places)]
    rows = []
    for condition in progress(CONDITIONS):
        traversal = Traversal(town, condition, seed)
        pictures = [renderer.render(traversal, traversal.pose(s), mount, i)[0]
                    for i, (s, mount) in enumerate(zip(stations, mounts))]
        label = np.ascontiguousarray(pictures[0])
        cv2.putText(label, condition, (6, 18), cv2.FONT_HERSHEY_DUPLEX, 0.5, (255, 230, 60), 1, cv2.LINE_AA)
        rows.append(np.hstack([label, *pictures[1:]]))
    return np.vstack(rows)
