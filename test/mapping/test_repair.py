"""A damaged map: what is whole is in the new one, what is lost is told, and the old one stays as it is."""

import re
import shutil
import sqlite3

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg, encode_png
from dejavu_ros.keyframes import KeyframeMap, MapWriter, writer
from dejavu_ros.keyframes.verify import verify
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.optics.mask import visible_cells

SEEN = np.arange(60)[:, None] < np.full(80, 45)  # the lower quarter is the robot itself


@pytest.fixture(scope='module')
def extractor():
    return FeatureExtractor(load_checkpoint())


@pytest.fixture(scope='module')
def pictures():
    """Of seven places: patches of colour, which survive a JPEG."""
    rng = np.random.default_rng(0)
    return [np.kron(rng.integers(0, 255, (6, 8, 3)), np.ones((10, 10, 1))).astype(np.uint8) for _ in range(7)]


@pytest.fixture(scope='module')
def good(tmp_path_factory, extractor, pictures):
    """Three shards: four and three keyframes of June, which has a mask, and two of January."""
    path = tmp_path_factory.mktemp('maps') / 'good.dvmap'
    descriptors = extractor.extract(pictures)
    masked = descriptors.copy()
    masked[..., ~visible_cells(SEEN, extractor.grid)] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, 'SHARD_BYTES', 4 * descriptors[0].nbytes)
        with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as made:
            for name, views, mask in (('june', masked, encode_png(255 * SEEN.astype(np.uint8))),
                                      ('january', descriptors[:2], None)):
                with made.session(name, 'any') as session:
                    session.camera('front', 80, 60, mask=mask)
                    for i, view in enumerate(views):
                        session.add(view, 'front', i, Pose.planar(i, 0, 0), np.eye(6), encode_jpeg(pictures[i]))
    return path


@pytest.fixture
def path(good, tmp_path):
    return shutil.copytree(good, tmp_path / 'M.dvmap')


def shards(path):
    return sorted((path / 'descriptors').iterdir())


