"""``dejavu export-onnx``: a runtime without PyTorch gives the vectors that PyTorch gives."""

import dataclasses
import json
import shutil
import sys

import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.images import encode_jpeg
from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.families import Architecture
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings

SMALL = Architecture(stem=8, low=8, high=16, layer1=1, layer2=1, layer3=1, layer4=1, branch=8, decoder=16, attention=4)


def save(path, reduction: str) -> None:
    torch.manual_seed(0)
    save_checkpoint(path, DejavuNet(4, architecture=SMALL), FeatureSettings(64, 44, 10, 7, reduction),
                    ContextualSettings())


def pictures(count: int, height: int = 44, width: int = 64) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 200, (count, height, width, 3)).astype(np.uint8)


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """A folder with ``dynamic.onnx``, ``int8.onnx`` and ``two.onnx`` (two images at a time) and their checkpoints."""
    for package in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason='ONNX is optional: pip install -e .[onnx]')
    folder = tmp_path_factory.mktemp('onnx')
    save(folder / 'area.pt', 'area')
    save(folder / 'bilinear.pt', 'bilinear')
    rows = []
    for index, image in enumerate(pictures(8)):
        (folder / f'{index}.jpg').write_bytes(encode_jpeg(image))
        rows.append(ManifestRow(folder / f'{index}.jpg', str(index), 'one'))
    write_manifest(folder / 'set.csv', rows)
    command(folder, 'area.pt', '--batch', 'dynamic', '-o', 'dynamic.onnx')
    command(folder, 'bilinear.pt', '--batch', '2', '--width', '72', '-o', 'two.onnx')
    with pytest.MonkeyPatch.context() as patch:
        reuse(patch, folder)
        command(folder, 'area.pt', '--batch', 'dynamic', '--int8', 'set.csv', '--tolerance', '1', '-o',
                'int8.onnx')
    return folder


def command(folder, *flags: str) -> None:
    """Run it with the names of files in the folder."""
    paths = [str(folder / flag) if '.' in flag else flag for flag in flags]
    assert main(['export-onnx', '--checkpoint', *paths]) == 0


def reuse(patch: pytest.MonkeyPatch, folder) -> None:
    """The same export again is a copy of the first: PyTorch's exporter takes seconds."""
    patch.setattr('dejavu_ros.nn.onnx_export.export',
                  lambda checkpoint, path, batch: shutil.copy(folder / 'dynamic.onnx', path))


def vectors(path, images: np.ndarray) -> np.ndarray:
    onnxruntime = pytest.importorskip('onnxruntime')
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session.run(['vectors'], {'images': images})[0]


@pytest.mark.timeout(300)
@pytest.mark.parametrize('count', [1, 3])
def test_any_number_of_images_gives_what_is_stored_in_a_map(exported, count):
    images = pictures(count)
    expected = FeatureExtractor(load_checkpoint(exported / 'area.pt')).extract(list(images))
    found = vectors(exported / 'dynamic.onnx', images)
    assert found.shape == (count, 4, 70) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected.astype(float), atol=1e-3)


@pytest.mark.timeout(300)
def test_the_published_reduction_and_another_size(exported):
    images = pictures(2, width=72)
    checkpoint = load_checkpoint(exported / 'bilinear.pt')
    checkpoint = dataclasses.replace(checkpoint, settings=dataclasses.replace(checkpoint.settings, input_width=72))
    expected = FeatureExtractor(checkpoint).extract(list(images))
    np.testing.assert_allclose(vectors(exported / 'two.onnx', images), expected.astype(float), atol=1e-3)


@pytest.mark.timeout(300)
def test_integers_point_the_same_way(exported):
    images = pictures(1)
    expected = FeatureExtractor(load_checkpoint(exported / 'area.pt')).extract(list(images)).astype(float)
    found = vectors(exported / 'int8.onnx', images)
    assert (found * expected).sum(1).mean() > 0.98
    assert (exported / 'int8.onnx').read_bytes() != (exported / 'dynamic.onnx').read_bytes()


@pytest.mark.timeout(300)
def test_a_file_says_what_it_was_made_of(exported):
    onnx = pytest.importorskip('onnx')
    said = {row.key: row.value for row in onnx.load(exported / 'dynamic.onnx').metadata_props}
    record = json.loads(said['dejavu'])
    assert record['checkpoint'] == load_checkpoint(exported / 'area.pt').identity
    assert record['features']['grid_width'] == 10 and record['contextual']['form'] == 'authors'


@pytest.mark.timeout(300)
def test_a_file_that_differs_is_not_written(exported, tmp_path, monkeypatch, capsys):
    reuse(monkeypatch, exported)
    flags = ['--checkpoint', str(exported / 'area.pt'), '--tolerance', '0', '-o', str(tmp_path / 'none.onnx')]
    assert main(['export-onnx', *flags]) == 1
    assert 'the tolerance is 0: nothing is written' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named(tmp_path, monkeypatch, capsys):
    save(tmp_path / 'area.pt', 'area')
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    monkeypatch.setitem(sys.modules, 'onnx', sys)
    assert main(['export-onnx', '--checkpoint', str(tmp_path / 'area.pt'), '-o', str(tmp_path / 'none.onnx')]) == 1
    error = capsys.readouterr().err
    assert 'package onnxscript' in error and 'pip install' in error and error.count('\n') == 1
    assert not (tmp_path / 'none.onnx').exists()


@pytest.mark.parametrize('flags, said', [(['--batch', '0'], '--batch must be'), (['--width', '3'], 'input_width'),
                                         (['--checkpoint', 'nowhere.pt'], 'nowhere.pt')])
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys, flags, said):
    monkeypatch.chdir(tmp_path)
    assert main(['export-onnx', '-o', 'none.onnx', *flags]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count('\n') == 1
