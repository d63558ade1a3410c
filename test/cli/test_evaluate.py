"""``dejavu evaluate`` from manifest to files, on pictures made here."""

import json
import re

import cv2
import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.geowarp.files import load_geowarp, save_geowarp
from dejavu_ros.geowarp.network import GeoWarpNet
from dejavu_ros.geowarp.settings import GeoWarpSettings
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


def failure(capsys, *arguments):
    assert main(['evaluate', *map(str, arguments)]) == 1
    output = capsys.readouterr()
    assert len(output.err.splitlines()) == 1 and output.err.startswith('dejavu evaluate: ')
    return output.err


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


@pytest.fixture
def geowarp(tmp_path):
    """A fresh network for the checkpoint's grids."""
    save_geowarp(tmp_path / 'geowarp.pt', GeoWarpNet(GeoWarpSettings(rows=6, columns=8, width=4), None), {})
    return tmp_path / 'geowarp.pt'


def test_reranking_tells_recall_before_and_after(manifest, checkpoint, geowarp, tmp_path, capsys):
    metrics = evaluated(tmp_path, '--manifest', manifest, '--checkpoint', checkpoint, '--rerank', 'geowarp',
                        '--rerank-checkpoint', geowarp, '--rerank-top', '3', '--map', 'noon')
    plain = evaluated(tmp_path, '--manifest', manifest, '--checkpoint', checkpoint, '--map', 'noon')
    assert metrics['recall_before_rerank'] == plain['recall_at'] and metrics['rerank_top'] == 3
    assert metrics['recall_by_condition_before_rerank'] == plain['recall_by_condition']
    assert metrics['recall_at']['5'] == plain['recall_at']['5'], 'the first three stay ahead of the others'
    assert 're-ranked' in capsys.readouterr().out and 'rerank' not in plain


def test_what_cannot_be_reranked_is_refused(manifest, checkpoint, geowarp, tmp_path, capsys):
    rerank = '--rerank', 'geowarp', '--rerank-checkpoint', geowarp
    error = failure(capsys, '--manifest', manifest, '-o', tmp_path, '--features', 'orb', *rerank)
    assert 'stored grids is for --features dvf, not for orb' in error
    error = failure(capsys, '--manifest', manifest, '-o', tmp_path, '--rerank-checkpoint', geowarp)
    assert 'go with --rerank geowarp' in error


def test_the_shipped_reranking_brings_its_own_maps(manifest, tmp_path):
    metrics = evaluated(tmp_path, '--manifest', manifest, '--features', 'orb', '--rerank', 'geowarp')
    assert metrics['rerank_checkpoint'] == load_geowarp('').identity


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
    assert cv2.imread(str(tmp_path / 'precision_recall.png')) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ['auc_matrix.png', 'metrics.json',
                                                                'precision_recall.png', 'report.html']


def test_dense_features_are_shown_as_colours(manifest, checkpoint, tmp_path):
    evaluated(tmp_path, '--manifest', manifest, '--checkpoint', checkpoint)
    page = (tmp_path / 'report.html').read_text()
    assert [name for name in ('easiest', 'median', 'hardest') if f'the {name} triplet' in page] == [
        'easiest', 'median', 'hardest']
    assert page.count('data:image/jpeg') == 2 * 3 * 4 + 3 * 6


def test_recall_by_condition_against_a_map(manifest, tmp_path, capsys):
    metrics = evaluated(tmp_path, '--manifest', manifest, '--features', 'orb', '--map', 'noon')
    assert set(metrics['recall_by_condition']) == {'morning', 'evening'} and metrics['map'] == 'noon'
    assert metrics['recall_by_condition']['evening']['queries'] == 6
    assert re.search(r'evening +6 +0 +\d', capsys.readouterr().out)
    assert 'Against the map noon' in (tmp_path / 'report.html').read_text()


def test_probability_against_a_map(manifest, checkpoint, tmp_path, capsys):
    metrics = evaluated(tmp_path, '--manifest', manifest, '--checkpoint', checkpoint, '--map', 'noon')
    assert 0 <= metrics['ece'] <= 1 and 0 <= metrics['recall_at_100_precision'] <= 100
    assert sum(part['queries'] for part in metrics['reliability']['bins']) == 24
    assert metrics['reliability']['in_map'] == 12, 'and each query once more without its place in the map'
    assert set(metrics['reliability_by_condition']) == {'morning', 'evening'}
    assert 'reliability diagram' in (tmp_path / 'report.html').read_text()
    assert cv2.imread(str(tmp_path / 'reliability.png')) is not None
    assert re.search(r'all +24 +12 +0\.\d', capsys.readouterr().out)


