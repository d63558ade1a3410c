"""Poses held against the truth, and what the table says of them."""

import json

import cv2
import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.evaluation.pose_accuracy import Row, summary, write_poses
from dejavu_ros.images import encode_png
from dejavu_ros.sixdof.settings import SixDofSettings


def test_shares_count_frames_without_a_pose_as_wrong():
    rows = [Row('w', 'day', (1.0, 1.0), (0.1, 1.0), 50, 3.0), Row('w', 'day', (1.0, 1.0), (0.4, 1.0), 50, 3.0),
            Row('w', 'day', (1.0, 1.0), (0.1, 4.0), 50, 3.0), Row('w', 'day', (6.0, 1.0), (np.inf, np.inf), 0, None)]
    result = summary(rows)
    assert list(result['pose']['within'].values()) == [0.25, 0.75, 0.75]
    assert list(result['keyframe']['within'].values()) == [0.0, 0.0, 0.75]
    assert result['pose']['answered'] == 0.75 and result['pose']['median_position_error_m'] == pytest.approx(0.25)


def test_nothing_answered_is_null_in_the_file_and_a_dash_in_the_table(tmp_path):
    rows = [Row('w', 'night', (1.0, 1.0), (np.inf, np.inf), 0, None)]
    text = write_poses(rows, SixDofSettings(), 'abc', tmp_path)
    content = json.loads((tmp_path / 'poses.json').read_text())
    assert content['by_condition']['night']['pose']['median_position_error_m'] is None
    assert 'night' in text and ' - ' in text


@pytest.fixture
def drive(tmp_path):
    """Twelve frames as KITTI's of a camera that goes sideways along a wall and a nearer row of posts."""
    rng = np.random.default_rng(0)
    far = cv2.resize(rng.integers(0, 255, (40, 120), np.uint8), (1200, 240), interpolation=cv2.INTER_CUBIC)
    near = cv2.resize(rng.integers(0, 255, (40, 120), np.uint8), (1200, 240), interpolation=cv2.INTER_CUBIC)
    (tmp_path / 'image_l').mkdir()
    poses = []
    for i in range(12):
        image = far[:, 5 * i:5 * i + 320].copy()                   # 20 m away: 0.5 m a frame are 5 px of 200 focal
        image[150:] = near[150:, 10 * i:10 * i + 320]              # 10 m away: 10 px
        (tmp_path / f'image_l/{i:06d}.png').write_bytes(encode_png(np.repeat(image[..., None], 3, 2)))
        poses.append(f'1 0 0 {0.5 * i} 0 1 0 0 0 0 1 0')
    (tmp_path / 'poses.txt').write_text('\n'.join(poses))
    (tmp_path / 'calib.txt').write_text('P0: 200 0 159.5 0 0 200 119.5 0 0 0 1 0\n')
    return tmp_path


def test_odd_frames_are_located_between_the_even_ones(drive, capsys):
    assert main(['evaluate-pose', '--kitti', str(drive), '-o', str(drive / 'out'), '--checkpoint', 'random',
                 '--point-features', 'rootsift']) == 0
    found = json.loads((drive / 'out/poses.json').read_text())['by_condition']['odd frames']
    assert found['queries'] == 6 and found['pose']['answered'] == 1.0
    assert found['pose']['median_position_error_m'] < 0.1 < found['keyframe']['median_position_error_m']
    assert 'odd frames' in capsys.readouterr().out


@pytest.mark.parametrize('name, text', [('poses.txt', '1 2 3\n'), ('calib.txt', 'P0: a b c\n')])
def test_damaged_drive_is_one_line(drive, capsys, name, text):
    (drive / name).write_text(text)
    assert main(['evaluate-pose', '--kitti', str(drive), '-o', str(drive / 'out'), '--checkpoint', 'random']) == 1
    error = capsys.readouterr().err
    assert name in error and len(error.splitlines()) == 1
