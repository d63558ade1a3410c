"""``dejavu evaluate-matching`` on pictures whose truth is known."""

import json

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

SHIFTS = {1: (0, 12, -5), 2: (0, -20, 9)}  # px to the right of session 1, by place


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two places in three sessions of different brightness: by cameras that do not move, and by others that turn."""
    folder = tmp_path_factory.mktemp('set')
    lines = {'fixed': ['image,place,session'], 'turned': ['image,place,session']}
    for place, shifts in SHIFTS.items():
        boxes = np.random.default_rng(place).integers(0, 256, (20, 34, 3), np.uint8)
        picture = cv2.GaussianBlur(np.kron(boxes, np.ones((9, 9, 1), np.uint8)), None, 1)
        for session, gain in enumerate((1.0, 0.7, 0.5), 1):
            for name, shift in (('fixed', 0), ('turned', shifts[session - 1])):
                image = f'{name}_{session:02}{place:02}.jpg'
                view = picture[:150, 40 - shift:240 - shift]
                (folder / image).write_bytes(encode_jpeg((view * gain).astype(np.uint8)))
                lines[name].append(f'{image},{place:02},{session:02}')
        table = np.subtract.outer(shifts, shifts).T
        np.savetxt(folder / f'location_{place}.txt', table, fmt='%d')
    for name, rows in lines.items():
        (folder / f'{name}.csv').write_text('\n'.join(rows) + '\n')
    torch.manual_seed(0)
    save_checkpoint(folder / 'small.pt', DejavuNet(), FeatureSettings(64, 48, 8, 6), ContextualSettings())
    return folder


def measured(folder, output, name, *arguments):
    assert main(['evaluate-matching', str(folder / f'{name}.csv'), '-o', str(output), '--checkpoint',
                 str(folder / 'small.pt'), '--input-side', '96', *map(str, arguments)]) == 0
    return json.loads((output / 'matching.json').read_text())


def test_cameras_that_do_not_move(folder, tmp_path, capsys):
    result = measured(folder, tmp_path, 'fixed')
    assert (result['n_places'], result['n_pairs'], result['thresholds_px']) == (2, 6, list(range(1, 11)))
    assert list(result['features']) == ['dvf', 'orb', 'sift', 'rootsift']
    for row in result['features'].values():
        assert row['mean_matching_accuracy'] == sorted(row['mean_matching_accuracy'])
        assert row['mean_matching_accuracy'][2] > 0.8
        assert row['matches'] >= row['correct_matches'][-1] > 20
    output = capsys.readouterr().out
    assert f'{result["features"]["sift"]["mean_matching_accuracy"][2]:.3f}' in output
    assert cv2.imread(str(tmp_path / 'matching.png')) is not None


def test_known_shifts(folder, tmp_path):
    known = measured(folder, tmp_path, 'turned', '--shifts', folder, '--features', 'rootsift,orb')['features']
    unknown = measured(folder, tmp_path, 'turned', '--features', 'rootsift,orb')['features']
    for name in ('rootsift', 'orb'):
        assert known[name]['mean_matching_accuracy'][2] > 0.8 > 0.2 > unknown[name]['mean_matching_accuracy'][2]


def test_fewer_pairs(folder, tmp_path):
    assert measured(folder, tmp_path, 'fixed', '--pairs', 2, '--features', 'orb')['n_pairs'] == 4


def test_the_same_file_twice_is_no_pair(folder, tmp_path, capsys):
    lines = 'image,place,session\n' + ''.join(f'fixed_0101.jpg,1,{session}\n' for session in range(2))
    (folder / 'twice.csv').write_text(lines)
    assert main(['evaluate-matching', str(folder / 'twice.csv'), '-o', str(tmp_path), '--features', 'orb']) == 1
    assert 'no place is seen in two sessions by different images' in capsys.readouterr().err


@pytest.mark.parametrize('arguments, message', [
    (['fixed.csv', '--features', 'orb,surf'], '--features must be some of dvf, orb, sift, rootsift, caps, got'),
    (['fixed.csv', '--features', 'orb', '--shifts', 'none'], 'holds no location_N.txt'),
    (['more.csv', '--features', 'orb', '--shifts', '.'], 'no shift for place 01 from session 01 to summer'),
    (['sizes.csv', '--features', 'orb'], 'differ in size, 200x150 and 100x80'),
    (['none.csv'], 'no manifest')])
def test_what_cannot_be_measured_is_one_line(folder, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(folder)
    (folder / 'small.jpg').write_bytes(encode_jpeg(np.zeros((80, 100, 3), np.uint8)))
    for name, row in (('more', 'fixed_0201.jpg,01,summer'), ('sizes', 'small.jpg,01,02')):
        (folder / f'{name}.csv').write_text(f'image,place,session\nfixed_0101.jpg,01,01\n{row}\n')
    assert main(['evaluate-matching', *arguments, '-o', str(tmp_path / 'out')]) == 1
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1 and error.startswith('dejavu evaluate-matching: ')
    assert not (tmp_path / 'out').exists()
