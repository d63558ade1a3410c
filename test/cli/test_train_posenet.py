"""``dejavu train-posenet`` on drives that need no renderer, and once on a rendered one."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.errors import DataError, RenderError
from dejavu_ros.geometry import Pose
from dejavu_ros.nn.checkpoint import save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.posenet.drives import Drive, drive_file, load_drives, plan_testing, plan_training
from dejavu_ros.posenet.settings import PoseNetSettings

FAST = {'train_step': 24.0, 'test_step': 40.0, 'test_condition': 'overcast-summer,snow,night', 'seeds': 2, 'epochs': 15,
        'versions': 2, 'batch': 16}
FLAGS = [part for name, value in FAST.items() for part in ('--' + name.replace('_', '-'), str(value))]


def painted(plan):
    """A drive round a circle of 640 m; the picture's pattern goes with the place, its brightness with the season."""
    way = np.arange(plan.start, plan.start + 640, plan.step)
    angles = 2 * np.pi * way / 640
    columns = np.linspace(0, 4 * np.pi, 128)
    shades = 120 + 100 * np.cos(columns - angles[:, None])
    gain = 0.3 if plan.condition == 'night' else 1.0
    pictures = np.broadcast_to((gain * shades)[:, None, :, None], (len(way), 96, 128, 3)).astype(np.uint8)
    poses = [Pose.planar(102 * np.cos(angle), 102 * np.sin(angle), angle + np.pi / 2) for angle in angles]
    return Drive(plan.condition, pictures, way, np.array([pose.position for pose in poses]),
                 np.array([pose.quaternion for pose in poses]))


@pytest.fixture(scope='module')
def settings():
    return PoseNetSettings(**FAST)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'small.pt'
    torch.manual_seed(0)
    save_checkpoint(path, DejavuNet(), FeatureSettings(48, 36, 8, 6), ContextualSettings())
    return str(path)


def keep_painted(folder, settings):
    for plan in plan_training(settings) + plan_testing(settings):
        path = drive_file(folder, plan)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **dataclasses.asdict(painted(plan)))


def test_table_json_and_picture(tmp_path, capsys, settings, checkpoint, quick):
    keep_painted(tmp_path / 'drives', settings)
    assert main(['train-posenet', '-o', str(tmp_path), '--threads', '1', '--checkpoint', checkpoint, *FLAGS]) == 0
    result = json.loads((tmp_path / 'posenet.json').read_text())
    assert list(result['methods']) == ['middle of the loop', 'rgb', 'features small',
                                       'nearest frame, features small']
    assert result['training_frames'] == 81 and set(result['checkpoints']) == {'features small'}
    for method, seasons in result['methods'].items():
        assert list(seasons) == ['overcast-summer', 'snow', 'night', 'other_seasons']
        other = seasons['other_seasons']['position_m']
        mean = np.mean([seasons[name]['position_m']['mean'] for name in ('snow', 'night')])
        assert other['mean'] == pytest.approx(mean)
        assert (other['deviation'] > 0) == (method in ('rgb', 'features small'))
    assert result['methods']['rgb']['overcast-summer']['position_m']['mean'] < 60
    assert result['methods']['middle of the loop']['snow']['position_m']['mean'] == pytest.approx(102, rel=0.05)
    output = capsys.readouterr().out
    assert f'{result["methods"]["rgb"]["other_seasons"]["position_m"]["mean"]:.2f}' in output
    night = result['methods']['features small']['night']['position_m']
    of_seasons = [line for line in output.splitlines() if line.startswith('features small')][-1]
    assert f'{night["mean"]:.1f} ± {night["deviation"]:.1f}' in of_seasons, 'seasons, one by one'
    assert cv2.imread(str(tmp_path / 'trajectories.png')) is not None


def test_training_and_test_drives_share_no_frame(settings):
    training, testing = plan_training(settings), plan_testing(settings)
    assert not {(plan.condition, plan.seed) for plan in training} & {(plan.condition, plan.seed) for plan in testing}
    assert len({plan.left for plan in training}) == len({plan.start for plan in training}) == 3
    assert {plan.condition for plan in training} == {'overcast-summer'}


def test_drives_are_rendered_once(tmp_path):
    plans = [dataclasses.replace(plan, step=160.0) for plan in plan_training(PoseNetSettings())[:2]]
    try:
        first, second = load_drives(plans, tmp_path)
    except RenderError as error:
        pytest.skip(str(error))
    assert first.pictures.shape[1:] == (96, 128, 3) and len(first.way) == len(first.positions) == len(first.pictures)
    apart = np.linalg.norm(first.positions[0] - second.positions[0])
    assert 0.5 < apart < 3.0  # a metre along and half a metre aside, give or take the steering
    drive_file(tmp_path, plans[1]).write_bytes(b'')
    with pytest.raises(DataError, match='is no drive .* remove it'):
        load_drives(plans, tmp_path)


@pytest.mark.parametrize('flags, said', [
    (['--test-condition', 'snow,fog'], '--test-condition must be some of dawn'),
    (['--inputs', 'depth'], '--inputs must be some of rgb, features'),
    (['--town', '201'], 'town must be in 301 to inf'),
    (['--input-width', '97'], 'must be even'),
    (['--checkpoint', 'a.pt,b/a.pt'], 'must have names that differ'),
    (['--checkpoint', 'nowhere.pt'], 'no checkpoint nowhere.pt'),
    (['--device', 'warp'], 'warp')])
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys, flags, said):
    monkeypatch.chdir(tmp_path)
    assert main(['train-posenet', '-o', 'out', *flags]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1
    assert not (tmp_path / 'out').exists()
