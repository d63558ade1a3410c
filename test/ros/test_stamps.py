"""Stamps that cannot be times of now are told, without ROS."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.ros.stamps import SECOND, ClockChecker, StampChecker, Throttle, duration

NOW = 1_900_000_000 * SECOND
DAY = 86400 * SECOND
BOOT = 4321 * SECOND


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def said(stamps, nows):
    """What a checker says after messages with these stamps, and what it made of them."""
    checker = StampChecker('/image')
    used = [checker.take(stamp, now) for stamp, now in zip(stamps, nows)]
    return checker.problem, used


def stream(first, count=5, step=SECOND // 10):
    return [first + number * step for number in range(count)]


@pytest.mark.parametrize('delay', [0, SECOND // 20, SECOND // 2, -SECOND // 10])
def test_good_stamps_are_used_and_nothing_is_said(delay):
    stamps = stream(NOW)
    assert said(stamps, [stamp + delay for stamp in stamps]) == ('', [(stamp, 0) for stamp in stamps])


def test_zero_is_no_time_and_the_arrival_counts():
    problem, used = said([0] * 5, stream(NOW))
    assert problem == 'messages on /image are stamped 0: the time of their arrival is used instead'
    assert used == [(now, 0) for now in stream(NOW)]
    assert said([-5], [NOW])[1] == [(NOW, 0)]
    assert said([0], [0])[1][0][0] > 10**18, 'without any clock there is still the wall clock'


@pytest.mark.parametrize('stamps, words', [
    (stream(BOOT), 'are stamped 4321 s after 1970: time since boot'),
    (stream(NOW - 400 * DAY), 'are stamped 1.1 years ago: a recording without its clock'),
    (stream(NOW - 2 * SECOND, step=0), 'arrive 2.0 s after their stamps'),
    (stream(NOW + 90 * SECOND, step=0), 'are stamped 1.5 minutes ahead'),
    (stream(NOW + 3 * DAY), 'are stamped 3.0 days ahead'),
    (stream(NOW, step=0), 'have the same stamp again and again')])
def test_stamps_that_cannot_be_are_used_and_said(stamps, words):
    problem, used = said(stamps, [NOW] * len(stamps))
    assert words in problem and [stamp for stamp, _ in used] == stamps


@pytest.mark.parametrize('rate', [2, 5, 15])
def test_stamps_of_whole_seconds_are_said_all_the_time(rate):
    checker, problems = StampChecker('/image'), []
    for arrival in stream(NOW, 60, SECOND // rate):
        checker.take(arrival - arrival % SECOND, arrival)
        problems.append(checker.problem)
    assert all('the same stamp again and again' in problem for problem in problems[12:])


def test_times_of_a_simulation_are_right_under_its_clock():
    assert said(stream(BOOT), stream(BOOT))[0] == ''
    assert 'ahead of the clock of the node' in said(stream(NOW), stream(BOOT))[0], 'a live camera beside a simulator'
    assert said(stream(NOW), [0] * 5)[0] == '', 'nothing to compare with: the clock itself is spoken of'


def test_a_hiccup_is_not_spoken_of():
    assert said([NOW] + stream(NOW, 1), [NOW, NOW + 3 * SECOND])[0] == ''
    assert said([NOW, NOW], [NOW, NOW])[0] == '', 'a message that comes twice'


def test_a_step_back_is_told_once():
    checker = StampChecker('/image')
    for stamp in stream(NOW, 200):
        assert checker.take(stamp, stamp) == (stamp, 0)
    assert checker.take(NOW, NOW) == (NOW, 199 * SECOND // 10)
    assert checker.take(NOW + 1, NOW + 1) == (NOW + 1, 0)


def test_out_of_order_by_little_is_no_step_back():
    _, used = said([NOW, NOW - SECOND // 3, NOW + SECOND], [NOW] * 3)
    assert [back for _, back in used] == [0, 0, 0]


def test_messages_with_and_without_stamps_in_turns_are_no_steps_back():
    _, used = said([0, BOOT, 0, BOOT + SECOND], stream(NOW))
    assert [back for _, back in used] == [0] * 4
    assert said([0, SECOND // 10], [0, SECOND // 10])[1][1] == (SECOND // 10, 0), 'the first picture of a simulation'


def test_after_time_began_anew_nothing_is_a_step_back():
    checker = StampChecker('/image')
    checker.take(NOW, NOW)
    checker.forget()
    assert checker.take(BOOT, BOOT) == (BOOT, 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-2**31 * SECOND, 2**31 * SECOND), st.integers(0, 2**31 * SECOND)), max_size=20))
def test_whatever_comes_is_answered(messages):
    checker = StampChecker('/image')
    for stamp, now in messages:
        used, back = checker.take(stamp, now)
        assert used > 0 and back >= 0 and isinstance(checker.problem, str)
        assert used == stamp or stamp <= 0


def test_a_clock_that_stands_still():
    clock = Clock()
    checker = ClockChecker(clock)
    for now_ns, seconds, silence in ((0, 1, 0), (0, 7, 7), (5, 0, 0), (5, 3, 3), (6, 1, 0)):
        clock.now += seconds
        assert checker.silence(now_ns) == silence


def test_throttle():
    clock = Clock()
    throttle = Throttle(30.0, clock)
    assert throttle.due('tf') and not throttle.due('tf') and throttle.due('clock')
    assert throttle.due('no image on /camera1 for 6 s') and throttle.due('no image on /camera2 for 6 s')
    clock.now += 20
    assert not throttle.due('no image on /camera1 for 26 s') and not throttle.due('no image on /camera2 for 26.5 s')
    clock.now += 11
    assert throttle.due('tf') and throttle.due('no image on /camera1 for 37 s')


@pytest.mark.parametrize('seconds, words', [(0.5, '0.5 s'), (90, '1.5 minutes'), (7200, '2.0 hours'),
                                            (86400 * 3, '3.0 days'), (86400 * 800, '2.2 years')])
def test_durations_in_words(seconds, words):
    assert duration(int(seconds * SECOND)) == words
