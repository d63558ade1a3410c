"""A subscription hears its publishers whatever they offer, and takes back lost pieces where they can be asked for."""

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

import numpy as np  # noqa: E402
from nav_msgs.msg import Odometry  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402

from dejavu_ros.images import encode_jpeg  # noqa: E402
from dejavu_ros.ros.bystander import Bystander  # noqa: E402
from dejavu_ros.ros.conversions import image_to_message  # noqa: E402
from dejavu_ros.ros.subscriptions import NUMBERED  # noqa: E402

PICTURE = image_to_message(np.full((24, 32, 3), 50, np.uint8), 1, 'camera')


def publish_until(running, publisher, message, heard):
    """Publish again and again until ``heard()``, as a camera does."""
    def arrived():
        publisher.publish(message)
        running.idle(0.05)
        return heard()

    running.until(arrived, f'a message on {publisher.topic_name}')


def offering(running, reliability, kind=Image, topic='image'):
    qos = QoSProfile(depth=5, reliability=getattr(ReliabilityPolicy, reliability.upper()))
    return running.user.create_publisher(kind, topic, qos)


def expect(running, reliability, publisher, message=PICTURE):
    """The node takes up this reliability, and hears the publisher with it."""
    camera = running.node.cameras.inputs['camera']
    running.until(lambda: camera.images.reliability == reliability, f'a {reliability} subscription')
    before = camera.watch.received
    publish_until(running, publisher, message, lambda: camera.watch.received > before)
    assert camera.images.reliability == reliability


@pytest.mark.parametrize('transport, message', [
    ('raw', PICTURE),
    ('compressed', CompressedImage(format='jpeg', data=encode_jpeg(np.full((24, 32, 3), 50, np.uint8))))])
@pytest.mark.parametrize('reliability', ['reliable', 'best_effort'])
@pytest.mark.parametrize('publisher_first', [True, False])
def test_what_the_publisher_offers(bench, transport, message, reliability, publisher_first):
    running = bench(transport=transport)
    publisher = offering(running, reliability, type(message)) if publisher_first else None
    running.activate()
    expect(running, reliability, publisher or offering(running, reliability, type(message)), message)


@pytest.mark.parametrize('order', [['best_effort', 'reliable'], ['reliable', 'best_effort']])
def test_a_camera_that_comes_back_with_another_qos(bench, order):
    running = bench()
    running.activate()
    for reliability in (*order, order[0]):
        publisher = offering(running, reliability)
        expect(running, reliability, publisher)
        running.user.destroy_publisher(publisher)
        running.until(lambda: running.node.cameras.inputs['camera'].images.reliability == 'best_effort',
                      'best effort, for whoever comes')


@pytest.mark.parametrize('order', [['best_effort', 'reliable'], ['reliable', 'best_effort']])
def test_two_publishers_that_differ_are_both_heard(bench, order):
    running = bench()
    running.activate()
    publishers = [offering(running, reliability) for reliability in order]
    running.until(lambda: sorted(running.node.cameras.inputs['camera'].images.offered) == ['best_effort', 'reliable'])
    for publisher in publishers:
        expect(running, 'best_effort', publisher)
    running.user.destroy_publisher(publishers[order.index('best_effort')])
    expect(running, 'reliable', publishers[order.index('reliable')])


@pytest.mark.skipif(not NUMBERED, reason='nobody counts messages here')
def test_two_publishers_in_turn_are_said_and_one_beside_a_silent_one_is_not(bench):
    running = bench()
    running.activate()
    publisher, other = offering(running, 'reliable'), offering(running, 'reliable')
    camera = running.node.cameras.inputs['camera']
    running.until(lambda: len(camera.images.offered) == 2)
    for _ in range(5):
        before = camera.watch.received
        publish_until(running, publisher, PICTURE, lambda: camera.watch.received > before)
    assert camera.images.problem == ''

    def mixed():
        for one in (publisher, other):
            one.publish(PICTURE)
            running.idle(0.05)
        return camera.images.problem

    assert running.until(mixed) == '2 publishers send on /image (/user): their messages are mixed up'
    assert any('mixed up' in problem for problem in camera.problems(running.node.loaded))
    running.user.destroy_publisher(other)
    running.until(lambda: not camera.images.problem)


def test_a_publisher_of_another_type_has_no_say(bench):
    running = bench()
    with Bystander('other') as other:  # within a context, a topic has one type
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
        other.node.create_publisher(CompressedImage, '/image', qos)
        running.until(lambda: running.user.count_publishers('/image'))
        running.activate()
        expect(running, 'reliable', offering(running, 'reliable'))


@pytest.mark.parametrize('wanted', ['reliable', 'best_effort'])
def test_the_parameter_overrides(bench, wanted):
    running = bench(reliability=wanted)
    publisher = offering(running, 'reliable')
    running.activate()
    expect(running, wanted, publisher)


@pytest.mark.parametrize('reliability', ['reliable', 'best_effort'])
def test_calibration_and_odometry_too(bench, reliability):
    running = bench(camera_info_topic='camera_info', odom_topic='odom')
    running.activate()
    camera, frames = running.node.cameras.inputs['camera'], running.node.frames
    info = CameraInfo(width=32, height=24, distortion_model='plumb_bob', k=[20.0, 0, 15.5, 0, 20.0, 11.5, 0, 0, 1])
    publish_until(running, offering(running, reliability, CameraInfo, 'camera_info'), info, lambda: camera.known.lens)
    message = Odometry()
    message.header.stamp.sec, message.pose.pose.orientation.w = 1, 1.0
    publish_until(running, offering(running, reliability, Odometry, 'odom'), message, lambda: frames.buffer.at(10**9))
    running.until(lambda: {s.reliability for s in (camera.infos, frames.odometry)} == {reliability})


def test_nothing_is_left_after_deactivation(bench):
    running = bench(camera_info_topic='camera_info', odom_topic='odom')
    inactive = len(list(running.node.timers)), len(list(running.node.subscriptions))
    running.activate()
    expect(running, 'reliable', offering(running, 'reliable'))
    assert running.change('deactivate')
    assert (len(list(running.node.timers)), len(list(running.node.subscriptions))) == inactive
