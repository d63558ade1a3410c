"""The node over real DDS, with a localizer that reads its answer off the image."""

import time

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from geometry_msgs.msg import PoseWithCovarianceStamped  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from nav_msgs.msg import Odometry  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from dejavu_ros.geometry import Pose  # noqa: E402
from dejavu_ros.images import encode_jpeg  # noqa: E402
from dejavu_ros.msg import HypothesisArray  # noqa: E402
from dejavu_ros.ros.conversions import (estimate_from_message, image_from_message, image_to_message,  # noqa: E402
                                        pose_to_message, stamp_from_message, stamp_to_message)

SECOND = 10**9


def test_life_cycle(bench):
    running = bench(map='street.dvmap')
    assert running.state == 'unconfigured'
    assert running.change('configure') and running.state == 'inactive'
    assert running.user.count_subscribers('image') == 0
    assert running.change('activate') and running.state == 'active'
    running.until(lambda: running.user.count_subscribers('image'), 'the subscription')
    camera = running.node.cameras.inputs['camera']
    assert running.change('deactivate') and running.state == 'inactive'
    running.until(lambda: not running.user.count_subscribers('image'), 'the subscription to end')
    camera.on_image(Image())  # one that arrived a moment ago
    assert running.change('activate') and running.change('deactivate')
    assert running.change('cleanup') and running.state == 'unconfigured'
    assert running.node.localizer is None
    assert running.change('configure') and running.change('activate') and running.change('shutdown')
    assert running.state == 'finalized'
    running.until(lambda: not running.user.count_subscribers('image'), 'the subscription to end')


def test_transition_that_is_not_possible_now(bench):
    running = bench()
    assert not running.change('activate')
    by_number = ChangeState.Request()
    by_number.transition.id = Transition.TRANSITION_ACTIVATE
    assert not running.call(ChangeState, '/relocalize/change_state', by_number).success
    assert running.state == 'unconfigured' and running.change('configure')


@pytest.mark.parametrize('parameters, words', [(dict(map='missing.dvmap'), 'build one with'),
                                               (dict(map='unreadable.dvmap'), 'Input/output error'),
                                               (dict(checkpoint='missing.pt'), 'no checkpoint missing.pt')])
def test_configure_fails_with_the_reason_and_can_be_tried_again(bench, parameters, words):
    running = bench(**parameters)
    assert not running.change('configure')
    assert running.state == 'unconfigured' and words in running.node.problem
    assert running.set(map='street.dvmap', checkpoint='').successful
    assert running.change('configure')


def test_autostart(bench):
    assert bench(autostart=True).state == 'active'


def test_hypotheses_for_every_frame_but_poses_only_for_accepted_ones(bench):
    running = bench(map='maps/street.dvmap', map_frame='town')
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    poses = running.hear(PoseWithCovarianceStamped, '/relocalize/pose')
    for number, brightness in enumerate((50, 5, 0, 70)):
        running.show(brightness, 7 * SECOND + number)
        running.until(lambda: len(hypotheses) == number + 1, f'the answer to frame {number}')
    assert [m.accepted for m in hypotheses] == [True, False, False, True]
    assert [m.reject_reason for m in hypotheses] == ['', 'unknown_place', 'bad_image', '']
    assert [stamp_from_message(m.header.stamp) for m in hypotheses] == [7 * SECOND + n for n in range(4)]
    first = hypotheses[0]
    assert first.header.frame_id == 'town'
    assert (first.map, first.map_revision, first.checkpoint) == ('street', 1, 'abcdefabcdef')
    assert first.processing_time > 0
    found = estimate_from_message(first).hypotheses[0]
    assert (found.keyframe, found.session, found.condition, found.inliers) == (3, 'summer', 'sun', 40)
    running.until(lambda: len(poses) == 2)
    assert [stamp_from_message(m.header.stamp) for m in poses] == [7 * SECOND, 7 * SECOND + 3]
    assert poses[1].header.frame_id == 'town'
    assert poses[1].pose.pose.position.x == 70
    assert np.allclose(np.array(poses[1].pose.covariance).reshape(6, 6), np.diag(np.arange(1.0, 7.0)))


