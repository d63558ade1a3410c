"""map -> odom, with a stand-in for tf2_ros everywhere and with the real one where it is installed."""

import importlib.util
import types

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from geometry_msgs.msg import TransformStamped  # noqa: E402
from nav_msgs.msg import Odometry  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from dejavu_ros.geometry import Pose  # noqa: E402
from dejavu_ros.ros import frames, node, transforms  # noqa: E402
from dejavu_ros.ros.conversions import (header_to_message, pose_to_message, stamp_from_message,  # noqa: E402
                                        stamp_to_message, transform_from_message, transform_to_message)

SECOND = 10**9
MAP_T_BASE = Pose.planar(50, 1, 0.5)  # what the stand-in localizer answers to brightness 50


def odom_T_base(stamp_ns, pose):
    return TransformStamped(header=header_to_message(stamp_ns, 'odom'), child_frame_id='base_link',
                            transform=transform_to_message(pose))


@pytest.mark.parametrize('package, advice', [('ros_jazzy_rclpy', 'no wheel of it: an installed ROS 2 has it, as '
                                              'ros-jazzy-tf2-ros-py'), ('rclpy', 'apt install ros-jazzy-tf2-ros-py')])
def test_without_tf2_the_node_says_so_and_stays_inactive(bench, monkeypatch, package, advice):
    for user in (transforms, frames, node):
        monkeypatch.setattr(user, 'tf2_ros', None)
    running = bench(publish_tf=True)
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    monkeypatch.setattr('importlib.metadata.distributions',
                        lambda: [types.SimpleNamespace(metadata={'Name': package})])
    assert running.change('configure') and not running.change('activate')
    assert running.state == 'inactive' and 'tf2_ros is not installed' in running.node.problem
    assert advice in running.node.problem and ('apt' in running.node.problem) == (package == 'rclpy')


def test_withdrawn_poses_are_not_published_on(bench, tf):
    running = bench(publish_tf=True, max_rate=1000)
    running.activate()
    tf.known.append(odom_T_base(SECOND, Pose.planar(3, 0, 0.1)))
    running.show(50, SECOND)
    running.until(lambda: tf.sent)
    running.show(7, 2 * SECOND)
    running.until(lambda: running.node.statistics.processed == 2)
    running.idle(0.2)
    count = len(tf.sent)
    running.idle(0.3)
    assert len(tf.sent) == count


def test_nothing_goes_to_tf_unless_asked(bench, tf):
    running = bench()
    running.activate()
    tf.known.append(odom_T_base(SECOND, Pose.planar(3, 0, 0.1)))
    running.show(50, SECOND)
    running.until(lambda: running.node.statistics.accepted == 1)
    running.idle(0.2)
    assert not tf.sent


def test_nothing_before_the_first_accepted_pose_and_then_again_and_again(bench, tf):
    running = bench(publish_tf=True, tf_tolerance=0.5)
    running.activate()
    tf.known.append(odom_T_base(SECOND, Pose.planar(3, 0, 0.1)))
    running.show(5, SECOND)
    running.until(lambda: running.node.statistics.processed == 1)
    running.idle(0.2)
    assert not tf.sent
    running.show(50, SECOND)
    running.until(lambda: len(tf.sent) >= 3)
    message = tf.sent[0]
    assert (message.header.frame_id, message.child_frame_id) == ('map', 'odom')
    map_T_base = transform_from_message(message.transform) @ Pose.planar(3, 0, 0.1)
    assert np.allclose(map_T_base.matrix, MAP_T_BASE.matrix)
    ahead = stamp_from_message(tf.sent[-1].header.stamp) - running.node.get_clock().now().nanoseconds
    assert 0 < ahead <= 0.5 * SECOND
    assert running.call(Trigger, '/relocalize/reset').success
    count = len(tf.sent)
    running.idle(0.2)
    assert len(tf.sent) == count, 'after a reset the pose is unknown again'


