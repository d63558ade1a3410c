"""What is written is what ROS reads, and nothing half-written is left."""

import importlib

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def messages(path):
    with AnyReader([path]) as reader:
        return [(connection.topic, stamp, reader.deserialize(data, connection.msgtype))
                for connection, stamp, data in reader.messages()]


@pytest.mark.parametrize('storage, suffix', [('mcap', '.mcap'), ('sqlite3', '.db3')])
def test_every_kind_is_read_back(tmp_path, storage, suffix):
    pose = Pose.planar(1.0, 2.0, 0.5, z=3.0)
    jpeg = cv2.imencode('.jpg', RGB)[1].tobytes()
    with BagWriter(tmp_path / 'drive', storage) as bag:
        bag.transforms(0, [('base_link', 'camera', pose)], static=True)
        bag.image('/image', 1, 'camera', RGB[:, ::-1])
        bag.compressed_image('/image/compressed', 2_000_000_003, 'camera', jpeg)
        bag.camera_info('/camera_info', 3_000_000_000, 'camera', 6, 4, np.diag([5.0, 5.0, 1.0]))
        bag.odometry('/odom', 4_000_000_000, 'odom', 'base_link', pose, np.eye(6))
        bag.transforms(5_000_000_000, [('odom', 'base_link', pose), ('map', 'odom', pose)])
    assert sorted(path.name for path in (tmp_path / 'drive').iterdir()) == ['drive' + suffix, 'metadata.yaml']
    (_, _, static), (_, _, image), (topic, stamp, compressed), (_, _, info), (_, _, odometry), (_, _, tf) = \
        messages(tmp_path / 'drive')
    assert static.transforms[0].child_frame_id == 'camera'
    assert (image.height, image.width, image.step, image.encoding) == (4, 6, 18, 'rgb8')
    assert (image.data.reshape(RGB.shape) == RGB[:, ::-1]).all()
    assert topic == '/image/compressed' and stamp == 2_000_000_003
    assert (compressed.header.stamp.sec, compressed.header.stamp.nanosec) == (2, 3)
    assert compressed.data.tobytes() == jpeg
    assert info.k[0] == 5 and info.p[10] == 1 and info.header.frame_id == 'camera'
    position, turn = odometry.pose.pose.position, odometry.pose.pose.orientation
    assert [position.x, position.y, position.z] == [1, 2, 3]
    assert np.allclose([turn.x, turn.y, turn.z, turn.w], pose.quaternion)
    assert (odometry.pose.covariance.reshape(6, 6) == np.eye(6)).all()
    assert [item.header.frame_id for item in tf.transforms] == ['odom', 'map']


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_block_that_fails_leaves_nothing(tmp_path, storage):
    with pytest.raises(KeyboardInterrupt), BagWriter(tmp_path / 'drive', storage) as bag:
        bag.image('/image', 1, 'camera', RGB)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['run #3', 'a%23b', 'why?'])
def test_names_that_mean_something_in_an_uri(tmp_path, name):
    with pytest.raises(DataError, match='as sqlite3, for the #'):
        BagWriter(tmp_path / name / 'drive', 'sqlite3')
    assert not list(tmp_path.iterdir())
    with BagWriter(tmp_path / name, 'mcap') as bag:
        bag.image('/image', 1, 'camera', RGB)
    assert len(messages(tmp_path / name)) == 1


def test_an_existing_folder_is_kept(tmp_path):
    (tmp_path / 'drive').mkdir()
    (tmp_path / 'drive' / 'mine').touch()
    with pytest.raises(DataError, match='exists already'), BagWriter(tmp_path / 'drive'):
        pass
    assert (tmp_path / 'drive' / 'mine').exists()


def test_an_unknown_storage_is_named(tmp_path):
    with pytest.raises(DataError, match='mcap or sqlite3'):
        BagWriter(tmp_path / 'drive', 'tape')


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match='cannot write'), BagWriter(tmp_path / 'file' / 'drive'):
        pass


def test_an_error_of_the_caller_is_not_taken_for_one_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError), BagWriter(tmp_path / 'drive'):
        open(tmp_path / 'missing')


def test_ros_itself_reads_the_messages(tmp_path):
    serialization = pytest.importorskip('rclpy.serialization', reason='no ROS on this machine')

    def get_message(name):
        package, _, kind = name.split('/')
        return getattr(importlib.import_module(f'{package}.msg'), kind)

    with BagWriter(tmp_path / 'drive') as bag:
        bag.image('/image', 2_000_000_003, 'camera', RGB)
        bag.compressed_image('/compressed', 2_000_000_003, 'camera', b'12345')
        bag.camera_info('/camera_info', 2_000_000_003, 'camera', 6, 4, np.diag([5.0, 5.0, 1.0]))
        bag.odometry('/odom', 2_000_000_003, 'camera', 'base_link', Pose.planar(1.0, 2.0, 0.5))
    with AnyReader([tmp_path / 'drive']) as reader:
        got = {connection.topic: serialization.deserialize_message(bytes(data), get_message(connection.msgtype))
               for connection, _, data in reader.messages()}
    for message in got.values():
        stamp = message.header.stamp
        assert (stamp.sec, stamp.nanosec, message.header.frame_id) == (2, 3, 'camera')
    assert bytes(got['/image'].data) == RGB.tobytes() and got['/image'].step == 18
    assert bytes(got['/compressed'].data) == b'12345'
    assert got['/camera_info'].k[0] == 5 and got['/odom'].pose.pose.position.y == 2
