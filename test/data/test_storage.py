"""A storage file is what it holds: it is read or named, whatever it is called, and nothing is written beside it."""

import errno
import shutil
import sqlite3
import struct
import tempfile

import pytest
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.typesys import Stores, get_typestore

from dejavu_ros.data import storage
from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

SECOND = 10**9
COUNT = 8
POINT = 'float64 x\nfloat64 y\nfloat64 z'


@pytest.fixture(params=['mcap', 'sqlite3'])
def file(request, tmp_path):
    """The one storage file of a recording."""
    return record(tmp_path, request.param)


def record(folder, kind):
    with BagWriter(folder / 'drive', kind) as bag:
        for second in range(COUNT):
            bag.odometry('/odom', (100 + second) * SECOND, 'odom', 'base_link', Pose.planar(second, 0, 0))
    return next(path for path in (folder / 'drive').iterdir() if path.suffix in ('.mcap', '.db3'))


def count(path):
    with open_bag(path) as bag:
        return len(list(bag.messages(bag.topics)))


def test_a_file_is_what_it_holds(file):
    assert count(file.rename(file.with_name('drive.bag'))) == COUNT


@pytest.mark.parametrize('name', ['run #3', 'what?', '100 %', 'a%20b', 'a&mode=rw', 'größe', ' '])
def test_a_folder_may_have_any_name(file, name, monkeypatch):
    folder = file.parent.rename(file.parent.with_name(name))
    assert count(folder) == COUNT
    monkeypatch.chdir(folder)
    assert count(file.name) == COUNT


def test_files_compressed_by_zstd_are_read_where_nothing_says_so(file):
    packed = file.with_name(f'{file.name}.zstd')
    packed.write_bytes(storage.zstd.compress(file.read_bytes()))
    file.unlink()
    assert count(packed) == count(packed.parent) == COUNT
    cut = packed.with_name('cut.db3')
    cut.write_bytes(packed.read_bytes()[:-50])
    with pytest.raises(DataError, match='cut.db3 is compressed by zstd and cut short'):
        open_bag(cut)


def test_messages_compressed_one_by_one_are_read_where_nothing_says_so(tmp_path):
    file = record(tmp_path, 'sqlite3')
    with sqlite3.connect(file) as database:
        for number, data in database.execute('SELECT id, data FROM messages').fetchall():
            database.execute('UPDATE messages SET data = ? WHERE id = ?', (storage.zstd.compress(data), number))
    (file.parent / 'metadata.yaml').unlink()
    assert count(file.parent) == COUNT


@pytest.mark.parametrize('shared_memory', [True, False])
def test_what_lies_in_a_write_ahead_log_is_read_and_nothing_is_written(tmp_path, shared_memory):
    file = record(tmp_path, 'sqlite3')
    with sqlite3.connect(file) as database:
        kept = database.execute('SELECT * FROM messages WHERE id > 4').fetchall()
        database.execute('DELETE FROM messages WHERE id > 4')
    database.close()
    recorder = sqlite3.connect(file)
    recorder.execute('PRAGMA journal_mode = WAL')
    recorder.executemany('INSERT INTO messages VALUES (?, ?, ?, ?)', kept)
    recorder.commit()
    left = tmp_path / 'left'  # as a recorder leaves it that is killed now
    shutil.copytree(file.parent, left)
    recorder.close()
    if not shared_memory:
        (left / 'drive.db3-shm').unlink()
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in left.iterdir()}
    assert 'drive.db3-wal' in before
    assert count(left) == count(left / 'drive.db3') == COUNT
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in left.iterdir()} == before


@pytest.mark.parametrize('hindrance', ['no folder', 'a full disk'])
def test_no_room_for_a_temporary_copy_is_said(tmp_path, monkeypatch, hindrance):
    file = record(tmp_path, 'sqlite3')
    file.with_name('drive.db3-wal').write_bytes(b'some')
    if hindrance == 'no folder':
        monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'nowhere'))
    else:
        monkeypatch.setattr(shutil, 'copyfile', fail)
    for path in (file, file.parent):
        with pytest.raises(DataError, match='needs a temporary copy, which cannot be made in .*; TMPDIR names'):
            open_bag(path)


def fail(*paths):
    raise OSError(errno.ENOSPC, 'No space left on device')