def test_newest_frame_wins_behind_a_slow_machine(bench):
    running = bench(max_rate=1000)
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    localizer = running.node.localizer
    localizer.gate.clear()
    for number in range(1, 21):
        running.show(50, number)
        running.until(lambda: running.received == number, f'frame {number} to arrive')
        if number == 1:
            running.until(lambda: not running.node.cameras.worker._items, 'the first frame to be taken')
    localizer.gate.set()
    running.until(lambda: len(hypotheses) == 2)
    running.idle(0.2)
    assert localizer.seen == [1, 20]
    assert running.node.cameras.worker.dropped == {'camera': 18}


def test_rate_is_bounded(bench):
    running = bench(max_rate=5.0)
    running.activate()
    running.connect()
    spent, started = running.node.statistics, time.monotonic()
    for number in range(60):
        running.show(50, number)
        running.idle(0.01)
    running.until(lambda: running.received > 20 and spent.processed >= 2)
    assert spent.processed <= 5.0 * (time.monotonic() - started) + 1
    assert running.set(max_rate=1000).successful
    running.idle(0.3)  # the frame that was waiting has its turn
    before = spent.processed
    for number in range(100, 110):
        running.show(50, number)
        running.until(lambda: spent.processed == before + number - 99, 'a frame at the new rate')


def test_only_on_request(bench):
    running = bench(max_rate=0)
    relocalize = '/relocalize/relocalize'
    assert not running.call(Trigger, relocalize).success
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    running.show(50, 1)
    running.until(lambda: running.received == 1)
    running.idle(0.1)
    assert not hypotheses
    assert running.call(Trigger, relocalize).success
    running.idle(0.1)
    assert not hypotheses, 'a frame from before the request is not the next one'
    for number in (2, 3):
        running.show(50, number)
        running.until(lambda: running.received == number)
    running.until(lambda: hypotheses)
    running.idle(0.1)
    assert [stamp_from_message(m.header.stamp) for m in hypotheses] == [2]


@pytest.mark.parametrize('break_it', [lambda m: setattr(m, 'encoding', 'nonsense'),
                                      lambda m: setattr(m, 'step', 7),
                                      lambda m: setattr(m, 'data', m.data[:100])])
def test_bad_image_is_answered_and_counted(bench, break_it):
    running = bench()
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    message = image_to_message(np.full((24, 32, 3), 50, np.uint8), 5, 'camera')
    break_it(message)
    running.connect().publish(message)
    running.until(lambda: hypotheses)
    assert hypotheses[0].reject_reason == 'bad_image' and not hypotheses[0].hypotheses
    assert running.node.statistics.bad == 1
    running.show(50, 6)
    running.until(lambda: len(hypotheses) == 2)
    assert hypotheses[1].accepted


def test_encodings(bench):
    running = bench()
    running.activate()
    poses = running.hear(PoseWithCovarianceStamped, '/relocalize/pose')
    red = np.zeros((24, 32, 3), np.uint8)
    red[..., 0], red[..., 2] = 60, 20
    rgb = image_to_message(red, 1, 'camera')
    bgr = image_to_message(red[..., ::-1], 2, 'camera')
    bgr.encoding = 'bgr8'
    grey = Image(height=24, width=32, step=32, encoding='mono8', data=bytes([60]) * (24 * 32))
    for number, message in enumerate((rgb, bgr, grey)):
        running.connect().publish(message)
        running.until(lambda: len(poses) == number + 1, message.encoding)
    assert [m.pose.pose.position.x for m in poses] == [60, 60, 60]


