"""Backbones take the weights that people have, and say what does not fit."""

import sys

import numpy as np
import pytest
import torch

from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.nn.checkpoint import save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.retrieval.backbones import open_backbone
from dejavu_ros.retrieval.classic import ResNet50, alexnet, vgg16

# of torchvision's own definitions: entries and their shapes
PUBLISHED = {alexnet: {'features.0.weight': (64, 3, 11, 11), 'features.3.weight': (192, 64, 5, 5),
                       'features.6.bias': (384,), 'features.10.weight': (256, 256, 3, 3)},
             vgg16: {'features.0.weight': (64, 3, 3, 3), 'features.5.weight': (128, 64, 3, 3),
                     'features.14.weight': (256, 256, 3, 3), 'features.28.weight': (512, 512, 3, 3)},
             ResNet50: {'conv1.weight': (64, 3, 7, 7), 'bn1.running_mean': (64,),
                        'layer1.0.downsample.0.weight': (256, 64, 1, 1), 'layer2.0.conv2.weight': (128, 128, 3, 3),
                        'layer3.0.downsample.1.weight': (1024,), 'layer3.5.conv3.weight': (1024, 256, 1, 1)}}


@pytest.mark.parametrize('make', PUBLISHED)
def test_parameters_have_torchvisions_names_and_shapes(make):
    state = make().state_dict()
    last = 'features.10' if make is alexnet else 'features.28' if make is vgg16 else 'layer3.5'
    assert all(tuple(state[name].shape) == shape for name, shape in PUBLISHED[make].items())
    assert any(name.startswith(last) for name in list(state)[-6:]), 'nothing beyond the maps'


@pytest.mark.parametrize('make, size', [(alexnet, (256, 3, 5)), (vgg16, (512, 4, 6)), (ResNet50, (1024, 4, 6))])
def test_maps(make, size):
    with torch.inference_mode():
        backbone = make().eval()
        assert backbone(torch.rand(1, 3, 64, 96)).shape[1:] == size and backbone.channels == size[0]


def test_a_file_of_weights_loads_and_its_classifier_is_left_aside(tmp_path):
    state = alexnet().state_dict() | {'classifier.1.weight': torch.zeros(2, 2)}
    torch.save(state, tmp_path / 'alexnet.pth')
    backbone = open_backbone('alexnet', str(tmp_path / 'alexnet.pth'))
    assert torch.equal(backbone.features[10].weight, state['features.10.weight'])


def test_the_encoder_sees_an_image_as_its_network_does(tmp_path):
    network = DejavuNet().eval()
    save_checkpoint(tmp_path / 'a.pt', network, FeatureSettings(), ContextualSettings())
    encoder = open_backbone('dejavu', str(tmp_path / 'a.pt')).eval()
    dark = torch.rand(1, 3, 48, 64) / 2
    with torch.inference_mode():
        found, brighter = encoder(dark), encoder(dark * 1.5)
        _, low, high = network.encode(dark / dark.max())
    assert found.shape == (1, encoder.channels, 12, 16)
    torch.testing.assert_close(found, brighter, atol=1e-3, rtol=1e-3)
    for part, expected in ((found[:, :64], low), (found[:, 64:], high)):
        cosine = torch.cosine_similarity(part, expected)
        assert cosine.min() > 0.99  # the file has float16


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / 'own_nets.py').write_text('import torch\n'
                                          'def half(images): return images[..., ::2, ::2]\n'
                                          'def mean(images): return images.mean((2, 3))\n'
                                          'class Net(torch.nn.Conv2d):\n'
                                          '    def __init__(self): super().__init__(3, 5, 3)\n')
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop('own_nets', None)


def test_any_module_by_import_path(own):
    assert open_backbone('own_nets:half', '').channels == 3
    net = open_backbone('own_nets:Net', '')
    assert net.channels == 5 and net(torch.rand(2, 3, 8, 8)).shape == (2, 5, 6, 6)
    torch.save({'weight': torch.ones(5, 3, 3, 3), 'bias': torch.zeros(5)}, own / 'w.pt')
    assert open_backbone('own_nets:Net', str(own / 'w.pt')).extract.weight.eq(1).all()


@pytest.mark.parametrize('name, weights, error, message', [
    ('vgg19', '', ConfigError, "no backbone 'vgg19': give dejavu, alexnet, vgg16, resnet50, or MODULE:CALLABLE"),
    ('own_nets:mean', '', ConfigError, r"'own_nets:mean' must return dense maps \(B, n, h, w\), got \(1, 3\)"),
    ('own_nets:half', 'part.pt', CheckpointError, 'the backbone is a function'),
    ('alexnet', 'nothing.pt', CheckpointError, 'no weights nothing.pt'),
    ('alexnet', 'text.pt', CheckpointError, 'text.pt are no plain state dict'),
    ('alexnet', 'part.pt', CheckpointError, r'of another network: no features.0.bias \(10 of 10')])
def test_what_does_not_fit_is_said_in_one_line(own, name, weights, error, message):
    torch.save({'features.0.weight': torch.zeros(3)}, own / 'part.pt')
    (own / 'text.pt').write_text('hello')
    with pytest.raises(error, match=message) as caught:
        open_backbone(name, weights)
    assert '\n' not in str(caught.value)


def test_a_grey_image_is_zero_after_standardising():
    from dejavu_ros.retrieval.classic import MEAN, standardised
    np.testing.assert_allclose(standardised(torch.tensor(MEAN).view(1, 3, 1, 1)).flatten(), 0, atol=1e-6)
