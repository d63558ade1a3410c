"""How far from the keyframes of a tiny map frames are accepted: maps of one to six keyframes of a validation town.

    python benchmarks/small_maps.py --town 101

Each frame of another drive in the same weather, on its own, is asked of maps that begin every few metres. Prints for
each size of a map the frames that are accepted, and from where.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.town.config import TownConfig
from dejavu_ros.town.export import Drive

BEFORE, BEHIND = 15, 25  # metres before and behind a map from which frames are asked
WRONG = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--town', type=int, default=101)
    parser.add_argument('--length', type=int, default=60, help='metres of the drives')
    parser.add_argument('--sizes', type=int, nargs='+', default=[1, 2, 3, 4, 6])
    parser.add_argument('--checkpoint', default='')
    arguments = parser.parse_args()
    extractor = FeatureExtractor(load_checkpoint(arguments.checkpoint))
    mapped, asked = (drive(extractor, arguments, number) for number in (1, 2))
    for size in arguments.sizes:
        rows = [row for start in range(5, arguments.length - 10, 5)
                for row in answers(extractor, mapped, asked, start, size)]
        off, accepted = np.array(rows).T
        near = off <= WRONG
        print(f'{size} keyframes: {int(accepted[near].sum())} of {near.sum()} frames within {WRONG:g} m are accepted, '
              f'{int(accepted[~near].sum())} of {(~near).sum()} from further away')


def drive(extractor: FeatureExtractor, arguments, number: int) -> list[tuple[np.ndarray, Pose]]:
    """Features and map_T_base, a metre apart."""
    config = TownConfig(town_seed=arguments.town, traversal_seed=number, step=1.0, length=float(arguments.length))
    with Drive(config) as frames:
        return [(extractor.extract([frame.rgb])[0], frame.map_T_base) for frame in frames]


def answers(extractor: FeatureExtractor, mapped: list, asked: list, start: int, size: int) -> list[tuple[float, bool]]:
    """Metres from the truth, and whether accepted, of frames around a map of ``size`` keyframes."""
    thumbnail = encode_jpeg(np.zeros((24, 32, 3), np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'small.dvmap'
        with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer, \
                writer.session('drive', '') as session:
            for number, (grid, pose) in enumerate(mapped[start:start + size]):
                session.add(grid, 'camera', number, pose, 0.01 * np.eye(6), thumbnail)
        with KeyframeMap.open(path) as keyframes:
            localizer = Localizer(extractor, keyframes, LocalizerConfig(use_filter=False))
            found = []
            for number in range(max(0, start - BEFORE), min(len(asked), start + size + BEHIND)):
                grid, pose = asked[number]
                estimate = localizer.locate(grid, number * 10**9)
                found.append((estimate.hypotheses[0].map_T_base.distance(pose)[0], estimate.accepted))
    return found


if __name__ == '__main__':
    main()