def test_compressed_reliable_and_cut_short(bench):
    running = bench(transport='compressed', image_topic='cam/compressed', reliability='reliable')
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    jpeg = encode_jpeg(np.full((24, 32, 3), 60, np.uint8))
    camera = running.connect('cam/compressed', CompressedImage)
    for number, data in enumerate((jpeg, jpeg[:len(jpeg) // 2])):
        camera.publish(CompressedImage(format='jpeg', data=data))
        running.until(lambda: len(hypotheses) == number + 1)
    assert [m.reject_reason for m in hypotheses] == ['', 'bad_image']
    assert abs(hypotheses[0].hypotheses[0].pose.pose.position.x - 60) <= 1


def test_frame_that_fails_is_reported_and_the_next_one_works(bench):
    running = bench()
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    running.show(255, 1)
    running.until(lambda: running.node.problem)
    assert 'MemoryError' in running.node.problem and running.node.statistics.failed == 1
    running.show(50, 2)
    running.until(lambda: hypotheses)
    assert hypotheses[0].accepted and not running.node.problem


def test_namespace_and_remapping(bench):
    running = bench(namespace='robot1', cli_args=['--ros-args', '-r', 'image:=front/image', '-r', '~/pose:=found'])
    assert running.name == '/robot1/relocalize'
    running.activate()
    poses = running.hear(PoseWithCovarianceStamped, '/robot1/found')
    running.show(50, 1, topic='/robot1/front/image')
    running.until(lambda: poses)


def test_services(bench):
    running = bench(map='street.dvmap')
    reset, reload_map = '/relocalize/reset', '/relocalize/reload_map'
    assert 'not configured' in running.call(Trigger, reset).message
    assert 'not configured' in running.call(Trigger, reload_map).message
    running.activate()
    assert running.call(Trigger, reset).success and running.node.localizer.resets == 1
    type(running.node.localizer.map).revisions['street.dvmap'] = 2
    answer = running.call(Trigger, reload_map)
    assert answer.success and 'revision 2' in answer.message
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    running.show(50, 1)
    running.until(lambda: hypotheses)
    assert hypotheses[0].map_revision == 2


def test_without_a_map_every_frame_is_rejected_until_there_is_one(bench):
    running = bench(map='')
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    priors = running.user.create_publisher(PoseWithCovarianceStamped, 'initialpose_prior', 1)
    running.until(priors.get_subscription_count)
    priors.publish(PoseWithCovarianceStamped())  # there is nothing that it could be used for
    running.show(50, 1)
    running.until(lambda: hypotheses, 'the answer')
    said, last = hypotheses[0], running.node.statistics.last
    assert (said.accepted, said.reject_reason, list(said.hypotheses)) == (False, 'no_map', [])
    assert (said.map, said.map_revision, said.checkpoint, last.detail) == ('', 0, 'abcdefabcdef', 'no map is loaded')
    assert running.call(Trigger, '/relocalize/reset').success and not running.node.problem
    assert not running.call(Trigger, '/relocalize/reload_map').success
    assert running.set(map='street.dvmap').successful
    running.show(50, 2)
    running.until(lambda: len(hypotheses) == 2, 'the answer on the map')
    assert hypotheses[1].accepted and list(running.node.localizer.cameras) == ['camera']
    assert running.set(map='').successful and running.node.localizer is None
    running.show(50, 3)
    running.until(lambda: len(hypotheses) == 3, 'the answer without one')
    assert hypotheses[2].reject_reason == 'no_map'


def test_reload_map_that_fails_leaves_the_old_one(bench, monkeypatch):
    running = bench(map='street.dvmap')
    running.activate()
    before = running.node.localizer
    monkeypatch.setattr(running.node, 'open_map', lambda path, identity: type(before.map)('missing', identity))
    answer = running.call(Trigger, '/relocalize/reload_map')
    assert not answer.success and 'build one with' in answer.message
    assert running.node.localizer is before
    assert running.set(map='').successful
    assert running.call(Trigger, '/relocalize/reload_map').message == 'no map is set'


def test_odometry_reaches_the_localizer(bench):
    running = bench(odom_topic='odom')
    running.activate()
    wheels = running.connect('odom', Odometry)
    for second in (1, 2):
        message = Odometry(child_frame_id='base_link')
        message.header.stamp = stamp_to_message(second * SECOND)
        message.pose.pose = pose_to_message(Pose.planar(10.0 * second, 0, 0))
        wheels.publish(message)
    running.until(lambda: len(running.node.frames.buffer._stamps) == 2)
    running.show(50, int(1.5 * SECOND))
    running.until(lambda: running.node.localizer.odometry)
    assert np.allclose(running.node.localizer.odometry[0].position, (15, 0, 0))


def test_a_prior_reaches_the_localizer_unless_it_is_none(bench):
    running = bench()
    running.activate()
    out = running.connect('initialpose_prior', PoseWithCovarianceStamped)
    for frame, orientation, x in (('map', 0.0, 1.0), ('odom', 1.0, 2.0), ('map', 1.0, 3.0)):
        message = PoseWithCovarianceStamped()
        message.header.frame_id = frame
        message.pose.pose.position.x, message.pose.pose.orientation.w = x, orientation
        message.pose.covariance[0] = 4.0
        out.publish(message)
        running.idle(0.1)
    running.until(lambda: running.node.localizer.priors)
    (pose, covariance), = running.node.localizer.priors
    assert pose.position[0] == 3.0 and covariance[0, 0] == 4.0


@pytest.mark.parametrize('child, orientation, words', [('base_link', 0.0, 'zero quaternion'),
                                                       ('wheel', 1.0, "'wheel'")])
def test_odometry_that_cannot_be_used(bench, child, orientation, words):
    running = bench(odom_topic='odom')
    running.activate()
    message = Odometry(child_frame_id=child)
    message.pose.pose.orientation.w = orientation
    running.connect('odom', Odometry).publish(message)
    running.until(lambda: words in str(running.node.frames.warnings))
    assert running.node.frames.buffer.at(0) is None


def test_initialpose_is_off_unless_asked_and_not_too_often(bench):
    running = bench()
    running.activate()
    heard = running.hear(PoseWithCovarianceStamped, '/initialpose')
    statistics = running.node.statistics

    def show(number):
        running.show(50, number)
        running.until(lambda: statistics.processed == number)
        running.idle(0.1)

    show(1)
    assert not heard
    assert running.set(publish_initialpose=True).successful
    show(2)
    show(3)
    assert [stamp_from_message(m.header.stamp) for m in heard] == [2]
    assert running.set(initialpose_period=0.0).successful
    show(4)
    assert len(heard) == 2


def test_pictures_only_while_someone_looks(bench):
    running = bench(map='street.dvmap')
    running.activate()
    statistics = running.node.statistics
    running.show(50, 1)
    running.until(lambda: statistics.processed == 1)
    pictures = running.hear(Image, '/relocalize/debug_image')
    markers = running.hear(MarkerArray, '/relocalize/markers')
    assert not pictures and not markers
    running.show(50, 2)
    running.until(lambda: pictures and len(markers) == 2)
    picture = image_from_message(pictures[0])
    assert picture.shape == (264, 640, 3)
    assert (picture[:240, :320] == 50).all() and abs(int(picture[100, 400, 0]) - 30) <= 2
    keyframes, arrows = markers[0].markers[0], markers[1].markers
    assert keyframes.type == Marker.POINTS and len(keyframes.points) == 4
    assert arrows[0].pose.position.x == 50 and arrows[0].color.g > arrows[0].color.r
    assert [m.action for m in arrows] == [Marker.ADD] + 4 * [Marker.DELETE]
    running.show(5, 3)
    running.until(lambda: len(markers) == 3 and len(pictures) == 2)
    assert markers[2].markers[0].color.r > markers[2].markers[0].color.g, 'not accepted, and no map points again'
    running.show(0, 4)
    running.until(lambda: len(pictures) == 3)
    assert not image_from_message(pictures[2])[:240].any()


def test_frames_that_were_not_accepted_can_be_kept(bench, tmp_path):
    running = bench(map='street.dvmap', rejected_frames=str(tmp_path / 'ring'))
    running.activate()
    heard = running.hear(HypothesisArray, 'relocalize/hypotheses')
    for second, brightness in enumerate((50, 5, 60), 1):
        running.show(brightness, second * SECOND)
        running.until(lambda: len(heard) == second, 'the answer')
    running.until(lambda: list((tmp_path / 'ring').iterdir()), 'the frame')
    assert [path.name for path in (tmp_path / 'ring').iterdir()] == ['0000000002000000000_unknown_place.jpg']


def test_a_folder_for_frames_that_cannot_be_made_is_said(bench, tmp_path):
    (tmp_path / 'file').write_text('')
    running = bench(rejected_frames=str(tmp_path / 'file' / 'ring'))
    assert running.change('configure') and not running.change('activate') and running.state == 'inactive'
    assert 'rejected frames cannot be kept' in running.node.problem


def test_stop_while_frames_come(bench):
    running = bench(max_rate=1000)
    running.activate()
    for number in range(50):
        running.show(50, number)
    assert running.change('deactivate') and running.change('cleanup')
    before = running.node.statistics.processed
    running.idle(0.1)
    assert running.node.statistics.processed == before, 'what still waited is not worked on'
