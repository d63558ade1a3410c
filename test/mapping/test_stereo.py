"""Depth of a recording's stereo pair: only of rectified pictures of one moment, the baseline out of P."""

import cv2
import numpy as np
import pytest

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.depth import PictureTrack
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import DataError
from dejavu_ros.mapping.stereo import TOGETHER_NS, StereoDepth, bag_stereo

K = np.array([[200.0, 0, 99.5], [0, 200.0, 59.5], [0, 0, 1]])
BASELINE, DISPARITY = 0.5, 10
WALL = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (120, 260, 3), np.uint8), (3, 3), 0)
LEFT, RIGHT = (np.ascontiguousarray(WALL[:, start:start + 200]) for start in (0, DISPARITY))  # a wall, 10 m ahead
SECOND = 10**9


def P(baseline, down=0.0, ahead=0.0):
    return np.column_stack([K, (-200.0 * baseline, 200.0 * down, ahead)]).ravel()


def pair(P, stamps=(SECOND,), picture=RIGHT, width=200):
    frames = ((stamp, lambda: picture) for stamp in stamps)
    intrinsics = {'width': width, 'height': width * 3 // 5, 'K': P.reshape(3, 4)[:, :3].ravel().tolist()}
    return StereoDepth(PictureTrack(frames, TOGETHER_NS), P, intrinsics, 'the right one')


def distance(depth):
    inside = depth[20:100, 60:180]
    assert (inside > 0).mean() > 0.9
    return float(np.median(inside[inside > 0]))


@pytest.mark.parametrize('width', [200, 400], ids=['as calibrated', 'reduced to half of it'])
def test_the_baseline_is_that_of_p(width):
    matrix = P(BASELINE) * np.repeat([width / 200, width / 200, 1], 4)
    assert distance(pair(matrix, width=width)(SECOND, LEFT)) == pytest.approx(10.0, rel=0.02)


def test_pictures_must_be_of_one_moment_and_size():
    depth = pair(P(BASELINE), stamps=(SECOND, 2 * SECOND + 10_000_000, 3 * SECOND + 1_000_000))
    assert [depth(stamp * SECOND, LEFT) is None for stamp in (1, 2, 3)] == [False, True, False]
    with pytest.raises(DataError, match='199x120.*200x120'):
        pair(P(BASELINE), picture=RIGHT[:, 1:])(SECOND, LEFT)
    with pytest.raises(DataError, match='calibrated for pictures of 200x120, and pictures of 200x90'):
        pair(P(BASELINE), picture=RIGHT[:90])(SECOND, LEFT[:90])


@pytest.mark.parametrize('matrix, said', [
    (np.zeros(12), 'tells no baseline'), (P(0.0), 'tells no baseline'), (P(-BASELINE), 'is the left camera'),
    (P(BASELINE, down=0.1), 'not side by side'), (P(BASELINE, ahead=0.1), 'not side by side')])
def test_what_is_no_right_camera_is_refused(matrix, said):
    with pytest.raises(DataError, match=f'the right one.*{said}'):
        pair(matrix)


def write_bag(path, name='image_raw', bent=False, infos=('left', 'right')):
    """One pair, whose raw camera has distortion if ``bent``."""
    with BagWriter(path) as bag:
        for side, picture, baseline in (('left', LEFT, 0.0), ('right', RIGHT, BASELINE)):
            bag.image(f'/{side}/{name}', SECOND, side, picture)
            if side in infos:
                bag.camera_info(f'/{side}/camera_info', SECOND, side, 200, 120, K, baseline,
                                np.array([-0.3, 0.1, 0, 0, 0]) if bent else np.zeros(5))
    return path


@pytest.mark.parametrize('name, bent', [('image_raw', False), ('image_rect', True), ('image_rect_color', True)])
def test_a_pair_of_a_bag(tmp_path, name, bent):
    with open_bag(write_bag(tmp_path / 'bag', name, bent)) as bag:
        depth = bag_stereo(bag, f'/left/{name}', f'/right/{name}')(SECOND, LEFT)
    assert distance(depth) == pytest.approx(10.0, rel=0.02)


@pytest.mark.parametrize('flags, said', [
    ({'bent': True}, '/left/image_raw .* is not rectified'), ({'infos': ['left']}, 'no camera_info beside /right')])
def test_a_pair_that_cannot_be_used_is_refused(tmp_path, flags, said):
    with open_bag(write_bag(tmp_path / 'bag', **flags)) as bag, pytest.raises(DataError, match=said):
        bag_stereo(bag, '/left/image_raw', '/right/image_raw')
