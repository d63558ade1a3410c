"""A map holds what was put in, and says by name what is wrong with it."""

import contextlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import threading

import numpy as np
import pytest

from dejavu_ros.errors import MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import Keyframe, KeyframeMap, MapWriter, writer
from dejavu_ros.keyframes.verify import verify

SETTINGS = {'input_size': [20, 12], 'grid': [3, 5], 'channels': 4, 'contextual': {'form': 'paper'}}
SHAPE = (4, 15)
CHECKPOINT = 'abcdef012345'
STAMP = 1_700_000_000_123_456_789


def descriptors(number):
    return np.random.default_rng(number).standard_normal(SHAPE).astype(np.float16)


def add(session, number, camera='front'):
    return session.add(descriptors(number), camera, STAMP + number, Pose.planar(number, -0.5, 0.1 * number),
                       (1 + number) * np.eye(6), b'\xff\xd8 picture %d' % number)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(writer, 'SHARD_BYTES', 3 * 2 * SHAPE[0] * SHAPE[1])  # 3 keyframes


@pytest.fixture
def path(tmp_path):
    """A map of 7 summer and 4 winter keyframes, in shards of 3, 3, 1, 3, 1."""
    with MapWriter.create(tmp_path / 'M', SETTINGS, CHECKPOINT) as made:
        with made.session('one', 'summer') as session:
            session.camera('front', 640, 480, {'fx': 500.0}, Pose.make((1, 0, 2), (0.5, -0.5, 0.5, -0.5)))
            for number in range(7):
                add(session, number)
    with MapWriter.append(tmp_path / 'M', SETTINGS, CHECKPOINT) as made:
        with made.session('two', 'winter') as session:
            for number in range(7, 11):
                add(session, number, 'left' if number % 2 else 'right')
    return tmp_path / 'M.dvmap'


def change(path, statement, *values):
    with sqlite3.connect(path / 'map.sqlite') as connection:
        connection.execute(statement, values)
    connection.close()


def shard(path, start=0):
    return path / 'descriptors' / f'{start:09d}.safetensors'


def test_what_was_put_in_comes_out(path):
    content = KeyframeMap.open(path, CHECKPOINT)
    assert (len(content), content.name, content.revision, content.checkpoint_id) == (11, 'M', 2, CHECKPOINT)
    assert content.path == path and content.settings == SETTINGS
    np.testing.assert_array_equal(content.positions[:, 0], np.arange(11))
    assert content.quaternions.shape == (11, 4)
    np.testing.assert_array_equal(content.session_index, [0] * 7 + [1] * 4)
    first, last = content.keyframes[0], content.keyframes[-1]
    assert isinstance(last, Keyframe)
    assert (last.id, last.session, last.condition, last.camera) == (10, 'two', 'winter', 'right')
    assert (first.id, first.session, first.condition, first.camera) == (0, 'one', 'summer', 'front')
    assert last.stamp_ns == STAMP + 10  # to the nanosecond
    assert last.map_T_base.yaw == pytest.approx(1.0)
    np.testing.assert_array_equal(last.covariance, 11 * np.eye(6))
    assert [keyframe.id for keyframe in content.keyframes] == list(range(11))
    assert content.thumbnail(3) == b'\xff\xd8 picture 3'
    with pytest.raises(MapError, match='no thumbnail of keyframe 11'):
        content.thumbnail(11)


def test_sessions_and_cameras(path):
    content = KeyframeMap.open(path)
    one, two = content.sessions
    assert (one.name, one.condition, one.keyframes) == ('one', 'summer', 7)
    assert (two.first_stamp_ns, two.last_stamp_ns) == (STAMP + 7, STAMP + 10)
    assert [(camera.session, camera.name) for camera in content.cameras] == [
        ('one', 'front'), ('two', 'left'), ('two', 'right')]
    front = content.cameras[0]
    assert (front.width, front.height, front.intrinsics) == (640, 480, {'fx': 500.0})
    np.testing.assert_allclose(front.base_T_camera.position, (1, 0, 2))
    assert content.cameras[1].base_T_camera is None


@pytest.mark.parametrize('start, stop', [(0, 11), (1, 3), (2, 8), (6, 7), (4, 4), (0, 0), (11, 11)])
def test_descriptors_of_any_range(path, start, stop):
    expected = np.array([descriptors(number) for number in range(start, stop)]).reshape(-1, *SHAPE)
    got = KeyframeMap.open(path).descriptors(start, stop)
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got, expected)


def test_shards_come_in_order_and_stay_on_the_disk(path):
    content = KeyframeMap.open(path)
    assert [(start, len(array)) for start, array in content.shards()] == [(0, 3), (3, 3), (6, 1), (7, 3), (10, 1)]
    for _, array in content.shards():
        assert isinstance(array.base, np.memmap) and not array.flags.writeable
    assert not content.descriptors(0, 3).flags.owndata
    with pytest.raises(IndexError):
        content.descriptors(5, 12)


