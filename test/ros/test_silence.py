"""Why nothing comes, by what the graph shows: in words without ROS, and over real DDS."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu_ros.errors import ConfigError
from dejavu_ros.ros.silence import Offer, cause_of_silence

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


@pytest.mark.parametrize('offers, elsewhere, words', [
    ([], [], 'nobody publishes it'),
    ([], ['/a', '/b', '/c', '/d'], 'nobody publishes it, but /a, /b, /c and 1 more of the same type'),
    ([Offer('/driver', COMPRESSED)], ['/other'], f'it carries {COMPRESSED}, not {IMAGE}'),
    ([Offer('/driver', IMAGE, 'best effort')], [],
     'it is published best effort, and we ask for reliable: these do not match'),
    ([Offer('/driver', IMAGE, 'best effort'), Offer('/player', IMAGE)], [],
     'it is published by /player, but nothing arrives'),
    ([Offer('/driver', COMPRESSED), Offer('/driver', IMAGE)], [], 'it is published by /driver, but nothing arrives')])
def test_cause_in_words(offers, elsewhere, words):
    assert cause_of_silence(IMAGE, 'reliable', offers, elsewhere).startswith(words)


@given(st.lists(st.builds(Offer, st.just('/n'), st.sampled_from([IMAGE, COMPRESSED]), st.sampled_from(['', 'x']))),
       st.lists(st.just('/t')))
def test_there_is_always_one(offers, elsewhere):
    assert cause_of_silence(IMAGE, 'reliable', offers, elsewhere)


rclpy = pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from geometry_msgs.msg import PoseWithCovarianceStamped  # noqa: E402
from nav_msgs.msg import Odometry  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from rcl_interfaces.msg import Log  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def silent(bench):
    """A node of which all inputs have been silent for a minute, and the diagnostics that it sends."""
    def start(**parameters):
        running = bench(**parameters)
        running.activate()
        for camera in running.node.cameras.inputs.values():
            camera.watch.started -= 60
        running.node.frames._started -= 60
        return running, running.hear(DiagnosticArray, '/diagnostics')

    return start


@pytest.fixture
def stranger():
    """A node in a context of its own: one process cannot have a topic with two types."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node('stranger', context=context)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def message(heard):
    return heard[-1].status[0].message if heard else ''


@pytest.mark.parametrize('topic, kind, words', [
    ('image', CompressedImage, f'it carries {COMPRESSED}, not {IMAGE}'),
    ('other', Image, 'nobody publishes it, but /other'),
    ('image', Image, 'it is published by /stranger, but nothing arrives')])
def test_images(silent, stranger, topic, kind, words):
    running, heard = silent()
    stranger.create_publisher(kind, topic, 10)
    running.until(lambda: 'Not localized! No image on /image for 6' in message(heard) and words in message(heard))
    assert heard[-1].status[0].level == DiagnosticStatus.ERROR and 'debug_image' not in message(heard)


def test_images_of_another_qos(silent):
    running, heard = silent(reliability='reliable')
    running.user.create_publisher(Image, 'image', BEST_EFFORT)
    running.until(lambda: 'it is published best effort, and we ask for reliable' in message(heard))


def test_camera_info_and_odometry(silent, stranger):
    running, heard = silent(camera_info_topic='camera_info', odom_topic='odom')
    stranger.create_publisher(String, 'odom', 10)
    camera = running.node.cameras.inputs['camera']
    running.show(50, 1)
    running.until(lambda: 'no camera_info on /camera_info: nobody publishes it' in message(heard))
    running.until(lambda: 'no odometry on /odom for 6' in message(heard)
                  and 'it carries std_msgs/msg/String, not nav_msgs/msg/Odometry' in message(heard))
    running.connect('camera_info', CameraInfo).publish(CameraInfo(width=32, height=24, distortion_model='plumb_bob',
                                                                  k=[20.0, 0, 15.5, 0, 20.0, 11.5, 0, 0, 1]))
    running.until(lambda: camera.known.lens)
    running.until(lambda: 'camera_info' not in message(heard))


def test_odometry_of_nobody(silent):
    running, heard = silent(odom_topic='odom')
    other = running.user.create_publisher(Odometry, 'wheel_odom', 10)
    running.until(lambda: 'no odometry on /odom for 6' in message(heard)
                  and '/wheel_odom of the same' in message(heard))
    running.user.destroy_publisher(other)


def test_it_is_in_the_log_once_in_a_while(silent):
    running, heard = silent()
    logged = []
    running.user.create_subscription(Log, '/rosout', lambda log: logged.append(log.msg), 100)
    running.until(lambda: any('no image on /image' in text for text in logged))
    running.idle(2.5)
    assert sum('no image on /image' in text for text in logged) == 1