@pytest.mark.parametrize('edit', [
    "UPDATE topics SET offered_qos_profiles = 'of no known shape'",
    "UPDATE topics SET offered_qos_profiles = '- history: 3'",
    "UPDATE message_definitions SET encoding = 'unknown', encoded_message_definition = ''",
    "UPDATE message_definitions SET encoded_message_definition = ''"])
def test_what_a_database_says_beside_its_messages_does_no_harm(tmp_path, edit):
    file = record(tmp_path, 'sqlite3')
    with sqlite3.connect(file) as database:
        database.execute(edit)
    assert count(file) == COUNT


def test_another_database_is_named_by_its_tables(tmp_path):
    with sqlite3.connect(tmp_path / 'map.db3') as database:
        database.execute('CREATE TABLE nodes (id)')
    with pytest.raises(DataError, match='not of rosbag2: it has the tables nodes, not messages and topics'):
        open_bag(tmp_path / 'map.db3')


@pytest.mark.parametrize('data, said', [
    (b'', 'empty'),
    (bytes(100), 'nothing but zeros'),
    (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n', 'a Git LFS pointer.* git lfs pull'),
    (b'<!DOCTYPE html><html><title>Sign in</title>', 'a web page'),
    (b'{"message": "Not Found"}', 'JSON text'),
    (b'PK\x03\x04' + bytes(99), 'a zip archive: unzip'), (b'\x1f\x8b\x08' + bytes(99), 'gzip: gunzip'),
    (b'#ROSBAG V1.2\n' + bytes(99), 'an old format .#ROSBAG V1.2.'),
    (b'ULog\x01\x12\x35' + bytes(99), 'a PX4 log'), (b'\x00\x01\x02\xff' * 9, 'of an unknown kind')])
@pytest.mark.parametrize('name', ['drive.mcap', 'drive.db3', 'drive.bag', 'drive.bag.active'])
def test_a_foreign_file_is_named_and_not_called_cut_short(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(DataError, match=f'{name} is .*{said}') as caught:
            open_bag(path)
        assert 'cut short' not in str(caught.value) and '\n' not in str(caught.value)


def test_a_ros1_bag_that_was_not_closed_lacks_its_index(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    path = tmp_path / 'drive.bag'
    with Rosbag1Writer(path) as bag:
        connection = bag.add_connection('/point', 'geometry_msgs/msg/Point', typestore=store)
        point = store.types['geometry_msgs/msg/Point'](1.0, 2.0, 3.0)
        bag.write(connection, SECOND, store.serialize_ros1(point, 'geometry_msgs/msg/Point'))
    data = path.read_bytes()
    at = data.index(b'index_pos=') + 10
    (tmp_path / 'drive.bag.active').write_bytes(data[:at] + bytes(8) + data[at + 8:])
    with pytest.raises(DataError, match='drive.bag.active is a ROS 1 bag without an index.*rosbag reindex'):
        open_bag(tmp_path / 'drive.bag.active')


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack('<I', len(data)) + data


def part(code, body):
    return struct.pack('<BQ', code, len(body)) + body


def mcap(path, channels, profile='ros2', indexed=True, library='', behind=b''):
    """Write an MCAP file with a message a second on each channel (topic, encoding, schema's encoding, text, data)."""
    magic = b'\x89MCAP0\r\n'
    described, messages = b'', b''
    for number, (topic, encoding, schema, text, _) in enumerate(channels, 1):
        qos = string('offered_qos_profiles') + string('of no known shape')
        name = 'geometry_msgs/Point' if schema == 'ros1msg' else 'geometry_msgs/msg/Point'
        described += part(3, struct.pack('<H', number) + string(name) + string(schema) + string(text))
        described += part(4, struct.pack('<HH', number, number) + string(topic) + string(encoding) + string(qos))
    for second in range(3):
        for number, (*_, data) in enumerate(channels, 1):
            messages += part(5, struct.pack('<HIQQ', number, second, second * SECOND, second * SECOND) + data)
    head = magic + part(1, string(profile) + string(library))
    if not indexed:
        end = part(15, bytes(4)) + part(2, bytes(20))
        path.write_bytes(head + described + messages + end + magic + behind)
        return path
    chunk = part(6, struct.pack('<QQQI', 0, 2 * SECOND, len(messages), 0) + string('')
                 + struct.pack('<Q', len(messages)) + messages)
    index, offsets = b'', {}
    for number in range(1, len(channels) + 1):
        offsets[number] = len(head) + len(chunk) + len(index)
        index += part(7, struct.pack('<HI', number, 48) + bytes(48))
    table = b''.join(struct.pack('<HQ', *item) for item in offsets.items())
    summary = described + part(8, struct.pack('<QQQQ', 0, 2 * SECOND, len(head), len(chunk)) + string(table)
                               + struct.pack('<Q', len(index)) + string('') + struct.pack('<QQ', *[len(messages)] * 2))
    n = len(channels)
    summary += part(11, struct.pack('<QHIIIIQQ', 3 * n, n, n, 0, 0, 1, 0, 2 * SECOND)
                    + string(b''.join(struct.pack('<HQ', number, 3) for number in offsets)))
    data = head + chunk + index + part(15, bytes(4))
    path.write_bytes(data + summary + part(2, struct.pack('<QQI', len(data), 0, 0)) + magic + behind)
    return path


ROS2 = '/point', 'cdr', 'ros2msg', POINT, b'\x00\x01\x00\x00' + struct.pack('<ddd', 1, 2, 3)
ROS1 = '/point', 'ros1', 'ros1msg', POINT, struct.pack('<ddd', 1, 2, 3)
JSON = '/state', 'json', 'jsonschema', '{}', b'{"x": 1}'
PROTOBUF = '/pose', 'protobuf', 'protobuf', b'\x0a\xff\xfe', b'\x08\x01'
indexed = pytest.mark.parametrize('indexed', [True, False])


@indexed
@pytest.mark.parametrize('channel', [ROS2, ROS1])
@pytest.mark.parametrize('profile, library', [('ros2', ''), ('ros1', 'x'), ('', ''), ('', 'a library'), ('mine', '')])
def test_mcap_is_read_whatever_its_profile(tmp_path, indexed, channel, profile, library):
    with open_bag(mcap(tmp_path / 'x.mcap', [channel], profile, indexed, library)) as bag:
        messages = list(bag.messages(['/point']))
        assert [(message.x, message.y, message.z) for _, _, message in messages] == [(1, 2, 3)] * 3
        assert [stamp // SECOND for _, stamp, _ in messages] == [0, 1, 2]
        assert bag.topics['/point'].type == 'geometry_msgs/msg/Point'


def test_definitions_in_idl_are_read(tmp_path):
    module = 'module geometry_msgs { module msg { struct Point { double x; double y; double z; }; }; };'
    parts = f'{"=" * 80}\nIDL: geometry_msgs/msg/Point\n{module}'
    for text in (module, parts):
        with open_bag(mcap(tmp_path / 'x.mcap', [(*ROS2[:2], 'ros2idl', text, ROS2[4])])) as bag:
            assert [message.y for _, _, message in bag.messages(['/point'])] == [2, 2, 2]


@indexed
def test_channels_that_are_not_of_ros_are_named_beside_those_that_are(tmp_path, indexed):
    with open_bag(mcap(tmp_path / 'x.mcap', [JSON, ROS2, PROTOBUF], indexed=indexed)) as bag:
        assert len(list(bag.messages(['/point']))) == 3 and list(bag.topics) == ['/point']
        assert '/state (messages encoded as json (jsonschema): not read)' in bag.listing
        with pytest.raises(DataError, match='topic /pose .* cannot be read: it holds messages encoded as protobuf'):
            bag.find(['geometry_msgs/msg/PoseStamped'], 'poses', '/pose')


@indexed
def test_mcap_without_ros_messages_is_named(tmp_path, indexed):
    with pytest.raises(DataError, match='without ROS messages: /pose holds .*protobuf, /state holds .*json') as caught:
        open_bag(mcap(tmp_path / 'x.mcap', [JSON, PROTOBUF], '', indexed))
    assert 'cut short' not in str(caught.value)


def test_bytes_behind_the_end_of_mcap_do_no_harm(tmp_path):
    assert count(mcap(tmp_path / 'x.mcap', [ROS2], behind=bytes(4096))) == 3


def test_two_loops_over_an_mcap_without_an_index_do_not_disturb_each_other(tmp_path):
    with open_bag(mcap(tmp_path / 'x.mcap', [ROS2], indexed=False)) as bag:
        pairs = list(zip(bag.messages(['/point']), bag.messages(['/point'])))
        assert len(pairs) == 3 and len(list(bag.sample('/point', 2))) == 2
