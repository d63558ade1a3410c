"""Drives on disk: complete, exact, whole or absent."""

import functools
import itertools
from ctypes.util import find_library

import cv2
import numpy as np
import pytest
import yaml

from dejavu_ros.cli import main
from dejavu_ros.data.folders import image_stamps, list_images, read_tum
from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import load_image
from dejavu_ros.town import CONDITIONS, Town, dataset, export, sheet
from dejavu_ros.town.config import TownConfig
from dejavu_ros.town.dataset import MAPPED, TOWN_APART, render_dataset, render_drives
from dejavu_ros.town.export import Drive, write_bag, write_folder

pytestmark = pytest.mark.skipif(find_library('EGL') is None, reason='no EGL here: apt install libegl1 libgl1 '
                                                                   'libgl1-mesa-dri')
SMALL = {'town_seed': 1, 'width': 64, 'height': 48, 'length': 6.0, 'step': 2.0, 'speed': 4.0, 'stamp': 1000.0}
SECONDS = ['1000.000000000', '1000.500000000', '1001.000000000']


@pytest.fixture(scope='module', autouse=True)
def one_town():
    """Build each town once for all these tests."""
    build = functools.cache(Town)
    with pytest.MonkeyPatch.context() as patch:
        for module in (export, dataset, sheet):
            patch.setattr(module, 'Town', build)
        yield


@pytest.mark.parametrize('transport, suffix', [('compressed', 'jpg'), ('raw', 'png')])
def test_folder_holds_pictures_depth_and_poses(tmp_path, transport, suffix):
    path = tmp_path / 'deep' / 'drive'
    config = TownConfig(**SMALL, transport=transport)
    assert write_folder(path, config) == 3
    with Drive(config) as drive:
        frames = list(drive)
    assert sorted(file.name for file in (path / 'images').iterdir()) == [f'{seconds}.{suffix}' for seconds in SECONDS]
    images, track = list_images(path / 'images'), read_tum(path / 'poses.txt')
    assert image_stamps(images) == track.all_stamps_ns == [frame.stamp_ns for frame in frames]
    rows = np.loadtxt(path / 'poses.txt')
    for frame, row in zip(frames, rows):
        assert frame.map_T_base.distance(Pose.make(row[1:4], row[4:])) < (1e-6, 1e-6)
        picture = load_image(path / f'images/{frame.seconds}.{suffix}')
        assert np.abs(picture.astype(int) - frame.rgb).mean() < (0.01 if transport == 'raw' else 6)
        depth = cv2.imread(str(path / f'depth/{frame.seconds}.png'), cv2.IMREAD_UNCHANGED)
        near = frame.depth < 65
        np.testing.assert_allclose(depth[near] / 1000, frame.depth[near], atol=0.0011)
        assert (depth[~np.isfinite(frame.depth)] == 0).all()
    camera = yaml.safe_load((path / 'camera.yaml').read_text())
    np.testing.assert_allclose(camera['camera_matrix']['data'], drive.intrinsics.ravel())
    assert [file.name for file in path.parent.iterdir()] == ['drive']


def broken(frames):
    yield from itertools.islice(frames, 1)
    raise KeyboardInterrupt


@pytest.mark.parametrize('write', [write_folder, write_bag])
def test_interrupted_export_leaves_nothing(tmp_path, write):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / 'drive', TownConfig(**SMALL), progress=broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('write', [write_folder, write_bag])
def test_existing_output_is_left_alone(tmp_path, write):
    (tmp_path / 'precious').write_text('keep')
    with pytest.raises(DataError, match='exists'):
        write(tmp_path / 'precious', TownConfig(**SMALL))
    assert (tmp_path / 'precious').read_text() == 'keep'


@pytest.mark.parametrize('storage, transport, image_topic', [
    ('mcap', 'compressed', '/camera/image_raw/compressed'), ('sqlite3', 'raw', '/camera/image_raw')])