def test_scores_that_nobody_calibrated_have_no_probability(manifest, tmp_path):
    metrics = evaluated(tmp_path, '--manifest', manifest, '--features', 'orb', '--map', 'noon')
    assert metrics['ece'] is None and metrics['reliability'] is None


def test_a_folder_of_a_known_layout(manifest, tmp_path, capsys):
    for season in ('summer', 'winter'):
        for place in range(2):
            path = tmp_path / f'seasons/{season}/{place}.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((manifest.parent / f'{place}_noon_0.jpg').read_bytes())
    (tmp_path / 'seasons/autumn').mkdir()
    metrics = evaluated(tmp_path / 'out', '--manifest', tmp_path / 'seasons', '--features', 'orb')
    assert (metrics['n_images'], metrics['n_places'], metrics['set']) == (4, 2, 'seasons')
    assert 'seasons: folder autumn' in capsys.readouterr().out


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A module of a user's own extractors."""
    (tmp_path / 'foreign_nets.py').write_text('''
import torch
def colours(image):
    return torch.nn.functional.avg_pool2d(image - 0.4, 9)
class Edges(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 5, stride=5)
    def forward(self, image):
        return self.conv(image)
def flat(image):
    return image.mean((2, 3))
def broken(image):
    return image[:, :, ::9, ::9] / 0
def failing(image):
    raise RuntimeError('out of luck')
def fine(image):
    return image
def fickle(image, seen=[]):
    seen.append(0)
    return image[:, :1 + len(seen) % 2]
class Unfinished:
    def __init__(self):
        self.layers
''')
    monkeypatch.syspath_prepend(tmp_path)
    return 'foreign_nets'


@pytest.mark.parametrize('similarity', ['cx', 'matches'])
@pytest.mark.parametrize('name', ['colours', 'Edges'])
def test_an_extractor_of_ones_own(manifest, foreign, tmp_path, name, similarity):
    metrics = evaluated(tmp_path / 'out', '--manifest', manifest, '--features', f'{foreign}:{name}', '--similarity',
                        similarity)
    assert metrics['features'] == f'{foreign}:{name}' and metrics['checkpoint'] is None
    assert metrics['cross_session_auc'] > 55
    assert 'Features as colours' in (tmp_path / 'out/report.html').read_text()


def test_fine_maps_are_averaged(manifest, foreign, tmp_path):
    """A map as large as the image would take forever to compare."""
    from dejavu_ros.evaluation.extractors import TorchFeatures
    from dejavu_ros.nn.foreign import load_extractor
    image = np.random.default_rng(0).integers(0, 256, (48, 200, 3), np.uint8)
    fine = load_extractor(f'{foreign}:fine')
    dense = TorchFeatures('fine', fine, max_width=100, max_grid=32, device='cpu').dense(image)
    assert dense.shape == (3, 24, 32)
    np.testing.assert_allclose(np.linalg.norm(dense.astype(np.float32), axis=0), 1, atol=1e-3)


@pytest.mark.parametrize('name, message', [
    ('surf', 'give dvf, netvlad, caps, orb, sift, rootsift, or MODULE:CALLABLE'),
    ('no_such_module:net', 'No module named'),
    ('{}:none', 'has no none that can be called'), ('{}:torch', 'has no torch that can be called'),
    ('{}:Unfinished', "no attribute 'layers'"), ('{}:Unfinished', '{}.py line 24)'),
    ('{}:fickle', 'n = 2 for one image and 1'), ('{}:flat', 'must return a dense map'),
    ('{}:broken', 'not finite'), ('{}:failing', 'out of luck')])
def test_extractors_that_do_not_work(manifest, foreign, tmp_path, capsys, name, message):
    assert message.format(foreign) in failure(capsys, '--manifest', manifest, '-o', tmp_path / 'out', '--features',
                                              name.format(foreign))
    assert not (tmp_path / 'out').exists()


