"""Bags of every kind read alike, whatever a person types; a bag that cannot be used is named in one line."""

import os
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.typesys import Stores, get_typestore

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

DATA = Path(os.environ.get('DEJAVU_DATA', Path(__file__).resolve().parents[3] / 'shared' / 'data'))
needs_data = pytest.mark.skipif(not (DATA / 'bags').is_dir(), reason=f'no bags in {DATA} (set DEJAVU_DATA)')
SECOND = 10**9
COUNT = 30


def fill(bag):
    rgb = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    for i in range(COUNT):
        bag.image('/image', (100 + i) * SECOND, 'camera', rgb)
        bag.odometry('/odom', (100 + i) * SECOND + 7, 'odom', 'base_link', Pose.planar(i, 0, 0))


def write_ros1(path, first=0, count=COUNT):
    """A ROS 1 bag with Odometry whose header stamps are a second behind the clock; every third is unset."""
    store = get_typestore(Stores.ROS1_NOETIC)
    make = store.types
    with Rosbag1Writer(path) as bag:
        connection = bag.add_connection('/odom', 'nav_msgs/msg/Odometry', typestore=store)
        vector = make['geometry_msgs/msg/Vector3'](0.0, 0.0, 0.0)
        for i in range(first, first + count):
            stamp = make['builtin_interfaces/msg/Time'](0 if i % 3 == 2 else 99 + i, 0)
            message = make['nav_msgs/msg/Odometry'](
                header=make['std_msgs/msg/Header'](seq=i, stamp=stamp, frame_id='/odom'), child_frame_id='/base_link',
                pose=make['geometry_msgs/msg/PoseWithCovariance'](
                    pose=make['geometry_msgs/msg/Pose'](
                        position=make['geometry_msgs/msg/Point'](float(i), 0.0, 0.0),
                        orientation=make['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0)),
                    covariance=np.zeros(36)),
                twist=make['geometry_msgs/msg/TwistWithCovariance'](
                    twist=make['geometry_msgs/msg/Twist'](linear=vector, angular=vector), covariance=np.zeros(36)))
            bag.write(connection, (100 + i) * SECOND, store.serialize_ros1(message, 'nav_msgs/msg/Odometry'))


@pytest.fixture(params=['mcap', 'sqlite3'])
def folder(request, tmp_path):
    with BagWriter(tmp_path / 'drive', request.param) as bag:
        fill(bag)
    return tmp_path / 'drive'


def storage_file(folder):
    return next(path for path in folder.iterdir() if path.suffix in ('.mcap', '.db3'))


def read(path, topics=('/image', '/odom')):
    with open_bag(path) as bag:
        return list(bag.messages(topics))


@pytest.mark.parametrize('typed', ['folder', 'slash', 'file', 'metadata', 'no metadata', 'text'])
def test_a_rosbag2_as_a_person_would_type_it(folder, typed):
    if typed == 'no metadata':  # the recorder was killed
        (folder / 'metadata.yaml').unlink()
    path = {'file': storage_file(folder), 'metadata': folder / 'metadata.yaml', 'text': str(folder),
            'slash': f'{folder}/'}.get(typed, folder)
    got = read(path)
    assert len(got) == 2 * COUNT
    assert [topic for topic, _, _ in got[:2]] == ['/image', '/odom']
    assert [stamp for _, stamp, _ in got[:2]] == [100 * SECOND, 100 * SECOND + 7]


def test_topics_and_counts(folder):
    with open_bag(folder) as bag:
        assert bag.listing == '/image (sensor_msgs/Image, 30), /odom (nav_msgs/Odometry, 30)'


def test_a_bag_without_definitions_is_read_by_those_of_jazzy(tmp_path):
    import sqlite3
    with BagWriter(tmp_path / 'drive', 'sqlite3') as bag:
        fill(bag)
    with sqlite3.connect(tmp_path / 'drive' / 'drive.db3') as database:  # as before Iron
        database.execute('DELETE FROM message_definitions')
    assert len(read(tmp_path / 'drive' / 'drive.db3')) == 2 * COUNT


def test_a_ros1_bag_and_its_stamps(tmp_path):
    write_ros1(tmp_path / 'drive.bag')
    got = read(tmp_path / 'drive.bag', ['/odom'])
    # the header's stamp, but the clock's where it was left unset
    assert [stamp // SECOND for _, stamp, _ in got[:4]] == [99, 100, 102, 102]
    assert got[5][2].pose.pose.position.x == 5


def test_split_bags_are_one(tmp_path):
    folder = tmp_path / 'split'
    folder.mkdir()
    write_ros1(folder / 'drive_2020-01-01-10-00-30_1.bag', COUNT)
    write_ros1(folder / 'drive_2020-01-01-10-00-00_0.bag')
    got = read(folder, ['/odom'])
    assert [message.pose.pose.position.x for _, _, message in got] == list(range(2 * COUNT))
    with open_bag(folder) as bag:
        assert bag.topics['/odom'].count == 2 * COUNT and not bag.notes


def test_messages_are_read_as_they_are_asked_for(folder):
    with open_bag(folder) as bag:
        messages = bag.messages(['/image'])
        assert next(messages)[1] == 100 * SECOND
        storage_file(folder).unlink()  # the rest need not have been read, and the open file is still there
        assert next(messages)[1] == 101 * SECOND


@pytest.mark.parametrize('share', [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize('whole_folder', [True, False])
def test_a_rosbag2_cut_in_the_middle(folder, share, whole_folder):
    file = storage_file(folder)
    file.write_bytes(file.read_bytes()[:int(file.stat().st_size * share)])
    with pytest.raises(DataError, match='drive.*cut short.*repair') as caught:
        read(folder if whole_folder else file)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('share', [0.1, 0.5, 0.9, 0.999])
def test_a_ros1_bag_cut_in_the_middle(tmp_path, share):
    path = tmp_path / 'drive.bag'
    write_ros1(path)
    path.write_bytes(path.read_bytes()[:int(path.stat().st_size * share)])
    with pytest.raises(DataError, match='drive.bag.*cut short.*rosbag reindex') as caught:
        read(path, ['/odom'])
    assert '\n' not in str(caught.value)


def test_messages_that_metadata_counts_and_nobody_has(tmp_path):
    import sqlite3
    with BagWriter(tmp_path / 'drive', 'sqlite3') as bag:
        fill(bag)
    with sqlite3.connect(tmp_path / 'drive' / 'drive.db3') as database:
        database.execute('DELETE FROM messages WHERE id > 21')
    with open_bag(tmp_path / 'drive') as bag:
        assert len(list(bag.messages(['/image', '/odom']))) == 21
        assert bag.notes == ['metadata.yaml counts 30 on /image (11 are there), 30 on /odom (10 are there): the files '
                             'are read as they are']


def test_a_message_with_bytes_missing(tmp_path):
    import sqlite3
    with BagWriter(tmp_path / 'drive', 'sqlite3') as bag:
        fill(bag)
    with sqlite3.connect(tmp_path / 'drive' / 'drive.db3') as database:
        database.execute('UPDATE messages SET data = substr(data, 1, 100) WHERE id = 5')
    with pytest.raises(DataError, match='message 5 on /image is no whole sensor_msgs/Image'):
        read(tmp_path / 'drive')


def test_a_sample_is_spread_over_the_recording(folder):
    with open_bag(folder) as bag:
        stamps = [message.header.stamp.sec for message in bag.sample('/odom', 5)]
    assert len(stamps) == 5 and stamps == sorted(stamps) and stamps[0] < 110 and stamps[-1] > 120


def test_no_such_bag_names_those_that_are_there(folder):
    with pytest.raises(DataError, match=r'no such bag: .*dirve; bags in .*: drive$'):
        open_bag(folder.parent / 'dirve')


@pytest.mark.parametrize('name', ['notes.txt', 'drive.db3.zstd'])
def test_other_files_are_no_bags(tmp_path, name):
    (tmp_path / name).write_text('hello')
    with pytest.raises(DataError, match=f"{name} is a text file: it begins with 'hello'"):
        open_bag(tmp_path / name)


def test_a_folder_of_other_things_is_no_bag(tmp_path):
    with pytest.raises(DataError, match='is no bag: it holds neither'):
        open_bag(tmp_path)


def test_a_damaged_metadata_file(folder):
    (folder / 'metadata.yaml').write_text('rosbag2_bagfile_information:\n  version: [')
    with open_bag(folder) as bag:
        assert len(list(bag.messages(['/odom']))) == COUNT
        assert 'metadata.yaml cannot be read' in bag.notes[0] and '\n' not in bag.notes[0]


def test_finding_topics(folder):
    images = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
    with open_bag(folder) as bag:
        assert bag.find(images, 'images').name == '/image'
        assert bag.find(images, 'images', 'image').name == '/image'
        with pytest.raises(DataError, match=r'no topic /camera; its topics: /image \(.*\), /odom \('):
            bag.find(images, 'images', '/camera')
        with pytest.raises(DataError, match=r'/odom \(nav_msgs/Odometry, 30\).*holds no images'):
            bag.find(images, 'images', '/odom')
        with pytest.raises(DataError, match='no fixes.*its topics: /image'):
            bag.find(['sensor_msgs/msg/NavSatFix'], 'fixes')
        with pytest.raises(DataError, match='2 topics with things: choose one by --topic from /image.*/odom'):
            bag.find([*images, 'nav_msgs/msg/Odometry'], 'things', flag='--topic')


@needs_data
def test_a_real_ros1_bag():
    with open_bag(DATA / 'bags' / 'trimmed_locoffice.bag') as bag:
        assert bag.topics['/camera/fisheye1/image_raw'].count == 3
        images = [message for _, _, message in bag.messages(['/camera/fisheye1/image_raw'])]
    assert [(image.height, image.width, image.encoding) for image in images] == [(800, 848, 'mono8')] * 3


@needs_data
def test_a_real_mcap_file(tmp_path):
    with open_bag(DATA / 'bags' / 'nav2_turtlebot.mcap') as bag:
        assert sum(1 for _ in bag.messages(['/amcl_pose'])) == 135
    cut = tmp_path / 'cut.mcap'
    cut.write_bytes((DATA / 'bags' / 'nav2_turtlebot.mcap').read_bytes()[:200_000])
    with pytest.raises(DataError, match='cut.mcap.*mcap recover'):
        open_bag(cut)