def test_refused_priors_are_said_in_the_diagnostics_and_not_a_hundred_times_in_the_log(bench):
    running = bench()
    running.activate()
    heard, logged = running.hear(DiagnosticArray, '/diagnostics'), []
    running.user.create_subscription(Log, '/rosout', lambda log: logged.append(log.msg), 100)
    out = running.connect('initialpose_prior', PoseWithCovarianceStamped)
    prior = PoseWithCovarianceStamped()
    prior.header.frame_id = 'odom'
    prior.pose.pose.orientation.w = 1.0
    for _ in range(50):
        out.publish(prior)
        running.idle(0.02)
    running.until(lambda: "The prior is not used: it is in frame 'odom', the map in 'map'" in message(heard))
    running.until(lambda: any('prior is not used' in text for text in logged))
    running.idle(1.5)
    assert sum('prior is not used' in text for text in logged) == 1
    prior.header.frame_id = 'map'
    out.publish(prior)
    running.until(lambda: 'prior' not in message(heard))


def test_images_that_cannot_be_used_are_in_the_log_once_in_a_while(bench):
    running = bench()
    running.activate()
    logged = []
    running.user.create_subscription(Log, '/rosout', lambda log: logged.append(log.msg), 100)

    def said():
        running.show(0, time.time_ns())
        running.idle(0.1)
        return sum('bad_image: the frame is black' in text for text in logged)

    running.until(said)
    running.until(lambda: said() and running.node.statistics.bad > 10)
    running.idle(1.5)
    assert said() == 1


def test_what_it_works_with_is_one_line_in_the_log(bench):
    running = bench(map='street.dvmap', odom_topic='wheels/odom', transport='compressed',
                    image_topic='front/compressed', camera_info_topic='front/camera_info', namespace='robot1')
    logged = []
    running.user.create_subscription(Log, '/rosout', lambda log: logged.append(log.msg), 100)
    running.until(lambda: running.user.count_publishers('/rosout') > 1)
    running.activate()
    line = running.until(lambda: next((text for text in logged if text.startswith('Active: ')), ''))
    for words in ('map street (revision 1, 4 keyframes)', 'compressed images on /robot1/front/compressed',
                  'camera_info on /robot1/front/camera_info', 'odometry on /robot1/wheels/odom',
                  'checkpoint abcdefabcdef (not calibrated', 'on cpu'):
        assert words in line
    assert '\n' not in line and sum(text.startswith('Active: ') for text in logged) == 1


def test_a_checkpoint_that_is_not_calibrated_is_in_the_diagnostics(bench):
    running = bench()
    assert running.change('configure')
    heard = running.hear(DiagnosticArray, '/diagnostics')
    running.node.localizer.extractor.checkpoint.warning = 'checkpoint abcdefabcdef: it is not calibrated'
    running.until(lambda: 'checkpoint abcdefabcdef: it is not calibrated.' in message(heard))


@pytest.mark.parametrize('given, suggestion', [('image_topik', 'image_topic'), ('min_inliers', 'localizer.min_inliers'),
                                               ('localizer.min_inlier', 'localizer.min_inliers')])
def test_parameters_that_nobody_declares_are_named(bench, given, suggestion):
    running = bench(**{given: 'x'})
    heard = running.hear(DiagnosticArray, '/diagnostics')
    running.until(lambda: f'parameter {given} is not known and has no effect: did you mean {suggestion}?'
                  in message(heard))


def test_parameters_of_others_are_no_fault(bench):
    # a lifecycle node of an earlier test keeps its name until Python collects it
    running = bench(namespace='described', robot_description='<robot/>', use_sim_time=False)
    heard = running.hear(DiagnosticArray, '/diagnostics')
    running.until(lambda: heard)
    assert message(heard) == 'Not localized! The node is not active.'


def test_two_nodes_of_one_name(bench, context):
    running = bench(namespace='twins')
    heard = running.hear(DiagnosticArray, '/diagnostics')
    twin = Node('relocalize', namespace='twins', context=context)
    running.until(lambda: '2 nodes are called /twins/relocalize' in message(heard))
    twin.destroy_node()
    running.until(lambda: 'are called' not in message(heard))


@pytest.mark.parametrize('name', ['image_topic', 'camera_info_topic', 'odom_topic'])
def test_a_topic_whose_name_cannot_be_is_refused(bench, name):
    with pytest.raises(ConfigError, match=f"{name} 'front image' is no name of a topic"):
        bench(**{name: 'front image'})


def test_a_failed_activation_says_why_and_can_be_tried_again(bench):
    running = bench(image_topic='2/image')
    assert running.change('configure') and not running.change('activate')
    assert running.state == 'inactive' and 'must not start with a number' in running.node.problem
    assert not running.node.cameras and not running.user.count_subscribers('initialpose_prior')
    assert running.change('cleanup') and running.set(image_topic='image').successful
    assert running.change('configure') and running.change('activate')
