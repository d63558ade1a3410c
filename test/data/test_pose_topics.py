"""The same drive, recorded in every way that poses are, becomes the same poses of the base."""

import os
from pathlib import Path

import numpy as np
import pymap3d
import pytest

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.pose_topics import find_pose_topic, mounting, read_poses
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

DATA = Path(os.environ.get('DEJAVU_DATA', Path(__file__).resolve().parents[3] / 'shared' / 'data'))
SECOND = 10**9
HOME = 51.2418, -0.5886, 60.0
LIDAR = Pose.planar(1.0, 0.5, np.pi / 2, z=1.0)
CAMERA = Pose.make((0.3, 0.0, 1.2), (-0.5, 0.5, -0.5, 0.5))
OPTIONS = dict(base_frame='', map_frame='', min_speed=1.0, heading_sigma=0.1)


def truth(seconds):
    """map_T_base: 2 m/s along a circle of 40 m radius, to the left."""
    angle = 2 * seconds / 40
    return Pose.planar(40 * np.sin(angle), 40 - 40 * np.cos(angle), angle)


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    path = tmp_path_factory.mktemp('bags') / 'drive'
    with BagWriter(path) as bag:
        bag.transforms(0, [('base_link', 'camera_optical', CAMERA), ('base_link', 'lidar', LIDAR),
                           ('base_link', 'gps', Pose.planar(0, 0, 0, z=2.0))], static=True)
        for i in range(101):
            stamp, pose = i * SECOND // 10, truth(i / 10)
            header = bag.header(stamp, 'map')
            stamped = bag.message('geometry_msgs/msg/PoseStamped', header=header, pose=bag.pose(pose))
            bag.odometry('/odom', stamp, 'map', 'base_link', pose, 0.04 * np.eye(6))
            bag.odometry('/lidar_odom', stamp, 'map', 'lidar', pose @ LIDAR)
            bag.write('/pose', stamp, stamped)
            covariance = bag.message('geometry_msgs/msg/PoseWithCovariance', pose=bag.pose(pose),
                                     covariance=np.eye(6).reshape(36))
            bag.write('/amcl_pose', stamp, bag.message('geometry_msgs/msg/PoseWithCovarianceStamped', header=header,
                                                       pose=covariance))
            correction = Pose.planar(100, -50, 1.0)
            bag.transforms(stamp, [('map', 'odom', correction), ('odom', 'base_link', correction.inverse @ pose)])
            latitude, longitude, altitude = pymap3d.enu2geodetic(*pose.position, *HOME)
            bag.write('/fix', stamp, bag.message(
                'sensor_msgs/msg/NavSatFix', header=bag.header(stamp, 'gps'), latitude=float(latitude),
                longitude=float(longitude), altitude=float(altitude) + 2.0, position_covariance=np.eye(3).reshape(9),
                position_covariance_type=2, status=bag.message('sensor_msgs/msg/NavSatStatus', status=0, service=1)))
    return path


def poses_of(path, name, **changes):
    with open_bag(path) as bag:
        return read_poses(bag, find_pose_topic(bag, name), **{**OPTIONS, **changes})


@pytest.mark.parametrize('topic, changes, metres, degrees', [
    ('/odom', {}, 0.001, 0.01), ('/pose', {}, 0.001, 0.01), ('/amcl_pose', {}, 0.001, 0.01),
    ('/lidar_odom', {'base_frame': 'base_link'}, 0.001, 0.01), ('/tf', {}, 0.001, 0.01),
    ('/tf', {'map_frame': 'map', 'base_frame': 'base_link'}, 0.001, 0.01), ('/fix', {}, 0.01, 1.5)])
