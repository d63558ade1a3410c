"""``dejavu train-caps`` and what is done with its weights."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from dejavu_ros.caps.settings import CapsConfig, load_caps_recipe
from dejavu_ros.cli import main
from dejavu_ros.images import encode_jpeg
from dejavu_ros.matching.caps_features import CapsFeatures
from dejavu_ros.matching.settings import MatchSettings
from dejavu_ros.nn.caps import load_caps
from dejavu_ros.nn.checkpoint import default_checkpoint_path, load_checkpoint
from dejavu_ros.town.camera import camera_mount, intrinsics

SMALL = {'train': {'start_from': 'random', 'width': 64, 'height': 48, 'pairs': 2, 'points': 30, 'steps': 3, 'length': 8,
                   'log_every': 1},
         'sources': [{'folders': 'drive'}]}


@pytest.fixture
def place(tmp_path, monkeypatch, quick):
    """A folder with a drive past a wall, and a recipe."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'drive/images').mkdir(parents=True)
    boxes = np.random.default_rng(0).integers(0, 256, (12, 40, 3), np.uint8)
    wall = cv2.GaussianBlur(np.kron(boxes, np.ones((8, 8, 1), np.uint8)), None, 1)
    for index in range(6):
        (tmp_path / f'drive/images/{1000 + index}.000000000.jpg').write_bytes(
            encode_jpeg(wall[:96, 20 * index:20 * index + 128]))
    (tmp_path / 'drive/poses.txt').write_text('\n'.join(f'{1000 + index}.0 0 {-index} 0 0 0 0 1'
                                                        for index in range(6)))
    mount = camera_mount(pitch_deg=0.0)
    (tmp_path / 'drive/camera.yaml').write_text(yaml.safe_dump({
        'camera_matrix': {'data': intrinsics(128, 96, 80.0).ravel().tolist()},
        'base_T_camera': {'position': mount.position.tolist(), 'quaternion_xyzw': mount.quaternion.tolist()}}))
    (tmp_path / 'caps.yaml').write_text(yaml.safe_dump(SMALL))
    return tmp_path


def trained(*flags):
    assert main(['train-caps', '--config', 'caps.yaml', '-o', 'run', '--threads', '1', *flags]) == 0
    return [json.loads(line) for line in open('run/log.jsonl')]


def test_heads_learn_and_the_encoder_stays(place, capsys):
    log = trained()
    assert [line['step'] for line in log] == [1, 2, 3]
    assert set(log[0]) == {'step', 'loss', 'coarse_epipolar', 'coarse_cycle', 'fine_epipolar', 'fine_cycle'}
    assert 'drive: 6 pictures, ' in capsys.readouterr().out
    network, before = load_caps('run/caps.pt'), load_checkpoint('random').network
    for name, value in before.state_dict().items():
        torch.testing.assert_close(network.encoder.state_dict()[name], value, rtol=1e-3, atol=1e-4, check_dtype=False)
    assert not (place / 'run/encoder.pt').exists()
    image = cv2.imread('drive/images/1000.000000000.jpg')
    found = CapsFeatures(MatchSettings(features='caps', caps='run/caps.pt', count=50))(image)
    assert found.descriptors.shape == (16, len(found.points)) and len(found.points) > 10
    np.testing.assert_allclose(np.linalg.norm(found.descriptors, axis=0), 1, rtol=1e-5)


def test_a_run_is_repeatable(place):
    first = trained('--steps', '2')
    assert trained('--steps', '2') == first
    assert trained('--steps', '2', '--seed', '1') != first


@pytest.mark.parametrize('supervision, parts', [('both', {'cx', 'coarse_epipolar', 'fine_cycle'}), ('cx', {'cx'})])
def test_the_encoder_may_learn_too(place, supervision, parts):
    log = trained('--steps', '1', '--supervision', supervision)
    assert parts <= set(log[0]) and ('fine_cycle' in log[0]) == (supervision == 'both')
    learned, before = load_checkpoint('run/encoder.pt'), load_checkpoint('random')
    assert learned.identity != before.identity and learned.settings == before.settings


def test_matches_with_caps(place, capsys):
    trained('--steps', '1')
    images = [f'drive/images/{1000 + index}.000000000.jpg' for index in (2, 2)]
    assert main(['match', *images, '--features', 'caps', '--caps', 'run/caps.pt', '--count', '100']) == 0
    assert 'caps: ' in capsys.readouterr().out


@pytest.mark.parametrize('change, flags, said', [
    ({}, ['--start-from', 'nowhere.pt'], 'nowhere.pt'),
    ({}, ['--distance', '0.2'], 'min_distance 0.3 must be below distance 0.2'),
    ({'sources': []}, [], 'sources must list at least one'),
    ({'sources': [{'folders': 'gone'}]}, [], 'no such folder of images: gone/images'),
    ({'sources': [{'folders': 'drive', 'bags': 'b'}]}, [], 'a source has folders, bags, a scene or megadepth'),
    ({'extra': 1}, [], 'unknown part extra')])
def test_what_is_wrong_is_one_line(place, capsys, change, flags, said):
    (place / 'caps.yaml').write_text(yaml.safe_dump({**SMALL, **change}))
    assert main(['train-caps', '--config', 'caps.yaml', '-o', 'run', *flags]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1
    assert not (place / 'run').exists()


@pytest.mark.parametrize('content', [b'', b'nonsense', None])
def test_weights_that_are_none(place, capsys, content):
    if content is None:
        torch.save({'model': {}}, 'caps.pt')
    else:
        (place / 'caps.pt').write_bytes(content)
    image = 'drive/images/1000.000000000.jpg'
    assert main(['match', image, image, '--features', 'caps', '--caps', 'caps.pt']) == 1
    assert 'checkpoint caps.pt' in capsys.readouterr().err
    assert main(['match', image, image, '--features', 'dvf', '--caps', 'caps.pt']) == 1
    assert 'is for caps features, not for dvf' in capsys.readouterr().err


@pytest.mark.skipif(not default_checkpoint_path().with_name('caps.pt').is_file(), reason='no shipped CAPS')
def test_shipped_weights_match_a_wall_with_itself_moved(place, capsys):
    images = [f'drive/images/{1000 + index}.000000000.jpg' for index in (2, 3)]
    assert main(['match', *images, '--features', 'caps', '--count', '100']) == 0
    assert 'caps: ' in capsys.readouterr().out


def test_recipe_of_the_project_is_valid():
    config, sources = load_caps_recipe(Path(__file__).parents[2] / 'config/caps.yaml')
    assert config == CapsConfig(start_from='ckpts/rendered.pt') and len(sources) == 2
