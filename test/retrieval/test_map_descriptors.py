"""Descriptors of images and of maps, and the localizer's coarse pass over them."""

import shutil

import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.errors import CheckpointError, ConfigError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.retrieval.describer import Describer
from dejavu_ros.retrieval.files import load_describer, save_describer
from dejavu_ros.retrieval.map_descriptors import describe_keyframes, keyframe_descriptors
from dejavu_ros.retrieval.network import DescriberNet
from dejavu_ros.retrieval.settings import DescriberSettings

PLACES = 30


class Blocks(torch.nn.Module):
    """What a square of the image looks like: a backbone that knows nothing, and is fast."""

    channels = 48

    def forward(self, images):
        return torch.nn.functional.pixel_unshuffle(images, 4) - 0.5


def picture(place: int, width: int = 96) -> np.ndarray:
    blocks = np.random.default_rng(place).integers(0, 255, (9, 12, 3), np.uint8)
    return np.kron(blocks, np.ones((width // 12, width // 12, 1), np.uint8))


@pytest.fixture(scope='module')
def extractor():
    return FeatureExtractor(random_checkpoint(settings=FeatureSettings(64, 48, 8, 6, 'area')))


@pytest.fixture
def describer_file(tmp_path, monkeypatch):
    """A describer of blocks, as a file; the shipped name of a backbone stands for them."""
    monkeypatch.setattr('dejavu_ros.retrieval.files.empty_backbone', lambda name: Blocks())
    torch.manual_seed(0)
    net = DescriberNet(DescriberSettings(clusters=8, input_width=48, input_height=36), Blocks())
    save_describer(tmp_path / 'blocks.pt', net, {'name': 'blocks'})
    return tmp_path / 'blocks.pt'


def add_session(writer, extractor, name, places):
    with writer.session(name, 'summer') as session:
        for place in places:
            session.add(extractor.extract([picture(place)])[0], 'camera', place, Pose.planar(20.0 * place, 0, 0),
                        np.eye(6) * 0.01, encode_jpeg(picture(place)))


@pytest.fixture
def road(tmp_path, extractor):
    with MapWriter.create(tmp_path / 'road.dvmap', extractor.record, extractor.checkpoint.identity) as writer:
        add_session(writer, extractor, 'one', range(PLACES))
    return tmp_path / 'road.dvmap'


def test_images_become_descriptors_in_a_file(tmp_path, describer_file):
    for place in range(3):
        (tmp_path / f'{place}.jpg').write_bytes(encode_jpeg(picture(place)))
    (tmp_path / 'more').mkdir()
    shutil.copy(tmp_path / '1.jpg', tmp_path / 'more')
    named = [str(tmp_path / '0.jpg'), str(tmp_path / '1.jpg'), str(tmp_path / 'more')]
    assert main(['describe', *named, '-o', str(tmp_path / 'd.npz'), '--describer', str(describer_file)]) == 0
    content = np.load(tmp_path / 'd.npz')
    descriptors = content['descriptors']
    assert list(content['images']) == [*named[:2], f'{tmp_path}/more/1.jpg'] and descriptors.shape == (3, 8 * 48)
    assert str(content['describer']) == load_describer(describer_file).identity
    np.testing.assert_allclose(descriptors.astype(float) @ descriptors[1], [descriptors[0] @ descriptors[1], 1, 1],
                               atol=2e-2)


def test_only_new_keyframes_are_described(road, extractor, describer_file, capsys):
    describe = ['describe', '--map', str(road), '--describer', str(describer_file)]
    assert main(describe) == 0 and main(describe) == 0
    said = capsys.readouterr().out
    assert f'{PLACES} keyframes described' in said and ', 0 keyframes described' in said
    describer = Describer(load_describer(describer_file))
    with MapWriter.append(road, extractor.record, extractor.checkpoint.identity) as writer:
        add_session(writer, extractor, 'two', range(3))
    with KeyframeMap.open(road) as content:
        with pytest.raises(MapError, match=f'describes {PLACES} keyframes, not the {PLACES + 3} .* dejavu describe'):
            keyframe_descriptors(content, describer.identity)
        path, new = describe_keyframes(content, describer)
        assert new == 3
        found = keyframe_descriptors(content, describer.identity).astype(float)
        np.testing.assert_allclose((found[:3] * found[PLACES:]).sum(1), 1, atol=1e-2)
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(MapError, match='is damaged: remove it'):
            keyframe_descriptors(content, describer.identity)


def test_descriptors_are_no_stray_files(road, describer_file, capsys):
    main(['describe', '--map', str(road), '--describer', str(describer_file)])
    assert main(['map', 'verify', str(road)]) == 0
    assert 'not part of the map' not in capsys.readouterr().out


def test_the_localizers_coarse_pass_can_be_a_describers(road, extractor, describer_file):
    config = LocalizerConfig(shortlist=4, describer=str(describer_file), use_filter=False, min_inliers=0)
    with KeyframeMap.open(road) as content:
        with pytest.raises(MapError, match='has no descriptors of describer .*: run dejavu describe --map'):
            Localizer(extractor, content, config)
        describe_keyframes(content, Describer(load_describer(describer_file)))
        localizer = Localizer(extractor, content, config)
        exact = Localizer(extractor, content, LocalizerConfig(shortlist=0, use_filter=False, min_inliers=0))
        for place in range(0, PLACES, 4):
            found, expected = (one.process(picture(place), 0).hypotheses[0] for one in (localizer, exact))
            assert found.keyframe == expected.keyframe == place
            assert found.similarity == pytest.approx(expected.similarity, abs=1e-3)
        localizer.process(picture(0), 0)
        whole = Localizer(extractor, content, LocalizerConfig(describer=str(describer_file), use_filter=False))
        assert whole.process(picture(5), 0).hypotheses[0].keyframe == 5, 'a short map needs no shortlist'


def test_descriptors_that_need_more_memory_are_refused(road, extractor, describer_file):
    from dejavu_ros.localization.described_map import DescribedMap
    with KeyframeMap.open(road) as content:
        describe_keyframes(content, Describer(load_describer(describer_file)))
        with pytest.raises(ConfigError, match='memory_limit_mb is 0, descriptors of 30 keyframes need 1'):
            DescribedMap(content, load_describer(describer_file).identity, 0)


@pytest.mark.parametrize('content, message', [
    (None, 'no describer .*: No such file or directory; make one with dejavu train-netvlad'),
    ('text', 'is no describer'), ({'model': {}}, 'is no describer'),
    ({'model': {}, 'describer': {'settings': {'wings': 2}}}, 'was made by another version: unknown setting wings'),
    ({'model': {}, 'describer': {'settings': {'backbone': 'alexnet'}}}, 'does not fit its settings: .*Missing key')])
def test_files_that_are_no_describers(tmp_path, content, message):
    path = tmp_path / 'x.pt'
    if content == 'text':
        path.write_text('hello')
    elif content:
        torch.save(content, path)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_describer(path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('arguments', [[], ['a.jpg'], ['-o', 'x.npz'], ['a.jpg', '-o', 'x.npz', '--map', 'm']])
def test_wrong_arguments(arguments, capsys):
    assert main(['describe', *arguments]) == 1
    assert 'give either images and -o FILE.npz, or --map M.dvmap' in capsys.readouterr().err
