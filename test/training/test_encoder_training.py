"""Training that starts from an encoder that learnt elsewhere."""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
import yaml

from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.errors import ConfigError
from dejavu_ros.images import encode_jpeg
from dejavu_ros.nn import pretrained
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.encoders import make_encoder
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.training import initial_head
from dejavu_ros.training.initial_head import shares
from dejavu_ros.training.loop import Trainer
from dejavu_ros.training.recipe import load_recipe

SIZE = {'input_width': 64, 'input_height': 48, 'grid_width': 4, 'grid_height': 3, 'reduction': 'area'}


def picture(place: int, session: int) -> np.ndarray:
    blocks = np.random.default_rng(place).integers(40, 255, (6, 8, 3))
    return (np.kron(blocks, np.ones((8, 8, 1))) * (1.0, 0.6)[session]).astype(np.uint8)


@pytest.fixture
def recipe_file(tmp_path, monkeypatch):
    """A recipe of an encoder whose package holds random weights."""
    torch.manual_seed(0)
    encoder = make_encoder('efficientnet_lite0').train()
    for _ in range(30):  # norms that fit the weights
        encoder(torch.rand(4, 3, 48, 64))
    monkeypatch.setitem(pretrained.RENAMED, 'efficientnet', [])
    source = pretrained.PRETRAINED['efficientnet_lite0']
    path = tmp_path / 'wheels' / source.member
    path.parent.mkdir(parents=True)
    torch.save(encoder.state_dict(), path)
    known = dataclasses.replace(source, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(pretrained.PRETRAINED, 'efficientnet_lite0', known)
    monkeypatch.setattr(initial_head, 'PICTURES', 40)
    rows = []
    for place in range(8):
        for session in range(2):
            image = tmp_path / f'{place}_{session}.jpg'
            image.write_bytes(encode_jpeg(picture(place, session)))
            rows.append(ManifestRow(image, str(place), f's{session}'))
    write_manifest(tmp_path / 'set.csv', rows)
    train = {'family': 'efficientnet_lite0', 'weights': str(tmp_path / 'wheels'), 'channels': 12, 'frozen_norm': True,
             'steps': 0, 'places': 4, 'warmup': 0, 'bfloat16': False, 'tensorboard': False}
    path = tmp_path / 'recipe.yaml'
    path.write_text(yaml.safe_dump({'train': train, 'features': SIZE,
                                    'sources': [{'manifest': str(tmp_path / 'set.csv')}]}))
    return path


def test_without_a_step_the_head_is_the_whitened_pca_of_the_pictures(tmp_path, recipe_file):
    trainer = Trainer(load_recipe(recipe_file), tmp_path / 'run')
    trainer.run()
    checkpoint = load_checkpoint(tmp_path / 'run' / 'last.pt')
    pictures = [picture(place, session) for place in range(8) for session in range(2)]
    with torch.no_grad():
        maps = checkpoint.network.final(checkpoint.network.encode(
            torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 255))
    assert maps.transpose(0, 1).flatten(1).std(1) == pytest.approx(1.0, abs=0.5)
    assert FeatureExtractor(checkpoint).extract(pictures[:1]).shape == (1, 12, 12)
    origin = checkpoint.card['pretraining']['efficientnet_lite0']
    assert origin['pictures'] == 'ImageNet' and origin['terms'] == 'Apache-2.0'


@pytest.mark.parametrize('rate', [0.0, 0.5])
def test_the_encoder_learns_as_much_as_it_is_told_to(tmp_path, recipe_file, rate):
    recipe = load_recipe(recipe_file, steps=2, encoder_rate=rate)
    trainer = Trainer(recipe, tmp_path / 'run')
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer.run()
    changed = {name for name, value in trainer.network.state_dict().items() if not torch.equal(before[name], value)}
    assert 'final.weight' in changed
    assert any(name.startswith('encoders.') for name in changed) == (rate > 0)
    assert not any('running' in name for name in changed)


def test_a_run_goes_on_and_a_teacher_may_have_other_encoders(tmp_path, recipe_file):
    Trainer(load_recipe(recipe_file), tmp_path / 'teacher').run()
    recipe = load_recipe(recipe_file, teacher=str(tmp_path / 'teacher' / 'last.pt'), imitation=0.0, relations=1.0,
                         family='student', weights='', channels=6, steps=1, frozen_norm=False)
    Trainer(recipe, tmp_path / 'run').run()
    assert load_checkpoint(tmp_path / 'run' / 'last.pt').network.channels == 6


@pytest.mark.parametrize('family', ['efficientnet_lite0', 'student'])
def test_a_checkpoint_with_fewer_channels_compares_places_as_before(tmp_path, recipe_file, family):
    recipe = load_recipe(recipe_file, family=family, channels=12)
    Trainer(recipe, tmp_path / 'wide').run()
    wide = load_checkpoint(tmp_path / 'wide' / 'last.pt')
    Trainer(load_recipe(recipe_file, family=family, channels=11, start_from=str(tmp_path / 'wide' / 'last.pt')),
            tmp_path / 'run').run()
    narrow = load_checkpoint(tmp_path / 'run' / 'last.pt')
    pictures = [picture(place, session) for place in range(8) for session in range(2)]

    def products(checkpoint):
        vectors = FeatureExtractor(checkpoint).extract(pictures).astype(np.float32)
        vectors = vectors.transpose(0, 2, 1).reshape(-1, vectors.shape[1])
        return vectors @ vectors.T

    assert narrow.network.channels == 11 and narrow.card['start']['identity'] == wide.identity
    assert np.corrcoef(products(wide).ravel(), products(narrow).ravel())[0, 1] > 0.9


def test_an_unknown_family_is_refused_with_what_there_is(recipe_file):
    with pytest.raises(ConfigError, match="'resnet'.*published.*efficientnet_lite0"):
        load_recipe(recipe_file, family='resnet')


def test_components_are_shared_out_in_proportion():
    assert shares(32, [112 * 16, 64 * 8]) == [25, 7]
    assert shares(10, [112]) == [10]