def test_odometry_topic_goes_before_tf(bench, tf):
    running = bench(publish_tf=True, odom_topic='odom')
    running.activate()
    tf.known.append(odom_T_base(SECOND, Pose.planar(100, 0, 0)))
    message = Odometry()
    message.header.stamp = stamp_to_message(SECOND)
    message.pose.pose = pose_to_message(Pose.planar(7, 0, 0))
    running.connect('odom', Odometry).publish(message)
    running.until(lambda: running.node.frames.buffer._stamps)
    running.show(50, SECOND)
    running.until(lambda: tf.sent)
    found = transform_from_message(tf.sent[0].transform) @ Pose.planar(7, 0, 0)
    assert np.allclose(found.matrix, MAP_T_BASE.matrix)


@pytest.mark.parametrize('parameter, x', [('', 2.0), ('3 0 0 -0.5 0.5 -0.5 0.5', 3.0)])
def test_mounting_of_the_camera_comes_from_tf_unless_a_parameter_says_otherwise(bench, tf, parameter, x):
    running = bench(map='street.dvmap', base_T_camera=parameter)
    running.activate()
    optical = Pose(np.array([2.0, 0, 0]), np.array([-0.5, 0.5, -0.5, 0.5]))
    tf.known.append(TransformStamped(header=header_to_message(0, 'base_link'), child_frame_id='camera_optical',
                                     transform=transform_to_message(optical)))
    running.show(50, SECOND)
    running.until(lambda: running.node.statistics.processed)
    assert running.node.localizer.cameras['camera'].base_T_camera.position[0] == x


@pytest.mark.parametrize('age, used', [(0.1, True), (1.0, False)])
def test_tf_that_lags_behind_the_image(bench, tf, age, used):
    running = bench(publish_tf=True)
    running.activate()
    tf.known.append(odom_T_base(int((10 - age) * SECOND), Pose.planar(3, 0, 0)))
    running.show(50, 10 * SECOND)
    running.until(lambda: running.node.statistics.processed == 1)
    running.until(lambda: tf.sent if used else 'no odometry at the time' in str(running.node.frames.warnings))
    assert bool(tf.sent) == used


def test_dated_by_the_simulation_clock(bench, tf):
    running = bench(publish_tf=True, use_sim_time=True, tf_tolerance=0.5)
    running.activate()
    clock = running.user.create_publisher(Clock, '/clock', 10)
    running.until(clock.get_subscription_count)
    tf.known.append(odom_T_base(SECOND, Pose.planar(3, 0, 0)))
    running.show(50, SECOND)
    running.until(lambda: running.node.statistics.accepted == 1)
    assert not tf.sent, 'time stands still'
    for tick in range(1, 20):
        clock.publish(Clock(clock=stamp_to_message(SECOND + tick * SECOND // 10)))
        running.idle(0.02)
    running.until(lambda: tf.sent)
    assert SECOND < stamp_from_message(tf.sent[-1].header.stamp) - SECOND // 2 <= 3 * SECOND


def test_deactivating_closes_it(bench, tf):
    running = bench(publish_tf=True)
    running.activate()
    assert tf.open == 1
    for _ in range(2):
        assert running.change('deactivate') and tf.open == 0
        assert running.change('activate') and tf.open == 1


@pytest.mark.skipif(importlib.util.find_spec('tf2_ros') is None, reason='tf2_ros is not installed')
def test_real_tf2(bench):
    from tf2_msgs.msg import TFMessage

    running = bench(publish_tf=True)
    running.activate()
    heard = []
    running.user.create_subscription(TFMessage, '/tf', heard.append, 100)
    tree = running.connect('/tf', TFMessage)
    running.until(lambda: running.user.count_subscribers('/tf') == 2)
    tree.publish(TFMessage(transforms=[odom_T_base(10 * SECOND, Pose.planar(3, 0, 0))]))
    tree.publish(TFMessage(transforms=[odom_T_base(12 * SECOND, Pose.planar(5, 0, 0))]))
    running.until(lambda: running.node.frames.transforms.at('odom', 'base_link', 11 * SECOND))
    heard.clear()
    running.show(50, 11 * SECOND)
    sent = running.until(lambda: [t for m in heard for t in m.transforms if t.child_frame_id == 'odom'])
    found = transform_from_message(sent[0].transform) @ Pose.planar(4, 0, 0)
    assert sent[0].header.frame_id == 'map' and np.allclose(found.matrix, MAP_T_BASE.matrix)
    assert running.change('deactivate') and running.change('activate')
