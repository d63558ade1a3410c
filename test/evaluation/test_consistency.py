"""A covariance that is too small, too large or honest is told apart; so are right, wrong and unmapped answers."""

import json

import numpy as np
import pytest

from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.consistency import Answer, by_condition, consistency, main, nees, pose_error, table
from dejavu_ros.geometry import Pose
from dejavu_ros.localization import Estimate, Hypothesis

SIGMAS = np.array([0.5, 0.2, 0.3, 0.02, 0.03, 0.05])


@pytest.fixture(scope='module')
def drive():
    """Truths and poses that err by SIGMAS, correlated, along the map's axes."""
    rng = np.random.default_rng(0)
    mixing = np.linalg.cholesky(np.full((6, 6), 0.3) + 0.7 * np.eye(6)) * SIGMAS[:, None]
    truths = [Pose.planar(*rng.uniform(-100, 100, 2), rng.uniform(-3, 3)) for _ in range(800)]
    found = []
    for truth in truths:
        error = mixing @ rng.normal(size=6)
        turn = type(truth.rotation).from_rotvec(error[3:])
        found.append(Pose(truth.position + error[:3], (turn * truth.rotation).as_quat()))
    return found, truths, mixing @ mixing.T


@pytest.mark.parametrize(('axes', 'dof'), [((0, 1, 5), 3), (range(6), 6)])
def test_an_honest_covariance_is_told_from_a_vain_and_a_shy_one(drive, axes, dof):
    found, truths, covariance = drive
    for scale, ratio, low, high in ((1, 1, 0.92, 0.98), (1 / 9, 9, 0, 0.6), (9, 1 / 9, 0.999, 1)):
        result = consistency(nees(found, np.tile(scale * covariance, (len(found), 1, 1)), truths, axes), dof)
        assert result['nees_mean_over_dof'] == pytest.approx(ratio, rel=0.1)
        assert low <= result['ellipsoid_coverage'] <= high


def test_one_pose_by_hand():
    found, truth = Pose.planar(1.0, 2.0, np.pi - 0.05), Pose.planar(0.0, 0.0, -np.pi + 0.05)
    assert pose_error(found, truth) == pytest.approx([1, 2, 0, 0, 0, -0.1])
    covariance = np.diag([1.0, 4.0, 0, 0, 0, 0.01])  # nothing is known of axes that do not count
    assert nees([found], [covariance], [truth]) == pytest.approx([3.0])


def test_no_pose_and_a_covariance_that_is_none():
    assert consistency(nees([], [], [])) == {'nees_mean_over_dof': None, 'ellipsoid_coverage': None}
    with pytest.raises(DataError, match='positive definite'):
        nees([Pose.planar(0, 0, 0)], [np.zeros((6, 6))], [Pose.planar(0, 0, 0)])


def estimate(x, accepted=True, stamp_ns=0):
    pose = Pose.planar(x, 0, 0)
    return Estimate(stamp_ns, accepted, '' if accepted else 'ambiguous',
                    [Hypothesis(0, 's', 'c', 0.3, 0.9, 20, pose, np.eye(6))], 1.0)


def test_right_wrong_and_unmapped_answers_are_counted_by_condition():
    here = Pose.planar(0, 0, 0)
    answers = [Answer.of(estimate(1), here, 'snow'), Answer.of(estimate(9), here, 'snow'),
               Answer.of(estimate(1, False), here, 'snow'),
               Answer.of(Estimate(0, False, 'no_map', [], 0), here, 'snow'),
               Answer.of(estimate(1), None, 'fog'), Answer.of(estimate(1, False), None, 'fog')]
    result = by_condition(answers)
    assert list(result) == ['snow', 'fog', 'all']
    snow = result['snow']
    assert (snow['frames'], snow['accepted'], snow['recall_at_5m'], snow['wrong_accepts']) == (4, 2, 0.25, 1)
    assert snow['nees_mean_over_dof'] == pytest.approx((1 + 81) / 2 / 3) and snow['ellipsoid_coverage'] == 0.5
    assert snow['error']['along'] == {'median': 1, 'p95': 1} and snow['error']['aside']['p95'] == 0
    assert (result['fog']['unmapped_frames'], result['fog']['unmapped_accepts']) == (2, 1)
    assert result['fog']['recall_at_5m'] is None and 'fog' in table(result)


def test_the_lines_of_localize_are_held_against_a_trajectory(tmp_path, capsys):
    (tmp_path / 'truth.txt').write_text('0 0 0 0 0 0 0 1\n1 10 0 0 0 0 0 1\n')
    lines = [estimate(0.5, stamp_ns=0), estimate(10.5, stamp_ns=10**9), estimate(99, stamp_ns=5 * 10**9)]
    (tmp_path / 'found.jsonl').write_text('\n'.join(json.dumps(line.to_json('a.jpg')) for line in lines))
    assert main(['--drive', 'snow', str(tmp_path / 'found.jsonl'), str(tmp_path / 'truth.txt'),
                 '--unmapped', 'fog', str(tmp_path / 'found.jsonl'), '--json', str(tmp_path / 'out.json')]) == 0
    result = json.loads((tmp_path / 'out.json').read_text())
    assert result['snow']['frames'] == 2 and result['snow']['recall_at_5m'] == 1  # the third is after the truth ends
    assert result['fog']['unmapped_accepts'] == 3
    (tmp_path / 'bad.jsonl').write_text('{"stamp_ns": 1}')
    assert main(['--unmapped', 'fog', str(tmp_path / 'bad.jsonl')]) == 1
    assert 'dejavu localize --json' in capsys.readouterr().err