@pytest.mark.parametrize('typed', ['M', 'M/', 'M.dvmap', 'M.dvmap/', './M', '../{parent}/M'])
def test_a_map_is_found_by_what_a_person_types(path, monkeypatch, typed):
    monkeypatch.chdir(path.parent)
    assert KeyframeMap.open(typed.format(parent=path.parent.name)).path == path


def test_a_map_is_found_from_within_and_under_another_name(path, monkeypatch):
    monkeypatch.chdir(path)
    assert len(KeyframeMap.open('.')) == 11
    path.rename(path.parent / 'copy of M')
    assert KeyframeMap.open(path.parent / 'copy of M').name == 'copy of M'


def test_opening_never_writes(path):
    for entry in [path, *path.rglob('*')]:
        entry.chmod(0o555 if entry.is_dir() else 0o444)
    before = {entry: (entry.stat().st_mtime_ns, entry.stat().st_size) for entry in [path, *path.rglob('*')]}
    content = KeyframeMap.open(path, CHECKPOINT)
    content.thumbnail(0), content.descriptors(0, 11).sum()
    assert {entry: (entry.stat().st_mtime_ns, entry.stat().st_size) for entry in [path, *path.rglob('*')]} == before


def test_an_open_map_keeps_its_revision_while_another_session_comes(path):
    content = KeyframeMap.open(path)
    with MapWriter.append(path, SETTINGS, CHECKPOINT) as more, more.session('three', '') as session:
        add(session, 11)
    assert (len(content), content.revision) == (11, 2)
    assert content.thumbnail(10) == b'\xff\xd8 picture 10'
    assert (len(KeyframeMap.open(path)), KeyframeMap.open(path).revision) == (12, 3)


def test_thumbnails_from_another_thread(path):
    content, got = KeyframeMap.open(path), []
    thread = threading.Thread(target=lambda: got.append(content.thumbnail(2)))
    thread.start()
    thread.join()
    assert got == [b'\xff\xd8 picture 2']


def test_a_map_of_another_checkpoint_names_both(path):
    with pytest.raises(MapError, match=f'made with checkpoint {CHECKPOINT}, not with 000000000000: use that'):
        KeyframeMap.open(path, '000000000000')


def test_no_map_unfinished_map_and_files_in_its_place(tmp_path):
    with pytest.raises(MapError, match='no keyframe map .*/M.dvmap: build one'):
        KeyframeMap.open(tmp_path / 'M')
    with pytest.raises(MapError, match='no map named'):
        KeyframeMap.open('')
    (tmp_path / 'M.dvmap').mkdir()
    with pytest.raises(MapError, match='no map.sqlite: .*unfinished'):
        KeyframeMap.open(tmp_path / 'M')
    (tmp_path / 'F.dvmap').write_text('')
    with pytest.raises(MapError, match='no keyframe map'):
        KeyframeMap.open(tmp_path / 'F')


@pytest.mark.parametrize('statement, message', [
    ('PRAGMA user_version = 99', 'map format 99, this version reads up to 2: update'),
    ('PRAGMA user_version = 0', 'map format 0'),
    ('PRAGMA application_id = 1', 'database of another program'),
    ('DROP TABLE keyframes', 'cannot be read .*no such table'),
    ('DELETE FROM keyframes', 'has no keyframes'),
    ('DELETE FROM keyframes WHERE id = 4', 'not numbered from 0'),
    ('DELETE FROM map', 'cannot be read'),
    ('DELETE FROM cameras', 'cannot be read'),
    ('DELETE FROM shards WHERE start = 3', 'do not hold each keyframe once'),
    ("UPDATE map SET settings = '[1]'", 'settings need channels'),
    ("UPDATE map SET settings = '" + '[' * 100_000 + "'", 'cannot be read'),
    ('UPDATE keyframes SET x = 9e999 WHERE id = 1', 'poses that are no poses'),
    ('UPDATE keyframes SET y = -1e300 WHERE id = 1', 'poses that are no poses'),
    ('UPDATE keyframes SET qx = 3 WHERE id = 1', 'poses that are no poses'),
    ("UPDATE cameras SET base_T_camera = '[1, 2]'", 'cannot be read'),
    ("UPDATE shards SET file = '../../etc/passwd' WHERE start = 0", 'not a file of its descriptors folder'),
    ("UPDATE shards SET file = '/etc/passwd' WHERE start = 0", 'not a file of its descriptors folder'),
    ("UPDATE shards SET file = '..' WHERE start = 0", 'not a file of its descriptors folder'),
    ('UPDATE shards SET bytes = 9223372036854775807', 'is damaged'),
    ('CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n',
     "holds the view 'endless'"),
    ('CREATE TRIGGER t AFTER INSERT ON map BEGIN DELETE FROM keyframes; END', "holds the trigger 't'"),
    ('CREATE VIRTUAL TABLE t USING fts5(a)', "holds the table 't'"),
])
def test_a_database_that_is_wrong_is_refused_by_name(path, statement, message):
    change(path, statement)
    with pytest.raises(MapError, match=message) as refusal:
        KeyframeMap.open(path)
    assert '\n' not in str(refusal.value) and str(path) in str(refusal.value)