def test_every_source_gives_the_pose_of_the_base(drive, topic, changes, metres, degrees):
    poses, base_frame = poses_of(drive, topic, **changes)
    assert base_frame == 'base_link' and poses.skipped == 0
    for seconds in (1.0, 4.37, 9.0):
        pose, _ = poses.at(round(seconds * SECOND), SECOND // 5)
        expected = truth(seconds)
        if topic == '/fix':  # whose metres count from the antenna, two above the base
            expected = Pose(expected.position - [0, 0, 2], expected.quaternion)
        moved, turned = pose.distance(expected)
        assert moved < metres and np.degrees(turned) < degrees
    assert poses.at(11 * SECOND, SECOND) is None


def test_odometry_of_another_frame_is_mapped_as_it_is_unless_asked(drive):
    poses, base_frame = poses_of(drive, '/lidar_odom')
    assert base_frame == 'lidar'
    assert poses.at(0, 0)[0].distance(LIDAR)[0] < 1e-9


@pytest.mark.parametrize('topic, variance', [('/odom', 0.04), ('/amcl_pose', 1.0), ('/fix', 1.0)])
def test_covariances_are_kept(drive, topic, variance):
    assert np.isclose(poses_of(drive, topic)[0].at(SECOND, 0)[1][0, 0], variance)


def test_no_covariance_is_invented(drive):
    assert poses_of(drive, '/pose')[0].at(SECOND, 0)[1] is None
    assert poses_of(drive, '/tf')[0].at(SECOND, 0)[1] is None


@pytest.mark.parametrize('topic, changes, words', [
    ('/nowhere', {}, 'no topic /nowhere; its topics: /amcl_pose'),
    ('/tf', {'map_frame': 'earth'}, "no frame 'earth'.*base_link, camera_optical"),
    ('/tf', {'map_frame': 'lidar'}, "never moves 'base_link' in 'lidar'"),
    ('/lidar_odom', {'base_frame': 'wheel'}, "no frame 'wheel'"),
    ('/lidar_odom', {'base_frame': 'map'}, "no frame 'map'"),
    ('/fix', {'min_speed': 30.0}, 'never moves at 30 m/s')])
def test_what_cannot_be_is_told(drive, topic, changes, words):
    with pytest.raises(DataError, match=words) as caught:
        poses_of(drive, topic, **changes)
    assert '\n' not in str(caught.value)


def test_several_pose_topics_need_a_choice(drive):
    with pytest.raises(DataError, match='5 topics with poses: choose one by --pose-topic from /amcl_pose.*/pose'):
        poses_of(drive, '')


def test_tf_is_taken_where_nothing_else_has_poses(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        bag.transforms(0, [('base_link', 'camera', CAMERA)], static=True)
        for i in range(3):
            bag.transforms(i * SECOND, [('odom', 'base_link', truth(i))])
    poses, _ = poses_of(tmp_path / 'drive', '')
    assert poses.at(SECOND, 0)[0].distance(truth(1))[0] < 1e-9


def test_a_bag_without_any_poses(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        bag.image('/image', 0, 'camera', np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r'no poses \(nav_msgs/Odometry.*NavSatFix\); its topics: /image'):
        poses_of(tmp_path / 'drive', '')


def broken(x=0.0, w=1.0):
    return Pose(np.array([x, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, w]))


def test_broken_poses_are_skipped_and_counted(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        for i, pose in enumerate([truth(0), broken(np.nan), broken(w=0.0), broken(w=np.nan), truth(4)]):
            bag.odometry('/odom', i * SECOND, 'odom', 'base_link', pose)
            bag.transforms(i * SECOND, [('odom', 'base_link', pose)])
    for topic in ('/odom', '/tf'):
        poses, _ = poses_of(tmp_path / 'drive', topic)
        assert poses.skipped == 3
        assert poses.at(SECOND, SECOND) is None  # the hole is wider than that
        assert poses.at(SECOND, 4 * SECOND)[0].distance(truth(1))[0] < 0.2  # the chord for the arc


def test_only_broken_poses(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(3):
            bag.odometry('/odom', i * SECOND, 'odom', 'base_link', broken(w=0.0))
    with pytest.raises(DataError, match='all 3 are bad, the first for: pose with a zero quaternion'):
        poses_of(tmp_path / 'drive', '/odom')


def test_where_the_camera_sits(drive):
    with open_bag(drive) as bag:
        assert np.allclose(mounting(bag, 'base_link', 'camera_optical').matrix, CAMERA.matrix)
        assert mounting(bag, 'base_link', 'unheard_of') is None
        assert mounting(bag, '', 'camera_optical') is None


@pytest.mark.parametrize('sway, known', [(0.0, True), (0.5, False)])
def test_a_mounting_repeated_on_tf(tmp_path, sway, known):
    """As ROS 1 robots do; a camera that turns on its base has no one mounting."""
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(50):
            bag.transforms(i * SECOND, [('odom', 'base_link', truth(i)),
                                        ('base_link', 'mast', Pose.planar(0, 0, sway * np.sin(i), z=1.0))])
            bag.transforms(i * SECOND + SECOND // 3, [('mast', 'camera_optical', CAMERA)])
    with open_bag(tmp_path / 'drive') as bag:
        found = mounting(bag, 'base_link', 'camera_optical')
    assert (found is not None) == known
    if known:
        assert np.allclose(found.position, CAMERA.position + [0, 0, 1])


@pytest.mark.skipif(not (DATA / 'bags').is_dir(), reason=f'no bags in {DATA} (set DEJAVU_DATA)')
def test_a_real_robots_tf_agrees_with_its_amcl_pose():
    """AMCL publishes map -> odom and a pose; both tell where base_link is."""
    path = DATA / 'bags' / 'nav2_turtlebot.mcap'
    chain, base = poses_of(path, '/tf')
    amcl, _ = poses_of(path, '/amcl_pose')
    assert base == 'base_link'
    apart = [found[0].distance(amcl.at(stamp, 0)[0])[0] for stamp in amcl.stamps_ns
             if (found := chain.at(stamp, SECOND))]
    assert len(apart) > 60 and np.median(apart) < 0.05