def cut(file):
    file.write_bytes(file.read_bytes()[:file.stat().st_size // 2])


def flip(file):
    content = bytearray(file.read_bytes())
    content[-7] ^= 1
    file.write_bytes(content)


def content_of(folder):
    return {str(entry.relative_to(folder)): entry.read_bytes() for entry in folder.rglob('*') if entry.is_file()}


def repaired(path, *words):
    """The command; the new map's descriptors and positions along the road, by session."""
    before = content_of(path)
    assert main(['map', 'repair', str(path), '-o', str(path.parent / 'new'), *words]) == 0
    assert content_of(path) == before, 'the damaged map is set aside as it was'
    assert list(verify(path.parent / 'new')) == []
    with KeyframeMap.open(path.parent / 'new') as new:
        rows = {session.name: np.flatnonzero(new.session_index == i) for i, session in enumerate(new.sessions)}
        return {name: (new.descriptors(own[0], own[-1] + 1), new.positions[own, 0].tolist())
                for name, own in rows.items()}


def test_a_shard_cut_in_half_keeps_what_lies_before_the_cut(good, path, capsys):
    cut(shards(path)[0])
    found = repaired(path, '--drop')
    assert found['june'][1] == [0, 4, 5, 6] and found['january'][1] == [0, 1]
    with KeyframeMap.open(good) as whole:
        np.testing.assert_array_equal(found['june'][0], whole.descriptors(0, 7)[[0, 4, 5, 6]])
    said = capsys.readouterr().out
    assert 'defect: ' in said and '000000000.safetensors: 1 of 4 keyframes are whole' in said
    assert 'session june: 3 of 7 keyframes are lost' in said
    assert '6 keyframes of 9, 0 of them described again from their pictures, 3 lost' in said


@pytest.mark.parametrize('damage, again', [(cut, 3), (flip, 4), (lambda file: file.unlink(), 4)],
                         ids=['cut', 'one bit', 'missing'])
def test_what_a_shard_has_lost_is_described_again(good, path, capsys, damage, again):
    damage(shards(path)[0])
    found = repaired(path)
    assert found['june'][1] == list(range(7))
    assert f'9 keyframes of 9, {again} of them described again from their pictures, 0 lost' in capsys.readouterr().out
    with KeyframeMap.open(good) as whole:
        as_it_was = whole.descriptors(0, 7)
    np.testing.assert_array_equal(found['june'][0][4:], as_it_was[4:])
    hidden = ~visible_cells(SEEN, (12, 16))
    assert (found['june'][0][..., hidden] == 0).all(), 'the mask still hides'
    cosine = (found['june'][0].astype(np.float32) * as_it_was).sum(1)[:, ~hidden]
    assert cosine.mean() > 0.95


def test_a_lost_session_is_left_out_by_name(path, capsys):
    shards(path)[-1].unlink()
    assert list(repaired(path, '--drop')) == ['june']
    assert 'session january: 2 of 2 keyframes are lost' in capsys.readouterr().out


def test_rows_that_are_damaged(path, extractor, capsys):
    """A lost picture costs no place, nor do points; a pose without a covariance is none."""
    with sqlite3.connect(path / 'map.sqlite') as connection:
        connection.execute("UPDATE thumbnails SET jpeg = x'00' WHERE keyframe = 1")
        connection.execute('DELETE FROM thumbnails WHERE keyframe = 2')
        connection.execute(f"UPDATE keyframes SET covariance = x'{np.full(36, np.nan).tobytes().hex()}' WHERE id = 3")
        connection.execute('CREATE TABLE points (keyframe INTEGER PRIMARY KEY, tensors BLOB NOT NULL)')
        connection.execute("INSERT INTO points VALUES (4, x'00')")
        connection.execute("UPDATE cameras SET mask = x'00'")
    connection.close()
    assert repaired(path)['june'][1] == [0, 1, 2, 4, 5, 6]
    said = capsys.readouterr().out
    for line in ('keyframe 1: its picture is lost', 'keyframe 2: its picture is lost', 'keyframe 4: its points',
                 'session june: 1 of 7', 'camera front of session june: its mask is lost'):
        assert line in said


def test_left_over_files_alone(path, capsys):
    (path / '.map.sqlite.1a2b3c4d.part').write_bytes(b'half')
    (path / 'descriptors' / '000000009.safetensors').write_bytes(b'half')
    assert [len(descriptors) for descriptors, _ in repaired(path).values()] == [7, 2]
    said = capsys.readouterr().out
    assert said.count('left over: ') == 2 and '9 keyframes of 9, 0 of them described again' in said


def test_a_good_map_is_not_copied(path, capsys):
    assert main(['map', 'repair', str(path), '-o', str(path.parent / 'new')]) == 0
    assert 'nothing to repair' in capsys.readouterr().out and not (path.parent / 'new.dvmap').exists()


@pytest.mark.parametrize('damage, words, message', [
    (lambda path: cut(path / 'map.sqlite'), [], 'map.sqlite cannot be read'),
    (lambda path: shutil.rmtree(path / 'descriptors'), ['--drop'], 'nothing of .* would be left'),
    (lambda path: cut(shards(path)[0]), ['--checkpoint', 'random'], 'was made with checkpoint .*, not with'),
], ids=['database', 'everything', 'checkpoint'])
def test_what_cannot_be_repaired(path, capsys, damage, words, message):
    damage(path)
    assert main(['map', 'repair', str(path), '-o', str(path.parent / 'new'), *words]) == 1
    said = capsys.readouterr().err
    assert re.search(message, said) and len(said.splitlines()) == 1
    assert not (path.parent / 'new.dvmap').exists()


def test_a_picture_that_is_lost_with_its_descriptors(path, capsys):
    shards(path)[0].unlink()
    with sqlite3.connect(path / 'map.sqlite') as connection:
        connection.execute('UPDATE thumbnails SET jpeg = substr(jpeg, 1, 200) WHERE keyframe = 0')
    connection.close()
    assert repaired(path)['june'][1] == [1, 2, 3, 4, 5, 6]
    assert '8 keyframes of 9, 3 of them described again from their pictures, 1 lost' in capsys.readouterr().out
