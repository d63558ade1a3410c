"""Training a describer, as a user sees it."""

import json

import numpy as np
import pytest
import torch
import yaml

from dejavu_ros.cli import main
from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.images import encode_jpeg
from dejavu_ros.losses.ranking import ranking_loss
from dejavu_ros.retrieval.describer import Describer
from dejavu_ros.retrieval.files import load_describer
from dejavu_ros.training.ranking import RankingTrainer
from dejavu_ros.training.ranking_config import RankingRecipe
from dejavu_ros.training.recipe import load_recipe

NETS = '''
import torch
class Blocks(torch.nn.Module):
    """Means of squares: a backbone that is fast."""
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 6, 4, 4, bias=False)
        self.norm = torch.nn.BatchNorm2d(6)
    def forward(self, images):
        return self.norm(self.conv(images))
'''


def picture(place: int, session: int) -> np.ndarray:
    """A place is a pattern of blocks, a session its brightness and some noise."""
    blocks = np.random.default_rng(place).integers(40, 255, (6, 8, 3)) * (1.0, 0.5)[session]
    noise = np.random.default_rng([place, session]).normal(0, 20, (48, 64, 3))
    return (np.kron(blocks, np.ones((8, 8, 1))) + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def recipe_file(tmp_path, monkeypatch):
    rows = []
    for place in range(12):
        for session in range(2):
            path = tmp_path / f'{place}_{session}.jpg'
            path.write_bytes(encode_jpeg(picture(place, session)))
            rows.append(ManifestRow(path, str(place), f's{session}'))
    write_manifest(tmp_path / 'set.csv', rows)
    (tmp_path / 'fast_nets.py').write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    recipe = {'train': {'steps': 4, 'places': 6, 'margin': 0.1, 'warmup': 1, 'learning_rate': 0.01, 'validate_every': 2,
                        'checkpoint_every': 1, 'bfloat16': False, 'tensorboard': False, 'workers': 0,
                        'validate_on_training': True},
              'describer': {'backbone': 'fast_nets:Blocks', 'clusters': 4, 'whitening': 5, 'input_width': 32,
                            'input_height': 24},
              'ranking': {'samples': 24, 'whitening_samples': 24, 'negatives': 4},
              'sources': [{'manifest': str(tmp_path / 'set.csv')}], 'validation': [str(tmp_path / 'set.csv')]}
    path = tmp_path / 'recipe.yaml'

    def write(**changes):
        for part, values in changes.items():
            recipe[part] = {**recipe[part], **values}
        path.write_text(yaml.safe_dump(recipe))
        return path
    write()
    return write


def train(folder, *flags) -> int:
    return main(['train-netvlad', '--config', 'recipe.yaml', '-o', str(folder), '--threads', '1', *flags])


def losses(folder) -> list[float]:
    return [entry['loss'] for entry in map(json.loads, (folder / 'log.jsonl').read_text().splitlines())
            if 'loss' in entry]


def test_a_run_leaves_a_describer_with_its_card(tmp_path, recipe_file, capsys):
    assert train(tmp_path / 'run') == 0
    file = load_describer(f'{tmp_path}/run/netvlad.pt@fast_nets:Blocks')
    assert file.settings.whitening == 5 and file.card['validation'][0]['recall_at']['1'] >= 0
    assert file.card['before_whitening'][0]['name'] == 'set' and file.card['recipe']['ranking']['negatives'] == 4
    assert 'loss' not in file.card['recipe']['train'], 'what means nothing here'
    recipe_file(describer={'whitening': 3}, ranking={'whitening_power': 0.0})
    assert train(tmp_path / 'run') == 0
    other = load_describer(f'{tmp_path}/run/netvlad.pt@fast_nets:Blocks')
    assert other.settings.whitening == 3 and other.card['recipe']['ranking']['whitening_power'] == 0.0
    recipe_file(describer={'whitening': 5}, ranking={'whitening_power': 0.5})
    assert train(tmp_path / 'run') == 0
    descriptors = Describer(file).describe([picture(0, 0), picture(1, 0)])
    assert descriptors.shape == (2, 5)
    np.testing.assert_allclose(np.linalg.norm(descriptors.astype(float), axis=1), 1, atol=1e-3)
    evaluate = ['evaluate', '--manifest', 'set.csv', '-o', 'out', '--features', 'netvlad', '--similarity', 'descriptor']
    assert main([*evaluate, '--checkpoint', 'run/netvlad.pt']) == 1
    error = capsys.readouterr().err
    assert 'runs code of fast_nets:Blocks: give run/netvlad.pt@fast_nets:Blocks' in error, 'no code is run unasked'
    assert main([*evaluate, '--checkpoint', 'run/netvlad.pt@fast_nets:Blocks']) == 0
    metrics = json.loads((tmp_path / 'out/metrics.json').read_text())
    assert metrics['checkpoint'] == file.identity
    assert metrics['recall_at']['1'] == pytest.approx(file.card['validation'][0]['recall_at']['1'], abs=10)


@pytest.mark.parametrize('change', [{}, {'ranking': {'cache': 2}}, {'ranking': {'frozen': False, 'positives': 2}},
                                    {'describer': {'pooling': 'gem', 'whitening': 0}}])
def test_a_run_that_was_interrupted_ends_the_same(tmp_path, recipe_file, monkeypatch, change):
    recipe_file(**change)
    assert train(tmp_path / 'whole') == 0
    with monkeypatch.context() as patch:
        def stop(trainer, *_):
            if trainer.step == 3:
                raise KeyboardInterrupt
        patch.setattr(RankingTrainer, 'tell', stop)
        assert train(tmp_path / 'parts') == 130
    assert train(tmp_path / 'parts') == 0
    assert losses(tmp_path / 'whole')[2:] == losses(tmp_path / 'parts'), 'it goes on after step 2'
    whole, parts = (load_describer(f'{tmp_path / run}/netvlad.pt@fast_nets:Blocks') for run in ('whole', 'parts'))
    assert whole.identity == parts.identity


@pytest.mark.parametrize('frozen', [True, False])
def test_a_frozen_backbone_stays_as_it_is(tmp_path, recipe_file, frozen):
    recipe = load_recipe(recipe_file(ranking={'frozen': frozen}), RankingRecipe)
    trainer = RankingTrainer(recipe, tmp_path / 'run')
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    for _ in trainer.learn():
        pass
    changed = {name for name, value in trainer.network.state_dict().items() if not torch.equal(value, before[name])}
    assert 'pooling.centroids' in changed
    assert {'backbone.extract.conv.weight', 'backbone.extract.norm.running_mean'} <= changed or frozen
    assert not frozen or not any(name.startswith('backbone') for name in changed)


def test_training_tells_places_apart(tmp_path, recipe_file):
    recipe_file(train={'steps': 30, 'validate_every': 30, 'checkpoint_every': 30})
    assert train(tmp_path / 'run') == 0
    course = losses(tmp_path / 'run')
    assert np.mean(course[-5:]) < 0.6 * np.mean(course[:5])


def test_it_goes_on_from_a_describer(tmp_path, recipe_file, capsys):
    assert train(tmp_path / 'first', '--steps', '1') == 0
    recipe = load_recipe('recipe.yaml', RankingRecipe, start_from=str(tmp_path / 'first/netvlad.pt'))
    start = load_describer(f'{tmp_path}/first/netvlad.pt@fast_nets:Blocks').network
    assert torch.equal(RankingTrainer(recipe, tmp_path / 'second').network.pooling.centroids, start.pooling.centroids)
    recipe_file(describer={'clusters': 3})
    assert train(tmp_path / 'third', '--start-from', 'first/netvlad.pt') == 1
    assert 'clusters=4' in capsys.readouterr().err


@pytest.mark.parametrize('change, message', [
    ({'train': {'alpha': 0.2}}, 'alpha mean nothing to a describer'),
    ({'ranking': {'cache': 2, 'frozen': False}}, 'set frozen, or cache 0'),
    ({'ranking': {'samples': 1}, 'describer': {'clusters': 4000}}, '4000 clusters need as many vectors'),
    ({'describer': {'backbone': 'vgg11'}}, "no backbone 'vgg11'")])
def test_wrong_settings_are_said(tmp_path, recipe_file, capsys, change, message):
    recipe_file(**change)
    assert train(tmp_path / 'run') == 1
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1


def test_the_ranking_loss_is_the_papers():
    """Equation 7, one query at a time."""
    flat = torch.nn.functional.normalize(torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)), dim=2)
    total, right = 0.0, 0
    for place in range(3):
        for view in range(4):
            query = flat[place, view]
            own = flat[place, 2:] if view < 2 else flat[place, :2]
            positive = (query - own).square().sum(1).min()
            others = torch.cat([flat[other] for other in range(3) if other != place])
            nearest = (query - others).square().sum(1).sort().values[:3]
            total += (positive + 0.1 - nearest).clamp(min=0).sum()
            right += bool(positive < nearest[0])
    loss, share = ranking_loss(flat, margin=0.1, negatives=3)
    torch.testing.assert_close(loss, total / 12)
    assert share.item() == pytest.approx(right / 12)
    everything, _ = ranking_loss(flat, margin=0.1, negatives=100)
    assert everything >= loss, 'a batch with fewer negatives than asked for uses all of them'
