"""Time in the node over real DDS: stamps that cannot be, clocks that do not run, recordings that play again."""

import time

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from geometry_msgs.msg import TransformStamped  # noqa: E402
from nav_msgs.msg import Odometry  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402

from dejavu_ros.geometry import Pose  # noqa: E402
from dejavu_ros.msg import HypothesisArray  # noqa: E402
from dejavu_ros.ros.conversions import (header_to_message, pose_to_message, stamp_from_message,  # noqa: E402
                                        stamp_to_message, transform_to_message)

SECOND = 10**9
OLD = 1_600_000_000 * SECOND  # a recording


def main_status(heard):
    return heard[-1].status[0] if heard else DiagnosticStatus()


def odometry(stamp_ns, x):
    message = Odometry(child_frame_id='base_link')
    message.header.stamp = stamp_to_message(stamp_ns)
    message.pose.pose = pose_to_message(Pose.planar(x, 0, 0))
    return message


def odom_T_base(stamp_ns):
    return TransformStamped(header=header_to_message(stamp_ns, 'odom'), child_frame_id='base_link',
                            transform=transform_to_message(Pose.planar(3, 0, 0)))


@pytest.fixture
def ticking(bench):
    """A node with a simulated clock, and ``tick(nanoseconds)``."""
    def start(**parameters):
        running = bench(use_sim_time=True, **parameters)
        running.activate()
        clock = running.user.create_publisher(Clock, '/clock', 10)
        running.until(clock.get_subscription_count)

        def tick(stamp_ns):
            clock.publish(Clock(clock=stamp_to_message(stamp_ns)))
            running.until(lambda: running.node.get_clock().now().nanoseconds == stamp_ns, 'the tick')

        return running, tick

    return start


def test_images_without_a_stamp_are_dated_by_their_arrival_and_it_is_said(bench):
    running = bench()
    running.activate()
    heard, answers = (running.hear(*topic) for topic in ((DiagnosticArray, '/diagnostics'),
                                                         (HypothesisArray, '/relocalize/hypotheses')))
    for number in range(3):
        running.show(50, 0)
        running.until(lambda: len(answers) == number + 1)
    stamps = running.node.localizer.seen
    assert stamps == sorted(set(stamps)) and all(abs(stamp - time.time_ns()) < 60 * SECOND for stamp in stamps)
    assert [stamp_from_message(answer.header.stamp) for answer in answers] == stamps
    running.until(lambda: 'Localized. But messages on /image are stamped 0' in main_status(heard).message)
    assert main_status(heard).level == DiagnosticStatus.WARN


