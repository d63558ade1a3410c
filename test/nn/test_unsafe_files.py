"""Files of weights that claim any size are refused before they fill the memory, whichever network they are for."""

import zipfile

import pytest
import torch
from torch import nn

from dejavu_ros.errors import CheckpointError
from dejavu_ros.geowarp.files import load_geowarp
from dejavu_ros.nn.caps import load_caps
from dejavu_ros.retrieval.backbones import load_weights
from dejavu_ros.retrieval.files import load_describer


def load_backbone(path):
    load_weights(nn.Linear(1, 1), path)


@pytest.mark.parametrize('load', [load_caps, load_describer, load_geowarp, load_backbone])
@pytest.mark.parametrize('kind, message', [('compressed', 'unpack to'), ('inflated', 'larger than what is stored'),
                                           ('list', 'no state dict')])
def test_refused_in_one_line(tmp_path, load, kind, message):
    path = tmp_path / 'bad.pt'
    state = {'compressed': {'weight': torch.zeros(100_000)}, 'inflated': {'weight': torch.zeros(1).expand(1 << 40)},
             'list': [1, 2]}[kind]
    records = {name: {'settings': {}, 'card': {}, 'length': 8, 'channels': 10}
               for name in ('caps', 'describer', 'geowarp')}
    torch.save(state if load is load_backbone else {'model': state, **records}, path)
    if kind == 'compressed':
        with zipfile.ZipFile(path) as stored:
            content = {entry.filename: stored.read(entry) for entry in stored.infolist()}
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    with pytest.raises(CheckpointError, match=message) as error:
        load(path)
    assert 'bad.pt' in str(error.value) and '\n' not in str(error.value)
