"""Recordings that were taken for what they are not: each becomes the right keyframes, or one line that says what to do.
"""

from pathlib import Path

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.keyframes import KeyframeMap

CASES = Path(__file__).resolve().parents[3] / 'shared' / 'cases'
pytestmark = [pytest.mark.usefixtures('quick'),
              pytest.mark.skipif(not CASES.is_dir(), reason=f'no cases in {CASES}')]


@pytest.fixture
def build(tmp_path, checkpoint, capsys, monkeypatch):
    """Run the command in the folder of a case; returns exit status, (x, y, yaw) of the keyframes and the words."""
    def run(case, *arguments):
        if not (CASES / case).is_dir():
            pytest.skip(f'no {case} in {CASES}')
        monkeypatch.chdir(CASES / case)
        path = tmp_path / 'm.dvmap'
        status = main(['build-map', '-o', str(path), '--checkpoint', str(checkpoint), *map(str, arguments)])
        captured = capsys.readouterr()
        poses = []
        if status == 0:
            with KeyframeMap.open(path) as made:
                poses = [(*k.map_T_base.position[:2], np.degrees(k.map_T_base.yaw)) for k in made.keyframes]
        return status, np.array(poses).reshape(-1, 3), captured.out + captured.err

    return run


def folder(poses):
    return '--images', 'data', '--poses', poses


LINE = [(float(x), 0, 0) for x in range(8)]


@pytest.mark.parametrize('case, arguments, expected', [
    ('orbslam3_euroc_trajectory', folder('CameraTrajectory.txt'), LINE),
    ('euroc_vicon_csv_w_first', folder('data.csv'), [(0, y, 90) for y in range(8)]),
    ('tum_with_bom', folder('poses_tum.txt'), LINE),
    ('tf_of_two_robots', ('--bag', 'bag', '--pose-topic', '/robot1/tf'), [(x + 0.06, 0, 0) for x in range(8)]),
    ('goal_pose_taken_for_robot', ('--bag', 'bag'), LINE),
    ('vicon_transform_stamped', ('--bag', 'bag'), LINE),
    ('pose_jump_interpolated', ('--bag', 'bag'), [(x + 0.1 + 100 * (x > 4), 0, 0) for x in (0, 1, 2, 3, 4, 6, 7)]),
    ('simulation_reset_in_bag', ('--bag', 'bag'), [(x, y, 0) for y in (0, 40) for x in range(3, 11)])])
def test_the_right_keyframes(build, case, arguments, expected):
    status, poses, words = build(case, *arguments, '--keyframe-distance', 0.5)
    assert status == 0, words
    np.testing.assert_allclose(poses, expected, atol=0.05)


@pytest.mark.parametrize('case, arguments, words', [
    ('kitti_raw_counter_names', folder('poses_tum.txt'), ['8 images', '100 poses', 'no stamps in their names']),
    ('tf_of_two_robots', ('--bag', 'bag'), ['--pose-topic', '/robot1/tf', '/robot2/tf']),
    ('map_to_odom_sent_once', ('--bag', 'bag'), ['from map to odom', 'only one, at 1699999999.500 s'])])
def test_one_line_that_says_why(build, case, arguments, words):
    status, _, told = build(case, *arguments)
    assert status == 1 and told.startswith('dejavu build-map: ') and told.count('\n') == 1
    assert all(word in told for word in words), told


def test_what_is_told_of_a_map(build):
    assert '1: a jump of 100' in build('pose_jump_interpolated', '--bag', 'bag')[2]


def test_the_clock_that_goes_back_is_told(build):
    assert 'goes back 1 times' in build('simulation_reset_in_bag', '--bag', 'bag')[2]


def test_fixes_at_zero_are_no_origin(build):
    status, poses, words = build('gps_first_fixes_at_zero', '--bag', 'bag')
    assert status == 0 and 'unusable poses' in words
    assert np.abs(poses[:, :2]).max() < 20 and np.abs(poses[:, 2]).max() < 1
