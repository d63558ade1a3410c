"""Networks of other sizes: the published one stays as it is, each comes back from its file."""

from pathlib import Path

import pytest
import torch

from dejavu_ros.errors import CheckpointError
from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.families import FAMILIES, Architecture, family_of
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings

SHIPPED = Path(__file__).parents[2] / 'ckpts'


@pytest.mark.parametrize('name, identity', [('alpha_0', '376854d3c948'), ('rendered', 'cc7fcb18895b')])
def test_files_from_before_there_were_families_keep_their_identity(name, identity):
    checkpoint = load_checkpoint(SHIPPED / f'{name}.pt')
    assert checkpoint.identity == identity
    assert family_of(checkpoint.network.architecture) == 'published'


@pytest.mark.parametrize('family', FAMILIES)
def test_a_family_comes_back_from_its_file_and_can_be_shipped(tmp_path, family):
    network = DejavuNet(6, architecture=FAMILIES[family]).eval()
    save_checkpoint(tmp_path / 'c.pt', network, FeatureSettings(), ContextualSettings())
    checkpoint = load_checkpoint(tmp_path / 'c.pt')
    assert family_of(checkpoint.network.architecture) == family
    assert (tmp_path / 'c.pt').stat().st_size < 16 << 20
    state = checkpoint.network.state_dict()
    assert all(torch.equal(value.half().float(), state[name].float()) for name, value in network.state_dict().items())


def test_families_differ_in_size_as_their_names_say():
    sizes = {name: sum(value.numel() for value in DejavuNet(architecture=sizes).parameters())
             for name, sizes in FAMILIES.items()}
    assert 5 * sizes['student'] < sizes['published'] < sizes['stronger'] / 2


def test_the_gate_weighs_channels_by_the_whole_image():
    network = DejavuNet(architecture=Architecture(layer2=1, layer3=1, layer4=1, attention=4)).eval()
    block = network.layer3.block1
    images = torch.rand(1, 64, 12, 16)
    other = images.clone()
    other[:, :, :, 8:] += 1.0
    with torch.no_grad():
        with_gate = block(images)[..., :6] - block(other)[..., :6]
        block.gate = None
        without = block(images)[..., :6] - block(other)[..., :6]
    assert with_gate.abs().max() > 1e-4 and without.abs().max() < 1e-6


@pytest.mark.parametrize('record, said', [({'depth': 3}, 'unknown setting depth'), ({'stem': 0}, 'stem'),
                                          ({'stem': 16}, 'another network')])
def test_a_record_that_does_not_fit_is_refused(tmp_path, record, said):
    torch.save({'model': DejavuNet().state_dict(), 'dejavu': {'architecture': record}}, tmp_path / 'c.pt')
    with pytest.raises(CheckpointError, match=said) as error:
        load_checkpoint(tmp_path / 'c.pt')
    assert '\n' not in str(error.value)
