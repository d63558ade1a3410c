"""``dejavu evaluate-hpatches`` on sequences whose homographies are known."""

import json

import cv2
import numpy as np
import pytest

from dejavu_ros.cli import main

TURNED = np.array([[0.95, 0.08, 5.0], [-0.06, 1.02, 3.0], [1e-4, 0.0, 1.0]])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A plane in other light, and one from elsewhere."""
    folder = tmp_path_factory.mktemp('hpatches')
    boxes = np.random.default_rng(1).integers(0, 256, (20, 28, 3), np.uint8)
    first = cv2.GaussianBlur(np.kron(boxes, np.ones((9, 9, 1), np.uint8)), None, 1)
    for name, homography, gain in (('i_lamp', np.eye(3), 0.5), ('v_wall', TURNED, 1.0)):
        (folder / name).mkdir()
        other = cv2.warpPerspective(first, homography, (first.shape[1], first.shape[0]))
        cv2.imwrite(str(folder / name / '1.ppm'), first)
        cv2.imwrite(str(folder / name / '2.ppm'), (other * gain).astype(np.uint8))
        np.savetxt(folder / name / 'H_1_2', homography)
    return folder


def test_accuracy_and_features(folder, tmp_path, capsys):
    assert main(['evaluate-hpatches', str(folder), '-o', str(tmp_path), '--features', 'rootsift']) == 0
    result = json.loads((tmp_path / 'hpatches.json').read_text())
    assert result['sequences'] == ['i_lamp', 'v_wall'] and set(result['features']) == {'all', 'light', 'viewpoint'}
    for kind in ('all', 'light', 'viewpoint'):
        accuracy = result['features'][kind]['rootsift']['mean_matching_accuracy']
        assert accuracy == sorted(accuracy) and accuracy[2] > 0.8
    assert f'{result["features"]["all"]["rootsift"]["mean_matching_accuracy"][2]:.3f}' in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / 'hpatches.png')) is not None
    with np.load(tmp_path / 'features/rootsift/v_wall/2.ppm.npz') as found:
        assert found['descriptors'].shape == (len(found['keypoints']), 128)
        assert found['scores'].shape == (len(found['keypoints']),) and (found['scores'] >= 0).all()


def test_the_wrong_homography_matches_nothing(folder, tmp_path):
    other = tmp_path / 'set/v_wall'
    other.mkdir(parents=True)
    for name in ('1.ppm', '2.ppm'):
        (other / name).write_bytes((folder / 'v_wall' / name).read_bytes())
    np.savetxt(other / 'H_1_2', TURNED @ np.array([[1, 0, 15], [0, 1, 0], [0, 0, 1]]))
    assert main(['evaluate-hpatches', str(tmp_path / 'set'), '-o', str(tmp_path), '--features', 'rootsift']) == 0
    result = json.loads((tmp_path / 'hpatches.json').read_text())
    assert result['features']['all']['rootsift']['mean_matching_accuracy'][9] < 0.1


@pytest.mark.parametrize('name, content, said', [
    ('H_1_2', '1 2 3', 'holds no homography'), ('H_1_7', '1 0 0 0 1 0 0 0 1', 'has H_1_7 and no image 7'),
    ('none', '', 'holds no sequences')])
def test_what_is_wrong_is_one_line(folder, tmp_path, capsys, name, content, said):
    sequence = tmp_path / 'set/s'
    sequence.mkdir(parents=True)
    for image in ('1.ppm', '2.ppm'):
        (sequence / image).write_bytes((folder / 'v_wall' / image).read_bytes())
    (sequence / name).write_text(content)
    assert main(['evaluate-hpatches', str(tmp_path / 'set'), '-o', str(tmp_path / 'out'), '--features', 'orb']) == 1
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1
