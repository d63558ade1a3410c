"""The checkpoints that ship, and what is said of them."""

import hashlib
import re
from pathlib import Path

import pytest

from dejavu_ros.nn.checkpoint import PUBLISHED, default_checkpoint_path, load_checkpoint, load_published, shipped_folder
from dejavu_ros.nn.dejavu import DejavuNet

CARDS = shipped_folder() / 'README.md'
pytestmark = pytest.mark.skipif(not CARDS.is_file(), reason='no cards beside the checkpoints')


@pytest.fixture(autouse=True)
def nobodys_default(monkeypatch):
    monkeypatch.delenv('DEJAVU_CHECKPOINT', raising=False)


def sections():
    """The cards by the name of their file."""
    return dict(re.findall(r'^## (\S+\.pt)\n(.*?)(?=^## )', CARDS.read_text(), re.MULTILINE | re.DOTALL))


def test_every_file_is_named_in_the_cards():
    text = CARDS.read_text()
    files = {path.name for path in shipped_folder().glob('*.pt')}
    assert {name for name in files if f'`{name}`' not in text} == set()
    assert set(sections()) <= files


def test_hashes_in_the_cards_are_those_of_the_files():
    for name, card in sections().items():
        path = shipped_folder() / name
        stated = re.findall(r'`([0-9a-f]{64})`', card)
        assert stated in ([], [hashlib.sha256(path.read_bytes()).hexdigest()]), f'the card of {name}'


@pytest.mark.parametrize('name', ['dejavu.pt', PUBLISHED])
def test_identities_in_the_cards_are_those_of_the_networks(name):
    assert f'identity `{load_checkpoint(shipped_folder() / name).identity}`' in ' '.join(sections()[name].split())


def test_the_default_says_what_it_saw_and_under_which_terms():
    default = load_checkpoint()
    assert default_checkpoint_path().name == 'dejavu.pt' and default.warning == ''
    assert default.card['licence'] == 'Apache-2.0'
    pretraining = default.card['pretraining']
    assert set(pretraining) == set(default.network.architecture.names)
    notice = (Path(__file__).parents[2] / 'NOTICE').read_text()
    for encoder in pretraining.values():
        assert encoder['package'] in notice and encoder['pictures'] in notice and encoder['terms'] == 'Apache-2.0'
        assert encoder['pictures'] in sections()['dejavu.pt']


def test_the_network_before_it_is_the_published_one():
    assert isinstance(load_published().network, DejavuNet)
    assert load_published().identity != load_checkpoint().identity