def test_a_damaged_database_never_gives_a_traceback(path):
    """Bytes are overwritten at random: the map is either refused by name or opens."""
    whole = (path / 'map.sqlite').read_bytes()
    used = np.flatnonzero(np.frombuffer(whole[:-64], np.uint8))
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        bad = bytearray(whole)
        at = int(random.choice(used))
        bad[at:at + 64] = random.bytes(64)
        (path / 'map.sqlite').write_bytes(bad)
        try:
            with KeyframeMap.open(path) as content:
                [keyframe.stamp_ns for keyframe in content.keyframes]
                content.thumbnail(5)
        except MapError:
            refused += 1
        with contextlib.suppress(MapError):
            list(verify(path))
    assert refused > 5
    (path / 'map.sqlite').write_bytes(whole[:len(whole) // 2])
    with pytest.raises(MapError, match='cannot be read'):
        KeyframeMap.open(path)


def test_a_database_with_an_unfinished_foreign_change_is_refused(path):
    (path / 'map.sqlite-journal').write_bytes(b'1')
    with pytest.raises(MapError, match='changed by another program'):
        KeyframeMap.open(path)


def test_a_missing_or_cut_shard_is_named(path):
    content = shard(path, 3).read_bytes()
    shard(path, 3).write_bytes(content[:-1])
    with pytest.raises(MapError, match='000000003.safetensors is damaged .*restore'):
        KeyframeMap.open(path)
    shard(path, 3).unlink()
    with pytest.raises(MapError, match='000000003.safetensors is missing'):
        KeyframeMap.open(path)
    os.mkfifo(shard(path, 3))
    with pytest.raises(MapError, match='missing'):
        KeyframeMap.open(path)


def header(**changes):
    entry = {'dtype': 'F16', 'shape': [3, *SHAPE], 'data_offsets': [0, 360], **changes}
    return json.dumps({'descriptors': entry}).encode()


@pytest.mark.parametrize('text', [
    header(dtype='F32'), header(shape=[3, 15, 4]), header(shape=[1 << 62, 4, 15]), header(shape=[-3, -4, 15]),
    header(data_offsets=[0, 1 << 60]), header(data_offsets=[-360, 0]), header(data_offsets=[8, 368]),
    b'[]', b'{}', b'nonsense', b'\xff\xfe', b'[' * 5000, b'null'])
def test_a_hostile_shard_header_is_refused(path, text):
    content = struct.pack('<Q', len(text)) + text + bytes(360)
    shard(path).write_bytes(content)
    change(path, 'UPDATE shards SET bytes = ? WHERE start = 0', len(content))
    with pytest.raises(MapError, match='000000000.safetensors is damaged'):
        KeyframeMap.open(path)


@pytest.mark.parametrize('length', [0, 1 << 20, 1 << 63, (1 << 64) - 1])
def test_a_hostile_header_length_is_refused(path, length):
    content = struct.pack('<Q', length) + shard(path).read_bytes()[8:]
    shard(path).write_bytes(content)
    with pytest.raises(MapError, match='no safetensors header'):
        KeyframeMap.open(path)


def test_shards_are_plain_safetensors(path):
    from safetensors.numpy import load_file
    np.testing.assert_array_equal(load_file(shard(path, 3))['descriptors'], KeyframeMap.open(path).descriptors(3, 6))


def test_a_read_only_disk_will_do(path, tmp_path):
    if os.geteuid() != 0:
        pytest.skip('mounting needs root')
    disk = tmp_path / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], capture_output=True).returncode:
        pytest.skip('this machine does not let us mount a tmpfs')
    try:
        shutil.copytree(path, disk / 'M.dvmap')
        subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
        with KeyframeMap.open(disk / 'M') as content:
            assert content.thumbnail(1) == b'\xff\xd8 picture 1'
        del content
        with pytest.raises(MapError, match='cannot write .*Read-only file system'):
            MapWriter.append(disk / 'M', SETTINGS, CHECKPOINT)
        with pytest.raises(MapError, match='cannot write .*Read-only file system'):
            MapWriter.create(disk / 'N', SETTINGS, CHECKPOINT)
    finally:
        subprocess.run(['umount', '-l', disk], check=True)