@pytest.mark.parametrize('stamp, words', [(4321 * SECOND, 'stamped 4321 s after 1970: time since boot'),
                                          (OLD, 'years ago: a recording without its clock?'),
                                          (4_000_000_000 * SECOND // 2, 'ahead of the clock of the node')])
def test_stamps_that_cannot_be_of_now_are_said(bench, stamp, words):
    running = bench()
    running.activate()
    heard = running.hear(DiagnosticArray, '/diagnostics')
    running.show(50, stamp)
    running.until(lambda: main_status(heard).message.startswith('Localized. But messages on /image are stamped')
                  and words in main_status(heard).message)
    assert running.node.localizer.seen == [stamp], 'and used as they are'


def test_odometry_with_such_stamps_is_said_too(bench):
    running = bench(odom_topic='odom')
    running.activate()
    heard = running.hear(DiagnosticArray, '/diagnostics')
    running.connect('odom', Odometry).publish(odometry(0, 1.0))
    running.show(50, time.time_ns())
    running.until(lambda: 'Localized. But messages on /odom are stamped 0' in main_status(heard).message)
    running.until(lambda: running.node.frames.buffer.newest_ns)
    assert abs(running.node.frames.buffer.newest_ns - time.time_ns()) < 60 * SECOND


def test_never_ok_while_map_to_odom_is_not_published_though_asked_for(bench, tf):
    running = bench(publish_tf=True, namespace='only')  # of that name: 'Localized.' without a but
    running.activate()
    heard = running.hear(DiagnosticArray, '/diagnostics')
    running.show(50, time.time_ns(), topic='/only/image')
    running.until(lambda: 'there is no odometry at the time of the image, none has come from TF'
                  in main_status(heard).message)
    assert main_status(heard).level == DiagnosticStatus.WARN and not tf.sent
    now = time.time_ns()
    tf.known.append(odom_T_base(now))
    running.show(50, now, topic='/only/image')
    running.until(lambda: tf.sent and main_status(heard).message == 'Localized.')


def test_a_simulated_clock_that_nobody_publishes(bench, tf):
    running = bench(publish_tf=True, use_sim_time=True)
    running.activate()
    heard = running.hear(DiagnosticArray, '/diagnostics')
    tf.known.append(odom_T_base(SECOND))
    running.show(50, SECOND)
    running.until(lambda: 'map -> odom is not published: the clock of the node stands still'
                  in main_status(heard).message)
    status = main_status(heard)
    assert 'use_sim_time is on, but no time comes on /clock: nobody publishes it' in status.message
    assert status.level != DiagnosticStatus.OK and heard[-1].header.stamp.sec > 10**9


def test_a_simulated_clock_that_stops(ticking):
    running, tick = ticking()
    tick(OLD)
    assert not running.node.watched_clock.problem()
    running.node.watched_clock._checker._since -= 60
    assert '/clock has stood still for 60 s' in running.node.watched_clock.problem()
    tick(OLD + SECOND)
    assert not running.node.watched_clock.problem()


def test_clock_that_steps_back_forgets_everything_and_does_not_end_the_node(ticking, tf):
    running, tick = ticking(publish_tf=True)
    heard = running.hear(DiagnosticArray, '/diagnostics')
    tick(OLD + 100 * SECOND)
    tf.known.append(odom_T_base(OLD + 100 * SECOND))
    running.show(50, OLD + 100 * SECOND)
    running.until(lambda: running.node.statistics.accepted == 1)
    for tenth in range(1001, 1006):
        tick(OLD + tenth * SECOND // 10)
    running.until(lambda: tf.sent)
    tick(OLD)
    running.until(lambda: running.node.localizer.resets and tf.cleared)
    tf.sent.clear()
    for tenth in range(1, 6):
        tick(OLD + tenth * SECOND // 10)
    running.idle(0.2)
    assert not tf.sent, 'the old map -> odom is not published on'
    running.until(lambda: 'time on /clock went back by 100.5 s' in main_status(heard).message)
    assert main_status(heard).message.startswith('Not localized!')
    tf.known.append(odom_T_base(OLD + SECOND))
    running.show(60, OLD + SECOND)
    running.until(lambda: running.node.statistics.accepted == 2)
    tick(OLD + SECOND)
    tick(OLD + 11 * SECOND // 10)
    running.until(lambda: tf.sent)


def test_a_recording_played_again_without_a_clock(bench, tf):
    running = bench(publish_tf=True, odom_topic='odom')
    running.activate()
    wheels = running.connect('odom', Odometry)
    for run in range(2):
        for number in range(5):
            stamp = OLD + number * SECOND
            wheels.publish(odometry(stamp, float(number)))
            running.until(lambda: running.node.frames.buffer.newest_ns == stamp, 'the odometry')
            running.show(50 + number, stamp)
            running.until(lambda: running.node.statistics.accepted == 5 * run + number + 1, 'the answer')
        assert running.node.localizer.resets == run
    assert tf.cleared == 1
    poses = running.node.localizer.odometry
    assert np.allclose([pose.position[0] for pose in poses], [0, 1, 2, 3, 4] * 2), 'odometry is there all the time'


def test_after_a_step_back_nothing_of_before_is_published(bench, tf):
    running = bench(publish_tf=True)
    running.activate()
    tf.known.append(odom_T_base(OLD + 50 * SECOND))
    running.show(50, OLD + 50 * SECOND)
    running.until(lambda: tf.sent)
    running.show(5, OLD)  # an unknown place
    running.until(lambda: running.node.statistics.processed == 2)
    tf.sent.clear()
    running.idle(0.3)
    assert not tf.sent and running.node.localizer.resets == 1


def test_frames_that_waited_when_time_went_back_are_dropped(bench):
    running = bench(max_rate=1000, cameras=['front', 'rear'])
    running.activate()
    gate = running.node.localizer.gate
    running.show(50, OLD + 100 * SECOND, topic='front/image')
    running.until(lambda: running.node.statistics.processed == 1)
    gate.clear()
    running.show(50, OLD + 101 * SECOND, topic='front/image')
    running.until(lambda: running.received == 2)
    running.show(50, OLD + 101 * SECOND, topic='rear/image')
    running.until(lambda: running.received == 3)
    running.show(50, OLD, topic='front/image')
    running.idle(0.2)
    gate.set()
    running.until(lambda: running.node.localizer.seen[-1] == OLD)
    assert running.node.localizer.seen == [OLD + 100 * SECOND, OLD + 101 * SECOND, OLD]
