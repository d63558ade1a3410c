"""``dejavu match`` on pictures made here."""

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

SHIFT = np.array([12, 7])


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """One picture, the same moved by SHIFT and a flat one."""
    folder = tmp_path_factory.mktemp('pictures')
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(np.kron(rng.integers(0, 256, (20, 26, 3), np.uint8), np.ones((9, 9, 1), np.uint8)), None, 1)
    x, y = SHIFT
    (folder / 'a.jpg').write_bytes(encode_jpeg(wide[y:y + 150, x:x + 200]))
    (folder / 'b.jpg').write_bytes(encode_jpeg(wide[:150, :200]))
    (folder / 'flat.jpg').write_bytes(encode_jpeg(np.full((150, 200, 3), 90, np.uint8)))
    torch.manual_seed(0)
    save_checkpoint(folder / 'small.pt', DejavuNet(), FeatureSettings(64, 48, 8, 6), ContextualSettings())
    return folder


def matched(folder, output, *arguments):
    assert main(['match', str(folder / 'a.jpg'), str(folder / 'b.jpg'), '-o', str(output), *arguments]) == 0
    return json.loads((output / 'matches.json').read_text())


def arguments_of(features, folder):
    network = ['--checkpoint', str(folder / 'small.pt'), '--input-side', '128']
    return ['--features', features, *(network if features == 'dvf' else [])]


@pytest.mark.parametrize('features', ['dvf', 'orb', 'sift', 'rootsift'])
def test_a_moved_picture(pictures, tmp_path, capsys, features):
    found = matched(pictures, tmp_path, *arguments_of(features, pictures))
    a, b, inliers = (np.array(found[name]) for name in ('a', 'b', 'inliers'))
    moved = (b - a)[inliers]
    assert inliers.sum() >= 20 and np.abs(moved - SHIFT).max() < 4
    np.testing.assert_allclose(np.array(found['matrix']) @ [100, 75, 1], [112, 82, 1], atol=1.5)
    assert f'{inliers.sum()} inliers' in capsys.readouterr().out
    names = {'inliers.png', 'matches.json'} | ({'features.png'} if features == 'dvf' else set())
    assert {path.name for path in tmp_path.iterdir()} == names
    assert cv2.imread(str(tmp_path / 'inliers.png')).shape == (480, 2 * 640 + 8, 3)


def test_the_colours_of_both_pictures_mean_the_same(pictures, tmp_path):
    matched(pictures, tmp_path, *arguments_of('dvf', pictures))
    painted = cv2.imread(str(tmp_path / 'features.png')).astype(int)
    left, right = painted[120:360, 200:440], painted[120:360, 648 + 200:648 + 440]
    x, y = np.round(SHIFT * 480 / 150).astype(int)
    moved = painted[120 + y:360 + y, 648 + 200 + x:648 + 440 + x]
    assert np.abs(left - moved).mean() < 0.7 * np.abs(left - right).mean()


def test_everywhere_on_a_grid(pictures, tmp_path):
    found = matched(pictures, tmp_path, *arguments_of('dvf', pictures), '--keypoints', 'grid', '--count', '2000',
                    '--tolerance', '5')
    a, inliers = np.array(found['a']), np.array(found['inliers'])
    assert np.unique(a[:, 0]).size < 60 and inliers.sum() > 50
    assert np.abs(np.array(found['b'])[inliers] - a[inliers] - SHIFT).mean() < 5


@pytest.mark.parametrize('more', [['--model', 'fundamental'],
                                  ['--model', 'essential', '--intrinsics', '200,200,100,75']])
def test_other_models(pictures, tmp_path, capsys, more):
    found = matched(pictures, tmp_path, '--features', 'sift', '--ratio', '1', *more)
    assert found['model'] == more[1] and sum(found['inliers']) > 20
    assert ('the camera turned by' in capsys.readouterr().out) == (more[1] == 'essential')


@pytest.mark.parametrize('images, more, message', [
    (['a.jpg', 'none.jpg'], [], 'none.jpg cannot be read'),
    (['a.jpg', 'flat.jpg'], ['--features', 'sift'], 'flat.jpg: 0 matches are too few: a homography needs 12'),
    (['a.jpg', 'flat.jpg'], ['--checkpoint', 'small.pt'], 'flat.jpg: 0 matches are too few'),
    (['a.jpg', 'b.jpg'], ['--checkpoint', 'none.pt'], 'no checkpoint'),
    (['a.jpg', 'b.jpg'], ['--features', 'orb', '--keypoints', 'grid'], 'for dvf and caps features, not for orb'),
    (['a.jpg', 'b.jpg'], ['--features', 'orb', '--checkpoint', 'small.pt'], 'for dvf features, not for orb'),
    (['a.jpg', 'b.jpg'], ['--model', 'essential'], 'belong together'),
    (['a.jpg', 'b.jpg'], ['--intrinsics', '1,2,3,4'], 'belong together'),
    (['a.jpg', 'b.jpg'], ['--model', 'essential', '--intrinsics', '200,200,nan'], 'must be FX,FY,CX,CY'),
    (['a.jpg', 'b.jpg'], ['--input-side', '5'], 'input_side must be in 64 to 4096'),
    (['a.jpg', 'b.jpg'], ['--device', 'abacus'], "device 'abacus' cannot be used")])
def test_what_cannot_be_matched_is_one_line(pictures, tmp_path, monkeypatch, capsys, images, more, message):
    monkeypatch.chdir(pictures)
    if '--device' in more:
        more = [*more, '--checkpoint', 'small.pt']
    assert main(['match', *images, '-o', str(tmp_path / 'out'), *more]) == 1
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1 and error.startswith('dejavu match: ')
    assert not (tmp_path / 'out').exists()
