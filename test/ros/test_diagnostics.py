"""What an operator reads when the robot is, or is not, localized."""

import time

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402

from dejavu_ros.localization import Estimate  # noqa: E402
from dejavu_ros.ros.diagnostics import Condition, Statistics, make_status, memory  # noqa: E402
from dejavu_ros.ros.watch import Watch  # noqa: E402


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(clock):
    return Watch(clock)


@pytest.fixture
def condition(watch):
    def make(**changes):
        return Condition(**{**dict(active=True, problem='', warning='', watches={'/cam': watch}, pose_timeout=5.0,
                                   dropped=0), **changes})
    return make


def answered(reason='', latency_ms=10.0):
    return Estimate(0, not reason, reason, [], latency_ms, 'words')


def read(statistics, state):
    status = make_status(statistics, state, '/ns/relocalize', 'front', {'map': 'M'})
    return status.level, status.message, {pair.key: pair.value for pair in status.values}


@pytest.mark.parametrize('changes, level, message', [
    (dict(problem='Cannot configure: no map\nthere'), DiagnosticStatus.ERROR,
     'Not localized! Cannot configure: no map there'),
    (dict(active=False, watches={}), DiagnosticStatus.WARN, 'Not localized! The node is not active.'),
    (dict(), DiagnosticStatus.WARN, 'Not localized! No frame has been processed yet.')])
def test_before_the_first_frame(clock, condition, changes, level, message):
    assert read(Statistics(clock), condition(**changes))[:2] == (level, message)


def test_localized_and_not(clock, watch, condition):
    statistics = Statistics(clock)
    watch.count(bytes(9))
    statistics.count_processed(answered())
    assert read(statistics, condition())[:2] == (DiagnosticStatus.OK, 'Localized.')
    level, message, _ = read(statistics, condition(warning='odometry is late'))
    assert level == DiagnosticStatus.WARN and message == 'Localized. But odometry is late'
    clock.now += 4
    watch.count(bytes(9))
    statistics.count_processed(answered('ambiguous'))
    assert read(statistics, condition())[1] == 'Localized.'
    clock.now += 4
    assert read(statistics, condition())[:2] == (DiagnosticStatus.WARN, 'Not localized! ambiguous: words.')
    assert read(statistics, condition(warning='No odometry.'))[1] == 'Not localized! ambiguous: words. No odometry.'
    assert read(statistics, condition(warning='many words.'))[1] == 'Not localized! ambiguous. many words.'
    clock.now += 4
    level, message, _ = read(statistics, condition())
    assert level == DiagnosticStatus.ERROR and 'No image on /cam for 8 s' in message


def test_one_lost_picture_is_not_spoken_of(watch):
    for _ in range(5):
        watch.count(bytes(9))
    watch.count_lost(1)
    assert watch.share == 1
    watch.count_lost(1)
    assert watch.share == pytest.approx(5 / 7)


def test_forgotten_pose(clock, watch, condition):
    statistics = Statistics(clock)
    watch.count(bytes(9))
    statistics.count_processed(answered())
    statistics.forget_pose()
    assert 'Not localized!' in read(statistics, condition())[1]


def test_figures(clock, watch, condition):
    statistics = Statistics(clock)
    for number in range(101):
        clock.now += 0.125
        watch.count(bytes(9))
        statistics.count_processed(answered('bad_image' if number < 3 else '', float(number)))
    statistics.count_failed()
    values = read(statistics, condition(dropped=7))[2]
    assert values['node'] == '/ns/relocalize' and values['map'] == 'M'
    assert (values['frames received'], values['frames processed'], values['frames bad']) == ('101', '101', '3')
    assert (values['frames dropped'], values['frames failed'], values['frames accepted']) == ('7', '1', '98')
    assert (values['latency p50 [ms]'], values['latency p99 [ms]']) == ('50.0', '99.0')
    assert values['input rate [Hz]'] == values['output rate [Hz]'] == '8.0'


def test_memory(monkeypatch):
    import torch

    assert 10 < memory('cpu') < 1e6
    monkeypatch.setattr(torch.cuda, 'memory_allocated', lambda device: {'cuda:1': 3 * 2**20}[device])
    assert memory('cuda:1') == 3


def test_published_once_a_second_whatever_the_state(bench):
    running = bench(namespace='robot1', map='missing.dvmap', camera='front', use_sim_time=True)  # and no /clock
    heard = running.hear(DiagnosticArray, '/diagnostics')
    status = running.until(lambda: heard, timeout=3)[-1].status[0]
    assert status.name == '/robot1/relocalize: relocalization' and status.hardware_id == 'front'
    assert status.message == 'Not localized! The node is not active.'
    assert not running.change('configure')
    running.until(lambda: heard[-1].status[0].level == DiagnosticStatus.ERROR, timeout=3)
    assert 'missing.dvmap' in heard[-1].status[0].message
    assert running.set(map='street.dvmap').successful
    running.activate()
    running.show(50, 1, topic='/robot1/image')
    running.until(lambda: 'Localized. But use_sim_time is on, but no time comes on /clock: nobody publishes it'
                  in heard[-1].status[0].message, timeout=5)
    assert abs(heard[-1].header.stamp.sec - time.time()) < 60, 'dated, though the clock stands at 0'
    values = {pair.key: pair.value for pair in heard[-1].status[0].values}
    assert values['map'] == 'street.dvmap' and values['map revision'] == '1' and values['checkpoint'] == 'abcdefabcdef'
    count = len(heard)
    running.idle(2.2)
    assert count + 1 <= len(heard) <= count + 3