def test_bag_holds_what_a_robot_records(tmp_path, storage, transport, image_topic):
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    config = TownConfig(**SMALL, storage=storage, transport=transport)
    assert write_bag(tmp_path / 'drive', config) == 3
    with Drive(config) as drive:
        frames = list(drive)
    with AnyReader([tmp_path / 'drive'], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        counts = {name: topic.msgcount for name, topic in reader.topics.items()}
        assert counts == {image_topic: 3, '/camera/camera_info': 3, '/ground_truth/odom': 3, '/odom': 3, '/tf': 3,
                          '/tf_static': 1}
        messages = {}
        for connection, _, raw in reader.messages():
            messages.setdefault(connection.topic, []).append(reader.deserialize(raw, connection.msgtype))
    for frame, image, truth, tf in zip(frames, messages[image_topic], messages['/ground_truth/odom'], messages['/tf']):
        assert image.header.stamp.sec * 10**9 + image.header.stamp.nanosec == frame.stamp_ns
        position = truth.pose.pose.position
        np.testing.assert_allclose([position.x, position.y, position.z], frame.map_T_base.position, atol=1e-9)
        chain = [transform_pose(transform.transform) for transform in tf.transforms]
        assert (chain[0] @ chain[1]).distance(frame.map_T_base) < (1e-6, 1e-6)
        if transport == 'raw':
            np.testing.assert_array_equal(image.data.reshape(48, 64, 3), frame.rgb)
    static = messages['/tf_static'][0].transforms[0]
    assert (static.header.frame_id, static.child_frame_id) == ('base_link', 'camera_optical_frame')
    assert transform_pose(static.transform).distance(drive.base_T_camera) < (1e-6, 1e-6)


def transform_pose(transform):
    t, q = transform.translation, transform.rotation
    return Pose.make([t.x, t.y, t.z], [q.x, q.y, q.z, q.w])


def test_dataset_shows_each_place_in_each_condition(tmp_path):
    count = render_dataset(tmp_path / 'set', [1, 2], ('sun', 'night'), 3, width=48, height=36)
    rows = read_manifest(tmp_path / 'set/manifest.csv')
    assert count == len(rows) == 12
    assert {row.session for row in rows} == {'sun', 'night'}
    assert len({row.place for row in rows}) == 6
    by_place = {}
    for row in rows:
        assert load_image(row.image).shape == (36, 48, 3)
        by_place.setdefault(row.place, []).append((row.x, row.y))
    for place, (one, other) in by_place.items():
        assert 0 < np.hypot(*np.subtract(one, other)) < 4
        assert (one[0] > 1.5 * TOWN_APART) == place.startswith('town002')


def test_dataset_with_next_frames(tmp_path):
    render_dataset(tmp_path / 'set', [1], ('sun', 'night'), 3, width=48, height=36, next_after=1.0)
    render_dataset(tmp_path / 'plain', [1], ('sun', 'night'), 3, width=48, height=36)
    for row in read_manifest(tmp_path / 'set/manifest.csv'):
        first, following = load_image(row.image).astype(int), load_image(row.next).astype(int)
        assert np.abs(first - following).mean() > 2, 'a metre further on'
        assert np.array_equal(first, load_image(tmp_path / 'plain' / row.image.relative_to(tmp_path / 'set')))


def test_drives_of_a_dataset_stray_as_far_as_asked(tmp_path):
    positions = {}
    for stray in (0.0, 1.0, 3.0):
        render_dataset(tmp_path / str(stray), [1], ('sun', 'dawn'), 3, width=48, height=36, stray=stray)
        positions[stray] = np.array([(row.x, row.y) for row in read_manifest(tmp_path / str(stray) / 'manifest.csv')])
    near, far = (np.linalg.norm(positions[stray] - positions[0.0], axis=1) for stray in (1.0, 3.0))
    assert (far > 2 * near).all() and near.min() > 0


@pytest.mark.parametrize('arguments, message', [
    (['-o', '{}/new', '--length', '-3'], 'length must be in 0 to 100000'),
    (['-o', '{}/new', '--width', '3'], 'width must be in 32 to 4096'),
    (['-o', '{}'], 'exists'),
    (['--sheet', '{}/sheet.gif'], 'a contact sheet is a .png or .jpg file'),
])
def test_command_line_errors_are_one_line(tmp_path, capsys, arguments, message):
    (tmp_path / 'other').write_text('')
    assert main(['town', *(argument.format(tmp_path) for argument in arguments)]) == 1
    error = capsys.readouterr().err
    assert error.startswith('dejavu town: ') and message in error and error.count('\n') == 1
    assert [file.name for file in tmp_path.iterdir()] == ['other']


def test_command_line_writes_a_drive_and_a_sheet(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sheet, 'CONDITIONS', ('night', 'sun'))
    size = ['--width', '64', '--height', '48', '--town-seed', '1']
    drive = ['-o', str(tmp_path / 'drive'), '--condition', 'snow', '--length', '4', '--step', '2']
    assert main(['town', *drive, *size]) == 0
    assert '2 frames of town 1, snow' in capsys.readouterr().out
    assert main(['town', '--sheet', str(tmp_path / 'sheet.png'), *size]) == 0
    assert load_image(tmp_path / 'sheet.png').shape == (2 * 48, 6 * 64, 3)


def test_drives_along_the_road_map_it_and_come_back_in_every_condition(tmp_path):
    count = render_drives(tmp_path / 'set', [1], quarters=2, map_step=100.0, step=300.0, width=48, height=36)
    rows = read_manifest(tmp_path / 'set' / 'manifest.csv')
    sessions = [row.session for row in rows]
    assert count == len(rows) and sessions.count(MAPPED) == 7 and sessions.count('night') == 3
    assert set(sessions) == {*CONDITIONS, f'{MAPPED}-again'}
    again = next(row for row in rows if row.session == 'night')
    assert any(np.hypot(again.x - row.x, again.y - row.y) < 1.5 for row in rows if row.session == MAPPED
               and row.place == again.place)
    assert max(int(row.place[-2:]) for row in rows) < 35, 'the second quarter has the places of the first'
