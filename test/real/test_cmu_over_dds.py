"""Real photographs through bags, a map and the node: Extended CMU Seasons, spring as the map, over real DDS.

No multi-season bag is public, so the bags are written here from the images, with the files' own capture times.
The set has no metric poses: positions are made up along the road by frame index, one metre a frame.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from tabulate import tabulate

from dejavu_ros.cli import main
from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.frames import bag_frames
from dejavu_ros.data.known_sets import cmu_seasons
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.evaluation.sequence import hits_within, rank_one, split
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.geometry import Pose
from dejavu_ros.nn.checkpoint import default_checkpoint_path

player = pytest.importorskip('dejavu_ros.ros.player', reason='no ROS here')

DATA = Path(os.environ.get('DEJAVU_DATA', Path(__file__).resolve().parents[2] / '../shared/data')) / 'cmu_seasons'
SPRING = '2011-04-21_spring'
IMAGES, POSES = '/camera/image_raw/compressed', '/road/odom'
TOLERANCE = 4  # spring frames

pytestmark = [pytest.mark.skipif(not DATA.is_dir(), reason=f'no CMU Seasons images at {DATA}'),
              pytest.mark.skipif(not default_checkpoint_path().is_file(), reason='no shipped checkpoint'),
              pytest.mark.timeout(400)]


def capture_time_ns(path: Path) -> int:
    """``img_NNNNN_c0_MICROSECONDSus_rect.jpg``."""
    return int(path.stem.split('_')[3].removesuffix('us')) * 1000


def write_bag(path: Path, images: list[Path]) -> None:
    with BagWriter(path) as bag:
        for index, image in enumerate(images):
            stamp = capture_time_ns(image)
            bag.odometry(POSES, stamp, 'map', 'base_link', Pose.planar(float(index), 0.0, 0.0))
            bag.compressed_image(IMAGES, stamp, 'camera_optical_frame', image.read_bytes())


def ask_node(folder: Path, bags: dict[str, Path], use_filter: bool) -> tuple[dict[str, float], int]:
    """Best keyframe of every frame, by file name, and the number of accepted frames."""
    best, accepted, frames = {}, 0, 0
    # reliable: an image of 2.4 MB is many packets, and best effort loses all of it with any of them
    with player.running_node(folder / 'node.log', map=folder / 'spring.dvmap', image_topic='/images', max_rate=1000.0,
                             reliability='reliable', localizer__use_filter=use_filter,
                             ) as node, player.Player('/images') as play:
        play.wait_for_node(60.0, node, folder / 'node.log')
        for session, path in bags.items():
            names = {capture_time_ns(image): image.name for image in (DATA / session).glob('*.jpg')}
            with open_bag(path) as bag:
                for frame in bag_frames(bag, IMAGES):
                    frames += 1
                    answer = play.ask(frame.image(), frame.stamp_ns, 20.0)
                    assert answer is not None, f'no hypotheses for {frame.name}'
                    accepted += answer.accepted
                    best[names[frame.stamp_ns]] = float(answer.hypotheses[0].keyframe) if answer.hypotheses else np.nan
    assert frames == len(play.sent) == len(best)
    return best, accepted


def test_the_node_finds_more_frames_than_hand_made_features(tmp_path, capsys):
    for session in sorted(path.name for path in DATA.iterdir() if path.is_dir()):
        write_bag(tmp_path / session, sorted((DATA / session).glob('*.jpg')))
    assert main(['build-map', '-o', str(tmp_path / 'spring.dvmap'), '--bag', str(tmp_path / SPRING), '--image-topic',
                 IMAGES, '--pose-topic', POSES, '--keyframe-distance', '0', '--condition', 'spring']) == 0
    assert '87 keyframes of 87 frames' in capsys.readouterr().out
    keyframes, queries = split(cmu_seasons(DATA), SPRING)
    truth = [row.x for row in queries]
    bags = {name: tmp_path / name for name in ('2010-10-19_autumn', '2011-07-28_summer')}
    rows, hits = [], {}
    for label, use_filter in (('node, every frame on its own', False), ('node, with the filter', True)):
        best, accepted = ask_node(tmp_path, bags, use_filter)
        assert len(best) == 71 + 17
        hits[label] = hits_within([best[row.image.name] for row in queries], truth, TOLERANCE)
        rows.append((label, hits[label], f'{accepted} of {len(best)}'))
    for features in ('orb', 'rootsift'):
        found = rank_one(keyframes, queries, EvaluationSettings(features=features, similarity='matches'))
        hits[features] = hits_within(found, truth, TOLERANCE)
        rows.append((f'{features}, matches', hits[features], ''))
    with capsys.disabled():
        print('\n' + tabulate(rows, headers=('', f'of {len(truth)} within {TOLERANCE} frames at rank 1', 'accepted')))
    alone = hits['node, every frame on its own']
    assert alone > hits['orb'] and alone > hits['rootsift']
