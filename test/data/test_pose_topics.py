"""The same drive, recorded in every way that poses are, becomes the same poses of the base."""

import os
from pathlib import Path

import numpy as np
import pymap3d
import pytest

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.motion import RUN_NS
from dejavu_ros.data.pose_choice import find_pose_topic, is_of_another
from dejavu_ros.data.pose_topics import mounting, read_poses
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
        passed = []
        for i in range(101):
            stamp, pose = i * SECOND // 10, truth(i / 10)
            header = bag.header(stamp, 'map')
            stamped = bag.message('geometry_msgs/msg/PoseStamped', header=header, pose=bag.pose(pose))
            bag.odometry('/odom', stamp, 'map', 'base_link', pose, 0.04 * np.eye(6))
            bag.odometry('/lidar_odom', stamp, 'map', 'lidar', pose @ LIDAR)
            bag.write('/pose', stamp, stamped)
            point, turn = stamped.pose.position, stamped.pose.orientation
            bag.write('/vicon/robot', stamp, bag.message(
                'geometry_msgs/msg/TransformStamped', header=header, child_frame_id='base_link',
                transform=bag.message('geometry_msgs/msg/Transform', rotation=turn, translation=bag.message(
                    'geometry_msgs/msg/Vector3', x=point.x, y=point.y, z=point.z))))
            passed = [*passed, stamped][-30:]
            if i % 10 == 0:
                bag.write('/path', stamp, bag.message('nav_msgs/msg/Path', header=header, poses=passed))
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
        return read_poses(bag, find_pose_topic(bag, name)[0], **{**OPTIONS, **changes})


