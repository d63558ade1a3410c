"""``dejavu benchmark-systems`` on pictures made here."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.evaluation import pose_benchmark, system_benchmark
from dejavu_ros.evaluation.pose_drives import PosedDrive, PosedFrame, pinhole
from dejavu_ros.evaluation.system_table import table
from dejavu_ros.evaluation.systems import known_systems
from dejavu_ros.geometry import Pose
from dejavu_ros.geowarp.files import save_geowarp
from dejavu_ros.geowarp.network import GeoWarpNet
from dejavu_ros.geowarp.settings import GeoWarpSettings
from dejavu_ros.images import encode_jpeg
from dejavu_ros.nn.caps import CapsNet, save_caps
from dejavu_ros.nn.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures('quick')
KEYS = ['system', 'dataset', 'cross_session_auc', 'recall_at_1', 'median_position_error_m', 'ms_per_frame_ratio',
        'bytes_per_keyframe']


@pytest.fixture(autouse=True)
def few_frames_timed(monkeypatch):
    monkeypatch.setattr(system_benchmark, 'TIMED', 2)


@pytest.fixture(scope='module')
def manifest(tmp_path_factory):
    """Four places 10 m apart, by day and at dusk."""
    folder = tmp_path_factory.mktemp('set')
    lines = ['image,place,session,x,y']
    for place in range(4):
        pattern = np.random.default_rng(place).integers(0, 256, (12, 16, 3), np.uint8)
        picture = cv2.resize(pattern, (160, 120), interpolation=cv2.INTER_CUBIC)
        for session, gain in (('day', 1.0), ('dusk', 0.6)):
            (folder / f'{place}{session}.jpg').write_bytes(encode_jpeg((picture * gain).astype(np.uint8)))
            lines.append(f'{place}{session}.jpg,{place},{session},{10 * place},0')
    (folder / 'set.csv').write_text('\n'.join(lines) + '\n')
    return folder / 'set.csv'


def grid_bytes():
    """What a keyframe of the shipped checkpoint takes, in float16."""
    checkpoint = load_checkpoint()
    return 2 * checkpoint.network.channels * checkpoint.settings.grid_width * checkpoint.settings.grid_height


def test_chosen_systems_on_one_set(manifest, tmp_path, capsys):
    assert main(['benchmark-systems', str(manifest), '-o', str(tmp_path), '--system', 'dvf', '--system', 'orb',
                 '--system', 'netvlad']) == 0
    rows = json.loads((tmp_path / 'systems.json').read_text())
    assert [list(row) for row in rows] == [KEYS] * 3
    assert [row['system'] for row in rows] == ['dvf', 'orb', 'netvlad']
    dvf, orb, netvlad = rows
    assert dvf['recall_at_1'] == 100 and dvf['median_position_error_m'] == 0
    assert dvf['bytes_per_keyframe'] == grid_bytes() and netvlad['bytes_per_keyframe'] == 2 * 256
    assert 0 < orb['bytes_per_keyframe'] <= 32 * 500
    assert all(row['ms_per_frame_ratio'] > 0 for row in rows)
    assert '| dvf      |' in capsys.readouterr().out


def test_an_interrupted_benchmark_goes_on(manifest, tmp_path, monkeypatch):
    flags = ['benchmark-systems', str(manifest), '-o', str(tmp_path)]
    assert main([*flags, '--system', 'orb']) == 0
    first = json.loads((tmp_path / 'systems.json').read_text())
    measured = []
    real = system_benchmark.measured
    monkeypatch.setattr(system_benchmark, 'measured', lambda *given: measured.append(given) or real(*given))
    assert main([*flags, '--system', 'orb', '--system', 'sift']) == 0
    assert json.loads((tmp_path / 'systems.json').read_text())[:1] == first and len(measured) == 1


@pytest.mark.parametrize('second', ['dvf, then agreeing cells', 'dvf, then inliers', 'netvlad, then dvf'])
def test_a_second_look_orders_the_best_anew(manifest, tmp_path, second):
    assert main(['benchmark-systems', str(manifest), '-o', str(tmp_path), '--system', second]) == 0
    (row,) = json.loads((tmp_path / 'systems.json').read_text())
    assert row['recall_at_1'] == 100 and row['cross_session_auc'] is None and row['median_position_error_m'] == 0
    size = {'dvf, then agreeing cells': grid_bytes(), 'netvlad, then dvf': 512 + grid_bytes()}
    assert row['bytes_per_keyframe'] == size.get(second, row['bytes_per_keyframe'])


def test_caps_with_weights_of_ones_own(manifest, tmp_path):
    torch.manual_seed(0)
    save_caps(tmp_path / 'caps.pt', CapsNet(load_checkpoint('random').network, 8), {})
    assert main(['benchmark-systems', str(manifest), '-o', str(tmp_path), '--system', 'caps', '--caps',
                 str(tmp_path / 'caps.pt')]) == 0
    (row,) = json.loads((tmp_path / 'systems.json').read_text())
    assert row['bytes_per_keyframe'] % (2 * 16) == 0 and row['recall_at_1'] is not None


def test_geowarp_looks_a_second_time(manifest, tmp_path):
    torch.manual_seed(0)
    save_geowarp(tmp_path / 'geowarp.pt', GeoWarpNet(GeoWarpSettings(rows=12, columns=16, width=4), None), {})
    assert main(['benchmark-systems', str(manifest), '-o', str(tmp_path), '--system', 'dvf, then geowarp', '--geowarp',
                 str(tmp_path / 'geowarp.pt')]) == 0
    (row,) = json.loads((tmp_path / 'systems.json').read_text())
    assert row['recall_at_1'] == 100 and row['cross_session_auc'] is None and row['bytes_per_keyframe'] == grid_bytes()


def test_the_table_goes_into_a_document(manifest, tmp_path, capsys):
    document = tmp_path / 'which.md'
    flags = ['benchmark-systems', str(manifest), '-o', str(tmp_path), '--system', 'orb', '--document', str(document)]
    document.write_text('before\n<!-- systems.json -->\nold\n<!-- end -->\nafter\n')
    assert main(flags) == 0
    content = document.read_text()
    assert 'old' not in content and content.startswith('before\n') and content.endswith('\nafter\n')
    assert '| orb      | ' in content and main(flags) == 0 and document.read_text() == content
    document.write_text('nothing')
    assert main(flags) == 1
    assert 'has no lines' in capsys.readouterr().err


def test_poses_of_drives_through_a_town(manifest, tmp_path, monkeypatch):
    frames = [PosedFrame(np.zeros((2, 2, 3), np.uint8), Pose.planar(index, 0, 0)) for index in range(3)]
    drives = [PosedDrive('town007', name, pinhole(np.eye(3), 2, 2), Pose.planar(0, 0, 0), frames)
              for name in ('map', 'snow')]
    monkeypatch.setattr(pose_benchmark, 'town_drives', lambda seed, *given: iter(drives))
    rows = pose_benchmark.town_rows(7, tmp_path)
    assert [list(row) for row in rows] == [KEYS] * 2 and {row['dataset'] for row in rows} == {'town007, drives'}
    nearest, pose = rows
    assert nearest['median_position_error_m'] is not None and nearest['bytes_per_keyframe'] == grid_bytes()
    assert pose['median_position_error_m'] is None, 'nothing is seen in black pictures'
    assert pose['bytes_per_keyframe'] >= grid_bytes()
    monkeypatch.setattr(pose_benchmark, 'town_drives', None)
    assert pose_benchmark.town_rows(7, tmp_path) == rows


def test_the_document_of_the_project_is_what_the_command_wrote():
    docs = Path(__file__).parents[2] / 'docs'
    rows = json.loads((docs / 'systems.json').read_text())
    assert [list(row) for row in rows] == [KEYS] * len(rows)
    assert {row['system'] for row in rows} >= set(known_systems())
    assert table(rows) in (docs / 'systems.md').read_text(), 'dejavu benchmark-systems --document docs/systems.md'


def test_images_near_by_may_be_right(manifest, tmp_path):
    lines = manifest.read_text().splitlines()
    renamed = [line.replace('.jpg,', '.jpg,p') if 'day' in line else line for line in lines]  # the places, by day
    manifest.with_name('near.csv').write_text('\n'.join(renamed) + '\n')
    found = {}
    for radius in ('0', '3'):
        assert main(['benchmark-systems', str(manifest.with_name('near.csv')), '-o', str(tmp_path), '--system', 'orb',
                     '--radius', radius]) == 0
        found[radius] = json.loads((tmp_path / 'systems.json').read_text())[0]['recall_at_1']
    assert found['0'] is None and found['3'] is not None


def test_without_positions_there_is_no_error_in_metres(manifest, tmp_path):
    bare = manifest.with_name('bare.csv')
    bare.write_text('\n'.join(','.join(line.split(',')[:3]) for line in manifest.read_text().splitlines()) + '\n')
    assert main(['benchmark-systems', str(bare), '-o', str(tmp_path), '--system', 'orb']) == 0
    assert json.loads((tmp_path / 'systems.json').read_text())[0]['median_position_error_m'] is None


def test_an_unknown_system_is_said_with_those_there_are(manifest, tmp_path, capsys):
    assert main(['benchmark-systems', str(manifest), '-o', str(tmp_path), '--system', 'surf']) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and "no system 'surf'; there are: dvf; dvf rendered; " in error
