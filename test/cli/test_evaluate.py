"""``dejavu evaluate`` from manifest to files, on pictures made here."""

import json
import re

import cv2
import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.images import encode_jpeg
from dejavu_ros.nn.checkpoint import save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings

KEYS = {'n_images', 'n_places', 'n_sessions', 'auc_matrix', 'cross_session_auc', 'within_session_auc', 'recall_at',
        'features', 'similarity', 'checkpoint'}


@pytest.fixture(scope='module')
def manifest(tmp_path_factory):
    """Three places in three sessions of different brightness, each place twice a session, a little moved."""
    folder = tmp_path_factory.mktemp('set')
    lines = ['image,place,session,condition']
    for place in range(3):
        rng = np.random.default_rng(place)
        picture = np.kron(rng.integers(0, 256, (15, 20, 3), np.uint8), np.ones((9, 9, 1), np.uint8))
        for session, gain in (('morning', 1.0), ('noon', 0.8), ('evening', 0.5)):
            for shift in (0, 3):
                moved = cv2.warpAffine(picture, np.float32([[1, 0, shift], [0, 1, 0]]), (180, 135),
                                       borderMode=cv2.BORDER_REFLECT)
                name = f'{place}_{session}_{shift}.jpg'
                (folder / name).write_bytes(encode_jpeg((moved * gain).astype(np.uint8)))
                lines.append(f'{name},{place},{session},{session}')
    (folder / 'set.csv').write_text('\n'.join(lines) + '\n')
    return folder / 'set.csv'


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'small.pt'
    settings = FeatureSettings(input_width=64, input_height=48, grid_width=8, grid_height=6, reduction='area')
    torch.manual_seed(0)
    save_checkpoint(path, DejavuNet(), settings, ContextualSettings())
    return path


def evaluated(folder, *arguments):
    assert main(['evaluate', '-o', str(folder), *map(str, arguments)]) == 0
    return json.loads((folder / 'metrics.json').read_text())


@pytest.mark.parametrize('similarity', ['cx', 'matches'])
@pytest.mark.parametrize('features', ['orb', 'sift', 'rootsift'])
def test_baselines_know_moved_pictures(manifest, tmp_path, features, similarity):
    metrics = evaluated(tmp_path, '--manifest', manifest, '--features', features, '--similarity', similarity)
    assert KEYS <= set(metrics)
    assert (metrics['n_images'], metrics['n_places'], metrics['n_sessions']) == (18, 3, 3)
    assert (metrics['features'], metrics['similarity'], metrics['checkpoint']) == (features, similarity, None)
    assert metrics['cross_session_auc'] > 95 and metrics['within_session_auc'] > 95
    assert metrics['recall_at']['1'] > 95
    assert metrics['auc_matrix']['morning']['noon'] == pytest.approx(metrics['auc_matrix']['noon']['morning'])


@pytest.mark.parametrize('similarity', ['cx', 'matches'])
def test_features_of_a_checkpoint(manifest, checkpoint, tmp_path, similarity, capsys):
    metrics = evaluated(tmp_path, '--manifest', manifest, '--checkpoint', checkpoint, '--similarity', similarity)
    assert (metrics['features'], metrics['similarity']) == ('dvf', similarity)
    assert re.fullmatch('[0-9a-f]{12}', metrics['checkpoint']) and metrics['checkpoint_file'] == str(checkpoint)
    # coloured boxes are told apart by any network, even one with random weights
    assert metrics['cross_session_auc'] > 60
    assert f'{metrics["cross_session_auc"]:.2f} %' in capsys.readouterr().out


def test_random_weights_are_the_same_every_time(manifest, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv('DEJAVU_CHECKPOINT', str(checkpoint))  # random weights take the shipped one's settings
    runs = [evaluated(tmp_path / name, '--manifest', manifest, '--checkpoint', 'random') for name in 'ab']
    assert runs[0] == runs[1] and runs[0]['checkpoint_file'] == 'random'
    shipped = evaluated(tmp_path / 'c', '--manifest', manifest)
    assert shipped['checkpoint'] != runs[0]['checkpoint'] and shipped['checkpoint_file'] == 'shipped'


def test_report_stands_alone(manifest, tmp_path):
    evaluated(tmp_path, '--manifest', manifest, '--features', 'orb')
    page = (tmp_path / 'report.html').read_text()
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert 'Different places, found most alike' in page and page.count('data:image/jpeg') == 2 * 3 * 4
    assert cv2.imread(str(tmp_path / 'auc_matrix.png')) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ['auc_matrix.png', 'metrics.json', 'report.html']


def failure(capsys, *arguments):
    assert main(['evaluate', *map(str, arguments)]) == 1
    output = capsys.readouterr()
    assert len(output.err.splitlines()) == 1 and output.err.startswith('dejavu evaluate: ')
    return output.err


def test_bad_input_is_one_line_and_writes_nothing(manifest, checkpoint, tmp_path, capsys):
    target = tmp_path / 'out'
    assert 'no manifest' in failure(capsys, '--manifest', tmp_path / 'none.csv', '-o', target)
    assert 'no checkpoint' in failure(capsys, '--manifest', manifest, '-o', target, '--checkpoint',
                                      tmp_path / 'none.pt')
    assert 'is for dvf features' in failure(capsys, '--manifest', manifest, '--features', 'orb', '--checkpoint',
                                            checkpoint, '-o', target)
    assert 'radius must be' in failure(capsys, '--manifest', manifest, '--radius', -1, '-o', target)
    (tmp_path / 'cut.jpg').write_bytes((manifest.parent / '0_noon_0.jpg').read_bytes()[:500])
    (tmp_path / 'set.csv').write_text('image,place,session\ncut.jpg,p,s\n')
    assert 'cut short' in failure(capsys, '--manifest', tmp_path / 'set.csv', '--features', 'orb', '-o', target)
    assert not target.exists()


def test_a_file_in_the_place_of_the_folder(manifest, tmp_path, capsys):
    (tmp_path / 'out').write_text('mine')
    assert 'cannot write' in failure(capsys, '--manifest', manifest, '--features', 'orb', '-o', tmp_path / 'out')
    assert (tmp_path / 'out').read_text() == 'mine'