@pytest.mark.parametrize('topic, changes, metres, degrees', [
    ('/odom', {}, 0.001, 0.01), ('/pose', {}, 0.001, 0.01), ('/amcl_pose', {}, 0.001, 0.01),
    ('/vicon/robot', {}, 0.001, 0.01), ('/path', {}, 0.001, 0.01),
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


def record(path, *topics, frames=('odom', 'base_link'), count=3):
    """A bag with Odometry, TF or PoseStamped by the names of topics."""
    with BagWriter(path) as bag:
        for i in range(count):
            for topic in topics:
                stamp = i * SECOND // 10
                if topic.endswith('tf'):
                    chain = zip(frames, frames[1:])
                    write_tf(bag, topic, stamp, [(a, b, truth(i / 10)) for a, b in chain])
                elif topic.endswith('odom') or topic.startswith('/odometry'):
                    bag.odometry(topic, stamp, 'odom', 'base_link', truth(i / 10))
                else:
                    header = bag.header(stamp, 'map')
                    bag.write(topic, stamp, bag.message('geometry_msgs/msg/PoseStamped', header=header,
                                                        pose=bag.pose(truth(i / 10))))
    return path


def write_tf(bag, topic, stamp, transforms):
    items = []
    for parent, child, pose in transforms:
        x, y, z = map(float, pose.position)
        items.append(bag.message(
            'geometry_msgs/msg/TransformStamped', header=bag.header(stamp, parent), child_frame_id=child,
            transform=bag.message('geometry_msgs/msg/Transform', rotation=bag.pose(pose).orientation,
                                  translation=bag.message('geometry_msgs/msg/Vector3', x=x, y=y, z=z))))
    bag.write(topic, stamp, bag.message('tf2_msgs/msg/TFMessage', transforms=items))


FULL = 'map', 'odom', 'base_link'


@pytest.mark.parametrize('topics, frames, chosen', [
    (['/odom', '/ground_truth/odom', '/tf'], FULL, '/ground_truth/odom'),  # the town's own
    (['/odom', '/tf', '/amcl_pose', '/goal_pose'], FULL, '/tf'),
    (['/odom', '/tf', '/slam/pose'], FULL[1:], '/slam/pose'),
    (['/odom', '/tf', '/goal_pose'], FULL[1:], '/odom'),
    (['/tf', '/goal_pose'], FULL[1:], '/tf'),
    (['/tf', '/move_base_simple/goal', '/initialpose', '/clicked_pose'], FULL, '/tf')])
def test_the_topic_that_tells_best_is_taken_and_named(tmp_path, topics, frames, chosen):
    with open_bag(record(tmp_path / 'drive', *topics, frames=frames)) as bag:
        topic, words = find_pose_topic(bag, '')
    assert topic.name == chosen
    assert words.startswith(f'poses: {chosen} (') and ', because ' in words and '--pose-topic chooses another' in words
    assert all(name in words for name in topics)


def test_nothing_is_said_where_there_is_no_choice(tmp_path):
    with open_bag(record(tmp_path / 'drive', '/odom')) as bag:
        assert find_pose_topic(bag, '')[1] == '' and find_pose_topic(bag, '/odom')[1] == ''


@pytest.mark.parametrize('topics', [['/robot1/tf', '/robot2/tf', '/goal_pose'], ['/a/odom', '/b/odom', '/tf']])
def test_topics_that_are_equally_good_need_a_choice(tmp_path, topics):
    with open_bag(record(tmp_path / 'drive', *topics)) as bag:
        with pytest.raises(DataError, match='2 topics with poses.*choose one by --pose-topic from') as caught:
            find_pose_topic(bag, '')
    told = str(caught.value)
    assert topics[0] in told and topics[1] in told and topics[2:] and topics[2] not in told


def test_a_goal_is_no_robot(tmp_path):
    with pytest.raises(DataError, match='no poses of the robot, only goals, plans or other things: /goal_pose'):
        poses_of(record(tmp_path / 'drive', '/goal_pose'), '')
    assert poses_of(tmp_path / 'drive', '/goal_pose')[0].at(0, 0)  # who names it will know


@pytest.mark.parametrize('name, other', [
    ('/goal_pose', True), ('/robot1/goalpose', True), ('/reference/pose', True), ('/next_pose', True),
    ('/move_base_simple/goal', True), ('/move_base/current_goal', True), ('/initialpose', True),
    ('/robot1/initialpose_prior', True), ('/clicked_pose', True), ('/plan', True), ('/received_global_plan', True),
    ('/mavros/setpoint_position/local', True), ('/waypoints', True), ('/target_pose', True), ('/local_plan', True),
    ('/way_point', True), ('/aruco_single/pose', True), ('/detected_dock_pose', True), ('/object_pose', True),
    ('/odom', False), ('/amcl_pose', False), ('/planar_odometry', False), ('/goalkeeper/odom', False),
    ('/mavros/local_position/pose', False), ('/vicon/target/target', False), ('/slam/path', False)])
def test_names_of_what_is_no_robot(name, other):
    assert is_of_another(name) == other


def test_each_robot_has_its_own_tree(tmp_path):
    """Two robots with the same names of frames; each has its tf_static."""
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(20):
            for number, shift in (1, 0.0), (2, 300.0):
                write_tf(bag, f'/robot{number}/tf', i * SECOND // 10 + number,
                         [('odom', 'base', Pose.planar(0.1 * i + shift, 0, 0))])
                if i == 0:
                    write_tf(bag, f'/robot{number}/tf_static', 0, [
                        ('base', 'base_link', Pose.planar(float(number), 0, 0)), ('base_link', 'camera', CAMERA)])
    for number, shift in (1, 0.0), (2, 300.0):
        poses, _ = poses_of(tmp_path / 'drive', f'/robot{number}/tf')
        for stamp in range(SECOND // 10, SECOND, SECOND // 20):
            assert poses.at(stamp, SECOND)[0].position[0] == pytest.approx(stamp / SECOND + shift + number, abs=1e-6)
        with open_bag(tmp_path / 'drive') as bag:
            assert np.allclose(mounting(bag, 'base_link', 'camera', f'/robot{number}/cam/image').matrix, CAMERA.matrix)
    with open_bag(tmp_path / 'drive') as bag:
        assert mounting(bag, 'base_link', 'camera', '/image') is None  # nobody says of which robot


def test_a_transform_sent_once_is_named(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        write_tf(bag, '/tf', SECOND, [('map', 'odom', truth(0))])
        for i in range(20):
            write_tf(bag, '/tf', 2 * SECOND + i * SECOND // 10, [('odom', 'base_link', truth(i / 10))])
    poses, _ = poses_of(tmp_path / 'drive', '')
    assert poses.at(3 * SECOND, SECOND) is None
    assert poses.why_not(3 * SECOND, SECOND) == 'the transform from map to odom: there is only one, at 1.000 s'


def test_transforms_of_a_clock_that_was_set_back(tmp_path):
    """A slower transform comes to know of it later, a rare one not at all; nothing of the one run gets into the other.
    """
    with BagWriter(tmp_path / 'drive') as bag:
        recorded = 0
        for run in range(2):
            for i in range(40):
                stamp, recorded = 5 * SECOND + i * SECOND // 10, recorded + 1
                items = [('odom', 'base_link', Pose.planar(0.1 * i, 40.0 * run, 0), stamp)]
                if i % 10 == 2 or i == 39:
                    items.append(('map', 'odom', Pose.planar(0, 0, 0), stamp))
                for parent, child, pose, moment in items:
                    message = bag.message('tf2_msgs/msg/TFMessage', transforms=[bag.message(
                        'geometry_msgs/msg/TransformStamped', header=bag.header(moment, parent), child_frame_id=child,
                        transform=bag.message('geometry_msgs/msg/Transform', rotation=bag.pose(pose).orientation,
                                              translation=bag.message('geometry_msgs/msg/Vector3', z=0.0,
                                                                      x=float(pose.position[0]),
                                                                      y=float(pose.position[1]))))])
                    bag.write('/tf', recorded * SECOND, message)
    poses, _ = poses_of(tmp_path / 'drive', '')
    assert len(poses.starts) == 1 and poses.span_ns == (5 * SECOND, 5 * SECOND + 39 * SECOND // 10)
    for run in range(2):
        for i in range(3, 39):
            pose, _ = poses.at(5 * SECOND + i * SECOND // 10 + run * RUN_NS, 2 * SECOND)
            assert np.allclose(pose.position[:2], [0.1 * i, 40.0 * run])


def test_a_plan_is_no_path(tmp_path):
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(3):
            poses = [bag.message('geometry_msgs/msg/PoseStamped', header=bag.header(0, 'map'), pose=bag.pose(truth(k)))
                     for k in range(9)]
            bag.write('/trajectory', i * SECOND, bag.message('nav_msgs/msg/Path', header=bag.header(i, 'map'),
                                                             poses=poses))
    with pytest.raises(DataError, match='poses have no stamps of their own'):
        poses_of(tmp_path / 'drive', '')


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