def test_evaluations_side_by_side(manifest, tmp_path, capsys):
    for kind in ('orb', 'sift'):
        evaluated(tmp_path / kind, '--manifest', manifest, '--features', kind, '--map', 'noon', '--centre')
    assert main(['evaluate', '--compare', *(str(tmp_path / kind) for kind in ('orb', 'sift')), '-o',
                 str(tmp_path / 'both')]) == 0
    output = capsys.readouterr().out
    assert 'orb, cx, centred' in output and re.search('evening .*%.*%', output)
    together = json.loads((tmp_path / 'both/compare.json').read_text())
    assert together['orb'] == json.loads((tmp_path / 'orb/metrics.json').read_text())
    page = (tmp_path / 'both/compare.html').read_text()
    assert not re.search(r'(src|href)="(?!data:)', page) and page.count('data:image/png') == 2


def test_only_evaluations_of_one_set_are_compared(manifest, tmp_path, capsys):
    part = tmp_path / 'part.csv'
    part.write_text('\n'.join(f'{manifest.parent}/{line}' if index else line for index, line in
                              enumerate(manifest.read_text().splitlines()[:13])) + '\n')
    evaluated(tmp_path / 'all', '--manifest', manifest, '--features', 'orb')
    evaluated(tmp_path / 'some', '--manifest', part, '--features', 'orb')
    capsys.readouterr()
    assert 'some is of other images than all' in failure(capsys, '--compare', tmp_path / 'all', tmp_path / 'some',
                                                         '-o', tmp_path / 'out')
    evaluated(tmp_path / 'near', '--manifest', manifest, '--features', 'orb', '--radius', '5')
    capsys.readouterr()
    assert 'near has --radius 5 and all 0' in failure(capsys, '--compare', tmp_path / 'all', tmp_path / 'near',
                                                      '-o', tmp_path / 'out')
    assert 'without other options' in failure(capsys, '--compare', tmp_path / 'all', '--radius', '5',
                                              '-o', tmp_path / 'out')
    assert 'holds no evaluation' in failure(capsys, '--compare', tmp_path, '-o', tmp_path / 'out')
    (tmp_path / 'metrics.json').write_text('{"n_images": 3}')
    assert 'evaluate again' in failure(capsys, '--compare', tmp_path, '-o', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_bad_input_is_one_line_and_writes_nothing(manifest, checkpoint, tmp_path, capsys):
    target = tmp_path / 'out'
    assert 'no manifest' in failure(capsys, '--manifest', tmp_path / 'none.csv', '-o', target)
    assert 'no checkpoint' in failure(capsys, '--manifest', manifest, '-o', target, '--checkpoint',
                                      tmp_path / 'none.pt')
    assert 'is for dvf, netvlad or caps features' in failure(capsys, '--manifest', manifest, '--features', 'orb',
                                                       '--checkpoint', checkpoint, '-o', target)
    assert 'descriptor is for netvlad, not for dvf' in failure(capsys, '--manifest', manifest, '-o', target,
                                                               '--similarity', 'descriptor')
    assert 'no session dusk to be the map; there are: evening, morning, noon' in failure(
        capsys, '--manifest', manifest, '--features', 'orb', '--map', 'dusk', '-o', target)
    assert 'radius must be' in failure(capsys, '--manifest', manifest, '--radius', -1, '-o', target)
    assert 'device \'gpu\' cannot be used' in failure(capsys, '--manifest', manifest, '--features', 'orb', '--device',
                                                     'gpu', '-o', target)
    (tmp_path / 'cut.jpg').write_bytes((manifest.parent / '0_noon_0.jpg').read_bytes()[:500])
    (tmp_path / 'set.csv').write_text('image,place,session\ncut.jpg,p,s\n')
    assert 'cut short' in failure(capsys, '--manifest', tmp_path / 'set.csv', '--features', 'orb', '-o', target)
    assert not target.exists()


def test_a_file_in_the_place_of_the_folder(manifest, tmp_path, capsys):
    (tmp_path / 'out').write_text('mine')
    assert 'cannot write' in failure(capsys, '--manifest', manifest, '--features', 'orb', '-o', tmp_path / 'out')
    assert (tmp_path / 'out').read_text() == 'mine'
