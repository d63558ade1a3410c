"""Training GeoWarp, as a user sees it."""

import json

import cv2
import numpy as np
import pytest
import yaml

from dejavu_ros.cli import main
from dejavu_ros.geowarp.files import load_geowarp
from dejavu_ros.images import encode_jpeg
from dejavu_ros.training.geowarp import GeoWarpTrainer

NETS = '''
import torch
class Colours(torch.nn.Module):
    """A fast backbone: means of colours, and of their products."""
    def forward(self, images):
        small = torch.nn.functional.avg_pool2d(images, 2) - 0.5
        return torch.cat([small, small[:, :1] * small[:, 1:2], small[:, 1:2] * small[:, 2:]], 1)
'''
SMALL = ['--backbone', 'warp_nets:Colours', '--input-width', '32', '--input-height', '24', '--columns', '8', '--rows',
         '6', '--width', '8', '--workers', '0', '--no-tensorboard', '--no-bfloat16', '--threads', '1', '--places', '6']


def picture(place: int, role: int) -> np.ndarray:
    """Soft colours that are the place's own; a query is darker."""
    noise = np.random.default_rng(place).random((48, 64, 3)).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, (0, 0), 5)
    return ((blobs - blobs.min()) / np.ptp(blobs) * (255, 150)[role]).astype(np.uint8)


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """``train|val|test/{gallery,queries}``, twelve places 50 m apart in each; one gallery image lies between two."""
    for number, part in enumerate(('train', 'val', 'test')):
        for role, folder in enumerate(('gallery', 'queries')):
            (tmp_path / 'city' / part / folder).mkdir(parents=True)
            for place in range(12):
                path = tmp_path / 'city' / part / folder / f'@{5e5 + 50 * place + 2 * role:.2f}@4477123.12@x@.jpg'
                path.write_bytes(encode_jpeg(picture(100 * number + place, role)))
        (tmp_path / 'city' / part / 'gallery/@500015.00@4477123.12@x@.jpg').write_bytes(encode_jpeg(picture(77, 0)))
    (tmp_path / 'warp_nets.py').write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / 'city'


def train(*flags) -> int:
    return main(['train-geowarp', '--dataset', 'city', '-o', 'runs', *SMALL, '--steps', '6', '--validate-every', '3',
                 '--checkpoint-every', '1', *flags])


def log(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / 'log.jsonl').read_text().splitlines()]


@pytest.mark.parametrize('flags', [(), ('--cut', 'pictures', '--cache', '0', '--pooling', 'netvlad', '--clusters', '4'),
                                   ('--cut', 'turns', '--cache', '2'), ('--pooling', 'gem', '--similarity', 'cx')])
def test_a_run_leaves_a_dated_folder_and_tells_recall_before_and_after(tmp_path, dataset, capsys, flags):
    assert train(*flags) == 0
    told = capsys.readouterr().out
    folder, = (tmp_path / 'runs').iterdir()
    assert folder.name[:2] == '20' and folder.name[10] == '_'
    assert 'test   before' in told and 'test   after' in told
    result, = json.loads((folder / 'results.json').read_text())
    assert {*result['before']} == {'1', '5', '10'} and result['n_images'] == 25, 'nothing is left out'
    file = load_geowarp(f'{folder}/geowarp.pt@warp_nets:Colours')
    assert file.card['results'] == [result] and file.card['recipe']['warping']['k'] == 0.6
    assert any('validation' in entry for entry in log(folder))


def test_it_goes_on_where_it_was_interrupted(tmp_path, dataset, monkeypatch):
    assert train() == 0
    whole, = (tmp_path / 'runs').iterdir()
    with monkeypatch.context() as patch:
        def stop(trainer, *_):
            if trainer.step == 4:
                raise KeyboardInterrupt
        patch.setattr(GeoWarpTrainer, 'tell', stop)
        assert train('-o', 'parts') == 130
    parts, = (tmp_path / 'parts').iterdir()
    assert train('--resume', str(parts)) == 0
    first, second = (load_geowarp(f'{folder}/geowarp.pt@warp_nets:Colours').identity for folder in (whole, parts))
    assert first == second


def test_what_cannot_be_done_is_said_in_one_line(tmp_path, dataset, capsys):
    assert main(['train-geowarp', *SMALL]) == 1
    assert 'nothing to learn from: give --dataset' in capsys.readouterr().err
    assert main(['train-geowarp', '--dataset', 'nowhere', *SMALL]) == 1
    assert 'has no folder train' in capsys.readouterr().err
    assert train('--cut', 'pictures') == 1
    assert 'set cache 0, or cut maps' in capsys.readouterr().err
    recipe = {'sources': [{'manifest': 'city/train'}], 'train': {'steps': 1}, 'test': 'city/test'}
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(recipe))
    assert main(['train-geowarp', '--config', 'recipe.yaml', *SMALL]) == 1
    assert 'test must be a list of manifests' in capsys.readouterr().err
    recipe |= {'train': {'alpha': 0.2, 'margin': 0.3}, 'test': ['city/test']}
    (tmp_path / 'recipe.yaml').write_text(yaml.safe_dump(recipe))
    assert main(['train-geowarp', '--config', 'recipe.yaml', *SMALL]) == 1
    assert 'alpha, margin mean nothing to GeoWarp' in capsys.readouterr().err
