"""The network and its files."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.nn.checkpoint import load_checkpoint, random_checkpoint, save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet, resize
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings, to_grid, to_input
from dejavu_ros.ops.contextual import ContextualSettings


def published_names(channels):
    """Names and shapes of a published state dict, written down from the table of its layers."""
    names = {}

    def conv(prefix, inputs, outputs, kernel):
        names[f'{prefix}._layers.conv.weight'] = (outputs, inputs, kernel, kernel)
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            names[f'{prefix}._layers.bn.{part}'] = (outputs,)
        names[f'{prefix}._layers.bn.num_batches_tracked'] = ()

    for index in (1, 2, 3):
        conv(f'first_conv.block{index}', 3 if index == 1 else 32, 32, 3)
    for layer, blocks, inputs, outputs in ((1, 3, 32, 32), (2, 16, 32, 64), (3, 3, 64, 128), (4, 3, 128, 128)):
        for block in range(1, blocks + 1):
            first = inputs if block == 1 else outputs
            conv(f'layer{layer}.block{block}.block1', first, outputs, 3)
            conv(f'layer{layer}.block{block}.block2', outputs, outputs, 3)
            if first != outputs:
                conv(f'layer{layer}.block{block}.downsample', first, outputs, 1)
    for branch in (1, 2, 3, 4):
        conv(f'branch{branch}.block', 128, 32, 1)
    conv('last_conv.block1', 320, 128, 3)
    names['last_conv.conv1.weight'] = (32, 128, 1, 1)
    names['final.weight'] = (channels, 32, 1, 1)
    return names


def published_state(channels, prefix=''):
    generator = torch.Generator().manual_seed(1)
    state = {}
    for name, shape in published_names(channels).items():
        scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) == 4 else 1
        value = torch.randn(shape, generator=generator) * scale
        if 'bn' in name:
            value = torch.tensor(7) if name.endswith('tracked') else value.abs() + 0.5
        state[prefix + name] = value
    return state


@pytest.mark.parametrize('prefix', ['', 'branch.'])
@pytest.mark.parametrize('channels', [3, 10])
def test_published_checkpoints_load_unchanged(tmp_path, prefix, channels):
    state = published_state(channels, prefix)
    torch.save({'model': state, 'epoch': 3}, tmp_path / 'published.pt')
    checkpoint = load_checkpoint(tmp_path / 'published.pt')
    loaded = checkpoint.network.state_dict()
    assert checkpoint.network.channels == channels
    assert {prefix + name for name in loaded} == set(state)
    assert all(torch.equal(loaded[name], state[prefix + name]) for name in loaded)
    assert checkpoint.settings == FeatureSettings()


@pytest.mark.parametrize('height, width', [(128, 160), (129, 131), (96, 128), (33, 47), (16, 16)])
def test_dense_maps_have_the_size_of_the_input_and_unit_length(height, width):
    network = DejavuNet().eval()
    with torch.no_grad():
        features = network(torch.rand(2, 3, height, width))
    assert features.shape == (2, 10, height, width)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2, height, width))
    raw = DejavuNet(normalise=False).eval()
    with torch.no_grad():
        assert raw(torch.rand(1, 3, height, width)).norm(dim=1).std() > 1e-4


def test_the_head_commutes_with_the_last_resize():
    network = DejavuNet(normalise=False).eval()
    images = torch.rand(1, 3, 128, 160)
    with torch.no_grad():
        torch.testing.assert_close(resize(network.half_size(images), (128, 160)), network(images), rtol=1e-4, atol=1e-5)


def test_the_published_example_samples_the_unit_length_map():
    network, images = DejavuNet().eval(), torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        grid = to_grid(network, images, FeatureSettings())
        torch.testing.assert_close(grid, resize(network(images), (64, 64)))
    assert grid.shape == (1, 10, 64, 64)


def test_an_image_is_divided_by_its_own_maximum():
    dark = np.full((10, 10, 3), 10, np.uint8)
    dark[0, 0] = 50
    batch = to_input([dark, np.zeros((5, 5, 3), np.uint8)], FeatureSettings(input_width=10, input_height=10))
    assert batch[0].max() == 1 and batch[0].min() == pytest.approx(0.2)
    assert batch[1].max() == 0


def test_features_of_a_batch_equal_those_of_its_images():
    extractor = FeatureExtractor(random_checkpoint(settings=FeatureSettings(128, 96, 16, 12, 'area')), batch_size=2)
    images = [np.random.default_rng(i).integers(0, 255, (60 + i, 80, 3), np.uint8) for i in range(3)]
    together = extractor.extract(images)
    assert together.shape == (3, 10, 192) and together.dtype == np.float16
    for image, features in zip(images, together):
        np.testing.assert_allclose(extractor.extract([image])[0].astype(float), features.astype(float), atol=2e-3)


def test_a_saved_checkpoint_comes_back(tmp_path):
    settings = FeatureSettings(128, 96, 16, 12, 'area')
    contextual = ContextualSettings('paper', False, False)
    save_checkpoint(tmp_path / 'c.pt', DejavuNet(6), settings, contextual, {'name': 'a', 'auc': 1.5})
    first, second = load_checkpoint(tmp_path / 'c.pt'), load_checkpoint(tmp_path / 'c.pt')
    assert (first.settings, first.contextual, first.card) == (settings, contextual, {'name': 'a', 'auc': 1.5})
    assert first.identity == second.identity and len(first.identity) == 12
    save_checkpoint(tmp_path / 'd.pt', first.network, settings, ContextualSettings(), {})
    assert load_checkpoint(tmp_path / 'd.pt').identity != first.identity
    assert os.path.getsize(tmp_path / 'c.pt') < 16 << 20


class Evil:
    def __reduce__(self):
        return os.system, ('touch evil-was-here',)


def broken(kind, path):
    good = {'model': published_state(10)}
    if kind == 'pickle':
        torch.save({'model': good['model'], 'x': Evil()}, path)
    elif kind == 'plain pickle':
        path.write_bytes(pickle.dumps(Evil()))
    elif kind == 'cut':
        torch.save(good, path)
        path.write_bytes(path.read_bytes()[:100_000])
    elif kind == 'empty':
        path.write_bytes(b'')
    elif kind == 'no model':
        torch.save({'weights': good['model']}, path)
    elif kind == 'list':
        torch.save([1, 2], path)
    elif kind == 'other network':
        torch.save({'model': {'final.weight': torch.zeros(10, 32, 1, 1)}}, path)
    elif kind == 'no head':
        torch.save({'model': {'a': torch.zeros(1)}}, path)
    elif kind == 'other version':
        torch.save({**good, 'dejavu': {'features': {'colour': 1}}}, path)
    elif kind == 'zip bomb':
        torch.save({'model': {'final.weight': torch.zeros(10, 32, 1000, 10)}}, path)
        with zipfile.ZipFile(path) as stored:
            content = {entry.filename: stored.read(entry) for entry in stored.infolist()}
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    elif kind == 'inflated tensor':
        torch.save({'model': {'final.weight': torch.zeros(1).expand(1 << 40, 32, 1, 1)}}, path)
    elif kind == 'folder':
        path.mkdir()


@pytest.mark.parametrize('kind', ['missing', 'pickle', 'plain pickle', 'cut', 'empty', 'no model', 'list',
                                  'other network', 'no head', 'other version', 'zip bomb', 'inflated tensor', 'folder'])
def test_bad_checkpoints_are_refused_in_one_line(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    broken(kind, tmp_path / 'bad.pt')
    with pytest.raises(CheckpointError, match='bad.pt') as error:
        load_checkpoint(tmp_path / 'bad.pt')
    assert '\n' not in str(error.value)
    assert not (tmp_path / 'evil-was-here').exists()


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match='nonsense'):
        FeatureExtractor(random_checkpoint(), 'nonsense')
