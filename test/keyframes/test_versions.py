"""Maps of older versions are read as they are, answer the same, and are brought to the present format.

version1.zip holds a map as the program of format 1 wrote it, and what it answered to two queries.
"""

import shutil
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.errors import MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_png
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.keyframes.schema import VERSION
from dejavu_ros.keyframes.verify import verify
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity

CHECKPOINT = '0123456789ab'
MASK = encode_png(np.full((6, 8), 255, np.uint8))


@pytest.fixture
def old(tmp_path):
    zipfile.ZipFile(Path(__file__).parent / 'version1.zip').extractall(tmp_path)
    return tmp_path / 'version1.dvmap'


def check_answers(path):
    """The nine keyframes of version 1 are there and score what they scored."""
    with KeyframeMap.open(path, CHECKPOINT) as content, np.load(path.parent / 'answers.npz') as answers:
        descriptors = content.descriptors(0, 9)
        np.testing.assert_array_equal(descriptors, answers['descriptors'])
        scores = contextual_similarity(torch.from_numpy(answers['queries']), torch.from_numpy(np.array(descriptors)),
                                       ContextualSettings(**content.settings['contextual']))
        np.testing.assert_allclose(scores, answers['scores'], atol=1e-5)
        assert scores.argmax(1).tolist() == [2, 7]
        first, last = content.keyframes[0], content.keyframes[8]
        assert (first.session, first.camera, last.session, last.condition) == ('first', 'front', 'second', 'snow')
        assert last.map_T_base.position.tolist() == [16.0, -0.5, 0.0]
        front, other = content.cameras[:2]
        assert front.intrinsics['model'] == 'plumb_bob' and front.base_T_camera.position.tolist() == [0.5, 0.0, 1.2]
        assert front.mask is None and other.intrinsics is None


def files(path):
    return {entry.name: entry.read_bytes() for entry in path.rglob('*') if entry.is_file()}


def test_version_1_is_read_as_it_is(old):
    before = files(old)
    check_answers(old)
    assert KeyframeMap.open(old).format == 1
    assert list(verify(old)) == []
    assert files(old) == before


def test_migrate(old, capsys):
    before = files(old)
    assert main(['map', 'migrate', str(old)]) == 0
    assert f'format 1 is now {VERSION}' in capsys.readouterr().out
    check_answers(old)
    with KeyframeMap.open(old) as content:
        assert (content.format, content.revision) == (VERSION, 2)
    assert list(verify(old)) == []
    after = files(old)
    assert {name for name in after if after[name] != before[name]} == {'map.sqlite'}
    assert main(['map', 'migrate', str(old)]) == 0
    assert 'is the present one' in capsys.readouterr().out


def test_appending_migrates(old):
    with KeyframeMap.open(old) as content, MapWriter.append(old, content.settings, CHECKPOINT) as writer:
        with writer.session('third', 'rain') as session:
            session.camera('front', 8, 6, mask=MASK)
            session.add(np.ones((4, 48), np.float16), 'front', 5, Pose.planar(0, 0, 0), np.eye(6), b'\xff\xd8')
        assert content.format == 1 and len(content) == 9  # an open map stays as it is
    check_answers(old)
    with KeyframeMap.open(old) as content:
        assert (content.format, len(content), content.cameras[-1].mask) == (VERSION, 10, MASK)
    assert list(verify(old)) == []


@pytest.mark.parametrize('mask, words', [(MASK[:40], 'its mask: '), (MASK, 'its mask is 8x6, its pictures 64x48')])
def test_a_mask_that_is_none_is_found(old, mask, words):
    with KeyframeMap.open(old) as content, MapWriter.append(old, content.settings, CHECKPOINT) as writer:
        with writer.session('third', 'rain') as session:
            session.camera('front', 64, 48, mask=mask)
            session.add(np.ones((4, 48), np.float16), 'front', 5, Pose.planar(0, 0, 0), np.eye(6), b'\xff\xd8')
    finding, = verify(old)
    assert 'camera front of session third' in finding.text and words in finding.text


def test_a_failed_session_leaves_version_1(old):
    before = files(old)
    with KeyframeMap.open(old) as content, pytest.raises(KeyboardInterrupt):
        with MapWriter.append(old, content.settings, CHECKPOINT) as writer, writer.session('third', 'rain'):
            raise KeyboardInterrupt
    assert files(old) == before


def test_a_migrated_map_has_the_tables_of_a_new_one(old, tmp_path):
    with KeyframeMap.open(old) as content, MapWriter.append(old, content.settings, CHECKPOINT) as writer:
        writer.migrate()
        with MapWriter.create(tmp_path / 'new', content.settings, CHECKPOINT) as other, other.session('s', '') as made:
            made.add(np.ones((4, 48), np.float16), 'c', 5, Pose.planar(0, 0, 0), np.eye(6), b'\xff\xd8')
    columns = []
    for path in (old, tmp_path / 'new.dvmap'):
        connection = sqlite3.connect(path / 'map.sqlite')
        tables = [row[0] for row in connection.execute('SELECT name FROM sqlite_master WHERE sql LIKE "CREATE TABLE%" '
                                                       'ORDER BY 1')]
        columns.append({table: connection.execute(f'PRAGMA table_info({table})').fetchall() for table in tables})
        connection.close()
    assert columns[0] == columns[1]


def test_disk_full_leaves_version_1(old, monkeypatch):
    before = files(old)

    def full(*arguments):
        raise OSError(28, 'No space left on device')

    with KeyframeMap.open(old) as content, MapWriter.append(old, content.settings, CHECKPOINT) as writer:
        monkeypatch.setattr(shutil, 'copyfile', full)
        with pytest.raises(MapError, match='No space left'):
            writer.migrate()
    assert files(old) == before
