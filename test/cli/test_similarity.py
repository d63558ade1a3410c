"""``dejavu similarity``: the table and its JSON."""

import json

import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.images import encode_jpeg, load_image
from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.ops.contextual.naive import contextual_pair


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    rng = np.random.default_rng(0)
    for name, size in (('a.jpg', (48, 64)), ('b.jpg', (60, 90)), ('c.jpg', (48, 64))):
        (folder / name).write_bytes(encode_jpeg(rng.integers(0, 256, (*size, 3), np.uint8)))
    return [str(folder / name) for name in ('a.jpg', 'b.jpg', 'c.jpg')]


@pytest.mark.parametrize('contextual', [ContextualSettings(), ContextualSettings(form='paper', symmetric=False)])
def test_table_and_json(images, tmp_path, capsys, contextual):
    path = tmp_path / 'small.pt'
    torch.manual_seed(0)
    save_checkpoint(path, DejavuNet(), FeatureSettings(64, 48, 8, 6), contextual)
    assert main(['similarity', *images, '--checkpoint', str(path), '--json', str(tmp_path / 'table.json')]) == 0
    result = json.loads((tmp_path / 'table.json').read_text())
    assert result['images'] == images

    extractor = FeatureExtractor(load_checkpoint(path))
    grids = [torch.from_numpy(extractor.extract([load_image(image)])[0]).float() for image in images]
    expected = [[float(contextual_pair(a, b, contextual)) for b in grids] for a in grids]
    np.testing.assert_allclose(result['similarity'], expected, atol=1e-4)

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(images)
    assert lines[3].split() == ['2', 'b.jpg', *(f'{value:.4f}' for value in result['similarity'][1])]


def test_bad_input_is_one_line(images, tmp_path, capsys):
    assert main(['similarity', *images, '--checkpoint', str(tmp_path / 'none.pt')]) == 1
    assert main(['similarity', str(tmp_path / 'none.jpg'), '--checkpoint', 'random',
                 '--json', str(tmp_path / 't.json')]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and 'no checkpoint' in errors[0] and 'none.jpg cannot be read' in errors[1]
    assert not (tmp_path / 't.json').exists()
