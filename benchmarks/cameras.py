"""What it brings to bring pictures to the camera of the map: towns mapped with one camera, queries by others.

    python benchmarks/cameras.py -o cameras

Renders a stretch of validation towns by one camera in summer and by several others on another drive and in snow, and
localizes each frame on its own, with what is known of the camera and without. Prints a table and writes
cameras/cameras.txt and .json: ``found`` is the share of frames whose best hypothesis is within 5 m and 30 degrees,
``accepted`` that of accepted ones, ``wrong`` that of accepted ones which are not found.
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from tabulate import tabulate
from tqdm import tqdm

from dejavu_ros.files import new_file
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.camera import Camera
from dejavu_ros.optics.lens import Lens
from dejavu_ros.town.camera import camera_mount
from dejavu_ros.town.camera import intrinsics as pinhole
from dejavu_ros.town.render import Renderer
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal

TOWNS, WIDTH, HEIGHT, HFOV = (101, 102), 320, 240, 80.0
START = 20.0
CONDITIONS = 'overcast-summer', 'snow'
BONNET = np.ones((HEIGHT, WIDTH), bool)
BONNET[150:] = False


@dataclasses.dataclass(frozen=True)
class Other:
    """A camera that is not that of the map: field of view, turned about its axis, a bonnet in its pictures."""

    name: str
    hfov: float = HFOV
    roll: float = 0.0
    yaw: float = 0.0
    bonnet: bool = False

    @property
    def mounting(self) -> Pose:
        mount = camera_mount('ahead', self.yaw)
        return Pose(mount.position, (mount.rotation * Rotation.from_euler('z', self.roll, degrees=True)).as_quat())

    def camera(self) -> Camera:
        return Camera('camera', lens(self.hfov), BONNET if self.bonnet else None, self.mounting)

    def picture(self, rgb: np.ndarray, index: int) -> np.ndarray:
        """With what the bonnet mirrors: something else in every picture."""
        if not self.bonnet:
            return rgb
        noise = np.random.default_rng(index).integers(0, 255, (6, 8, 3), np.uint8).repeat(40, 0).repeat(40, 1)
        return np.where(BONNET[..., None], rgb, noise)


OTHERS = [Other('the same camera'), Other('narrower: 50 degrees', 50.0), Other('wider: 110 degrees', 110.0),
          Other('upside down', roll=180.0), Other('turned by 20 degrees', yaw=20.0), Other('a bonnet', bonnet=True)]


def lens(hfov: float) -> Lens:
    return Lens(WIDTH, HEIGHT, tuple(pinhole(WIDTH, HEIGHT, hfov).ravel()), (), 'plumb_bob')


def frames(town: Town, condition: str, drive: int, length: float, step: float, other: Other):
    """(pose, picture) along the stretch."""
    traversal = Traversal(town, condition, drive)
    renderer = Renderer(town, WIDTH, HEIGHT, other.hfov)
    try:
        for index, pose in enumerate(traversal.poses(START, length, step)):
            rgb, _ = renderer.render(traversal, pose, other.mounting, index)
            yield pose, other.picture(rgb, index)
    finally:
        renderer.close()


def build(folder: Path, town: Town, extractor: FeatureExtractor, length: float, step: float) -> KeyframeMap:
    """The map of a town by the first of OTHERS."""
    known = {'width': WIDTH, 'height': HEIGHT, 'K': list(lens(HFOV).K), 'D': [], 'model': 'plumb_bob'}
    with MapWriter.create(folder / f'{town.seed}', extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session('summer', CONDITIONS[0]) as session:
            session.camera('camera', WIDTH, HEIGHT, known, OTHERS[0].mounting)
            for stamp, (pose, rgb) in enumerate(frames(town, CONDITIONS[0], 1, length, step, OTHERS[0])):
                session.add(extractor.extract([rgb])[0], 'camera', stamp, pose, np.diag([0.01] * 6), encode_jpeg(rgb))
    return KeyframeMap.open(folder / f'{town.seed}', extractor.checkpoint.identity)


def answers(localizer: Localizer, shown: list[tuple[Pose, np.ndarray]]) -> list[tuple[bool, bool]]:
    """(found, accepted) of each frame."""
    result = []
    for index, (pose, rgb) in enumerate(shown):
        estimate = localizer.process(rgb, index * 10**9)
        metres, radians = estimate.hypotheses[0].map_T_base.distance(pose) if estimate.hypotheses else (np.inf, np.inf)
        result.append((metres <= 5 and radians <= np.radians(30), estimate.accepted))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-o', '--output', default='cameras', help='folder to write to (default: %(default)s)')
    parser.add_argument('--checkpoint', default='', help='empty: the shipped one')
    parser.add_argument('--towns', type=int, nargs='+', default=TOWNS, help='seeds (default: %(default)s)')
    parser.add_argument('--length', type=float, default=160.0, help='metres of road (default: %(default)s)')
    parser.add_argument('--map-step', type=float, default=1.0, help='metres between keyframes (default: %(default)s)')
    parser.add_argument('--step', type=float, default=4.0, help='metres from query to query (default: %(default)s)')
    arguments = parser.parse_args()
    extractor = FeatureExtractor(load_checkpoint(arguments.checkpoint))
    found: dict[tuple[str, str, str], list] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.towns:
            town = Town(seed)
            keyframes = build(Path(folder), town, extractor, arguments.length, arguments.map_step)
            for condition, other in tqdm([(c, o) for c in CONDITIONS for o in OTHERS], desc=f'town {seed}'):
                shown = list(frames(town, condition, 2, arguments.length, arguments.step, other))
                for known in ('not told', 'told'):
                    localizer = Localizer(extractor, keyframes, LocalizerConfig(use_filter=False))
                    if known == 'told':
                        localizer.use(other.camera())
                    found.setdefault((other.name, condition, known), []).extend(answers(localizer, shown))
                tell(found, Path(arguments.output))
    print((Path(arguments.output) / 'cameras.txt').read_text())


def tell(found: dict[tuple[str, str, str], list], folder: Path) -> None:
    """Write the table and its JSON."""
    rows = []
    for (name, condition, known), pairs in found.items():
        right, accepted = np.array(pairs).T
        rows.append({'camera': name, 'condition': condition, 'known': known, 'frames': len(pairs),
                     'found': float(right.mean()), 'accepted': float(accepted.mean()),
                     'wrong': float((accepted & ~right).mean())})
    with new_file(folder / 'cameras.json', 'w') as file:
        json.dump(rows, file, indent=1)
    with new_file(folder / 'cameras.txt', 'w') as file:
        file.write(tabulate(rows, headers='keys', floatfmt='.2f') + '\n')


if __name__ == '__main__':
    main()
