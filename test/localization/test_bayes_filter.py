"""What robots do to a belief: carried off, standing, backing up, going round, losing frames, odometry and the clock.

A frame is its log-odds over the keyframes, made from where the robot is: no image and no checkpoint is needed.
"""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.geometry import Pose
from dejavu_ros.localization import LocalizerConfig
from dejavu_ros.localization.bayes_filter import DiscreteBayesFilter, novelty

SECOND = 10**9
LENGTH = 300


class Road:
    """Keyframes a metre apart along a straight road, or round a loop; frames seen from ``s`` metres along it."""

    def __init__(self, is_loop=False, twin=0.0):
        self.way = np.arange(LENGTH)
        self.radius = LENGTH / 2 / np.pi if is_loop else 0.0
        self.poses = [self.pose(s) for s in self.way]
        self.twin = twin  # metres on which another place looks the same
        self.rng = np.random.default_rng(0)

    def pose(self, s, turn=0.0):
        if not self.radius:
            return Pose.planar(s, 0, turn)
        angle = s / self.radius
        return Pose.planar(self.radius * np.sin(angle), self.radius * (1 - np.cos(angle)), angle + turn)

    def filter(self, **settings):
        return DiscreteBayesFilter(np.array([pose.position for pose in self.poses]),
                              np.array([pose.quaternion for pose in self.poses]), LocalizerConfig(**settings))

    def frame(self, s, strength=12.0, noise=0.4):
        """Log-odds (K,): about -3 elsewhere, ``strength`` above that at ``s``."""
        off = np.abs(self.way - s)
        if self.radius:
            off = np.minimum(off, LENGTH - off)
        peak = np.exp(-(off / 2.5)**2 / 2)
        if self.twin:
            peak = np.maximum(peak, np.exp(-((np.abs(self.way - s) - self.twin) / 2.5)**2 / 2))
        # a place's neighbours resemble a frame alike, so what a frame says of them errs alike
        smooth = np.convolve(self.rng.normal(size=LENGTH + 8), np.ones(9) / 3, 'valid')
        return -3 + strength * peak + noise * smooth


def share(belief, s, radius=5.0):
    """Belief in the keyframes within ``radius`` metres of ``s``."""
    return float(belief[np.abs(np.arange(LENGTH) - s) <= radius].sum())


@pytest.fixture
def road():
    return Road()


def odometry_of(s, origin=Pose.planar(70, -20, 2.0)):
    """Where odometry, which began elsewhere, says the robot is."""
    return origin @ Pose.planar(s, 0, 0)


@pytest.mark.parametrize('with_odometry', [True, False])
@pytest.mark.parametrize('speed', [6.0, -6.0, 0.5])
def test_driving_on_driving_backwards_and_creeping_add_up(road, with_odometry, speed):
    filter, start = road.filter(), 150.0
    shares = []
    for tick in range(12):
        s = start + speed * tick / 4
        belief = filter.update(road.frame(s, 5.0), tick * SECOND // 4, odometry_of(s) if with_odometry else None).belief
        shares.append(share(belief, s))
    assert shares[-1] > 0.8 and shares[-1] > shares[0] + 0.1


@pytest.mark.parametrize('with_odometry', [True, False])
@pytest.mark.parametrize('stamp_of', [lambda tick: 0, lambda tick: tick // 4 * SECOND,
                                      lambda tick: tick // 2 * SECOND // 2],
                         ids=['none', 'whole seconds', 'pairs'])
def test_stamps_that_come_again_do_not_hold_the_robot(road, with_odometry, stamp_of):
    """As drivers have them that do not stamp, or with whole seconds: 12 m/s at 4 Hz."""
    filter, found = road.filter(), 0
    for tick in range(64):
        s = 20 + 3 * tick
        belief = filter.update(road.frame(s), stamp_of(tick), odometry_of(s) if with_odometry else None).belief
        found += share(belief, s) > 0.9
    assert found >= 56


@pytest.mark.parametrize('with_odometry', [True, False])
def test_pictures_that_come_twice_do_no_harm(road, with_odometry):
    filter, found = road.filter(), 0
    for tick in range(64):
        s = 20 + 3 * (tick // 2)
        if tick % 2 == 0:
            frame = road.frame(s)
        odometry = odometry_of(s) if with_odometry else None
        belief = filter.update(frame, tick // 2 * SECOND // 4, odometry).belief
        found += share(belief, s) > 0.9
    assert found >= 56


@pytest.mark.parametrize('step', [0.4, 0.9])
def test_short_steps_add_up_while_frames_speak_of_elsewhere(road, step):
    """Such a frame counts before the robot has gone far enough to be moved; the way there must not be forgotten."""
    filter = road.filter()
    for tick in range(4):
        filter.update(road.frame(100 + 3 * tick), tick * SECOND // 2, odometry_of(100 + 3 * tick))
    for tick in range(25):
        s, frame = 109 + step * tick, np.zeros(LENGTH)
        frame[37 * tick % LENGTH] = 3.5
        belief = filter.update(frame, (20 + tick) * SECOND // 10, odometry_of(s)).belief
    assert road.poses[int(belief.argmax())].position[0] == pytest.approx(s, abs=3.0)


def test_between_keyframes_the_robot_is_ahead_of_the_belief(road):
    filter, off = road.filter(), []
    for tick in range(40):
        s = 100 + 0.3 * tick
        belief = filter.update(road.frame(s, noise=0.1), tick * SECOND // 15, odometry_of(s)).belief
        off.append(belief @ road.way + filter.ahead(odometry_of(s)).position[0] - s)
    assert np.abs(off[5:]).max() < 0.3
    assert np.allclose(filter.ahead(None).matrix, np.eye(4))


@pytest.mark.parametrize('with_odometry', [True, False])
def test_standing_still_the_same_view_again_proves_nothing_new(road, with_odometry):
    filter = road.filter()
    frame = road.frame(80, 5.5)
    beliefs = [filter.update(frame + 0.02 * road.rng.normal(size=LENGTH), tick * SECOND // 15,
                             odometry_of(80) if with_odometry else None).belief for tick in range(150)]
    first, last = share(beliefs[0], 80), share(beliefs[-1], 80)
    assert 0.5 < first < 0.95 and abs(last - first) < 0.1


def test_a_faster_camera_is_hardly_more_certain(road):
    """Fifteen times the frames of one stretch of road are not fifteen times the evidence."""
    certainty = []
    for rate in (2, 30):
        filter = road.filter()
        for tick in range(rate + 1):
            s = 100 + 6 * tick / rate
            belief = filter.update(road.frame(s, 7.0, 0.0), tick * SECOND // rate, odometry_of(s)).belief
        certainty.append(np.log(share(belief, 106) / (1 - share(belief, 106))))
    assert 0 < certainty[0] and certainty[1] < 3 * certainty[0]


@pytest.mark.parametrize('with_odometry', [True, False])
def test_a_carried_robot_is_found_again_within_a_few_frames(road, with_odometry):
    filter = road.filter()
    for tick in range(10):
        filter.update(road.frame(30 + tick), tick * SECOND // 2, odometry_of(tick) if with_odometry else None)
    found = []
    for tick in range(10, 20):  # the wheels did not turn while it was carried
        s = 250 + (tick - 10)
        odometry = odometry_of(tick - 1) if with_odometry else None
        belief = filter.update(road.frame(s), tick * SECOND // 2, odometry).belief
        found.append(share(belief, s))
    assert found[0] < 0.9, 'one frame is not enough to leave a place that many have shown'
    assert min(found[5:]) > 0.9


def test_a_carried_robot_that_stands_is_found_again_too(road):
    filter = road.filter()
    for tick in range(10):
        filter.update(road.frame(30 + tick), tick * SECOND // 2, odometry_of(tick))
    shares = [share(filter.update(road.frame(250), tick * SECOND // 2, odometry_of(9)).belief, 250)
              for tick in range(10, 16)]
    assert max(shares) > share(filter.belief, 39)


@pytest.mark.parametrize('with_odometry', [True, False])
def test_going_round_a_loop_never_loses_the_robot(with_odometry):
    road = Road(is_loop=True)
    filter, origin = road.filter(), Pose.planar(5, 5, 1)
    for tick in range(0, LENGTH + 60, 6):
        s = tick % LENGTH
        odometry = origin @ road.pose(tick) if with_odometry else None
        belief = filter.update(road.frame(s), tick * SECOND // 12, odometry).belief
        off = np.minimum(np.abs(road.way - s), LENGTH - np.abs(road.way - s))
        assert belief[off <= 5].sum() > 0.9


def behind(road, filter, start, speed, ticks):
    """Metres that the belief's mean lies behind a robot without odometry that is seen seven times a second, in the end.
    """
    for tick in range(ticks):
        s = start + speed * tick / 7
        belief = filter.update(road.frame(s, 6.0), tick * SECOND // 7).belief
    return (s - belief @ road.way) * np.sign(speed)


@pytest.mark.parametrize('speed', [6.0, -4.0])
def test_without_odometry_the_belief_keeps_up_with_a_steady_robot(speed):
    assert abs(np.mean([behind(Road(), Road().filter(), 150.0, speed, ticks) for ticks in range(60, 90, 3)])) < 0.5


def test_without_odometry_a_robot_that_stops_is_not_carried_on(road):
    filter = road.filter()
    behind(road, filter, 100.0, 6.0, 50)
    stopped = road.frame(142)
    for tick in range(50, 100):
        belief = filter.update(stopped + 0.02 * road.rng.normal(size=LENGTH), tick * SECOND // 7).belief
    assert share(belief, 142, 3) > 0.95


def test_two_places_alike_are_told_apart_by_the_way_there():
    """Street 150 to 200 looks like 50 to 100; only the robot that came from 30 knows which one it is in."""
    road = Road()
    filter, lost = road.filter(), road.filter()
    for tick, s in enumerate(range(30, 95, 3)):
        road.twin = 100.0 if s > 48 else 0.0
        belief = filter.update(road.frame(s), tick * SECOND // 2, odometry_of(s)).belief
        if s > 48:
            without = lost.update(road.frame(s), tick * SECOND // 2, odometry_of(s)).belief
    assert share(belief, 93) > 0.9
    assert share(without, 93) < 0.9 and share(without, 193) < 0.9


@pytest.mark.parametrize('with_odometry', [True, False])
def test_dropped_frames_cost_little(road, with_odometry):
    filter = road.filter()
    for tick in [0, 1, 2, 3, 10, 11, 12]:  # 3.5 s without a frame, 21 m
        s = 100 + 3 * tick
        belief = filter.update(road.frame(s), tick * SECOND // 2, odometry_of(s) if with_odometry else None).belief
        if tick == 10:
            assert share(belief, s) > 0.9
    assert share(belief, s) > 0.95


def test_odometry_bridges_a_gap_that_would_forget_without_it(road):
    for odometry, remembered in ((odometry_of(160), True), (None, False)):
        filter = road.filter()
        for tick in range(4):
            filter.update(road.frame(100 + 3 * tick), tick * SECOND // 2, odometry_of(100 + 3 * tick))
        belief = filter.update(np.zeros(LENGTH), 30 * SECOND, odometry).belief
        assert (share(belief, 160, 15) > 0.5) is remembered


@pytest.mark.parametrize('jump', [Pose.planar(400, 0, 0), Pose.planar(-40, 30, 2)])
def test_odometry_that_jumps_is_not_followed(road, jump):
    filter = road.filter()
    for tick in range(10):
        s = 100 + 3 * tick
        odometry = odometry_of(s) if tick < 5 else jump @ odometry_of(s)  # it began anew, somewhere else
        belief = filter.update(road.frame(s), tick * SECOND // 2, odometry).belief
        assert tick < 2 or share(belief, s) > 0.9


def test_odometry_that_begins_anew_while_the_robot_stands_is_not_followed_later(road):
    filter, frame = road.filter(), road.frame(100)
    for tick in range(100):
        odometry = odometry_of(100) if tick < 3 else Pose.planar(0, 0, 0)
        filter.update(frame, tick * SECOND, odometry)
    belief = filter.update(road.frame(103), 100 * SECOND, Pose.planar(3, 0, 0)).belief
    assert share(belief, 103) > 0.9


def test_odometry_that_comes_and_goes(road):
    filter = road.filter()
    for tick in range(12):
        s = 100 + 3 * tick
        belief = filter.update(road.frame(s), tick * SECOND // 2, odometry_of(s) if tick % 3 else None).belief
        assert tick < 2 or share(belief, s) > 0.9


@pytest.mark.parametrize('to', [-3600.0, 3600.0])
def test_a_clock_that_jumps_or_a_simulation_that_begins_anew_forgets_the_past(road, to):
    filter = road.filter()
    for tick in range(6):
        filter.update(road.frame(100 + 3 * tick), 5000 * SECOND + tick * SECOND // 2)
    belief = filter.update(road.frame(250), round((5000 + to) * SECOND)).belief
    fresh = road.filter().update(road.frame(250), 0).belief
    assert share(belief, 250) == pytest.approx(share(fresh, 250), abs=0.1) and share(belief, 250) > 0.8
    belief = filter.update(road.frame(253), round((5000.5 + to) * SECOND)).belief
    assert share(belief, 253) > 0.9


def test_a_clock_that_stands_still_does_not_stop_the_robot(road):
    """As with use_sim_time before the first message on /clock."""
    filter = road.filter()
    for s in range(100, 130):
        belief = filter.update(road.frame(s), 0).belief
    assert share(belief, 129) > 0.9


def test_a_frame_that_is_a_little_late_forgets_nothing(road):
    filter = road.filter()
    for stamp in (0.0, 0.5, 1.0, 0.9, 1.5, 1.4, 2.0):
        s = 100 + 6 * stamp
        belief = filter.update(road.frame(s, 10.0), round(stamp * SECOND), odometry_of(s)).belief
    assert share(belief, 112) > 0.95


def test_several_cameras_know_more_than_one(road):
    """Each alone sees too little; what they say of the same moment counts from both."""
    def drive(cameras):
        filter = road.filter()
        for tick in range(4):
            s = 100 + 3 * tick
            for camera in cameras:
                belief = filter.update(road.frame(s, 3.0), tick * SECOND // 2, odometry_of(s), camera).belief
        return share(belief, s)

    assert drive(['front', 'left', 'right']) > drive(['front'])
    filter, shares = road.filter(), []
    for tick in range(60):  # but two that stand still do not talk each other into certainty
        for camera in ('front', 'left'):
            road.rng = np.random.default_rng(len(camera))
            belief = filter.update(road.frame(80, 5.0), tick * SECOND // 10, odometry_of(80), camera).belief
            shares.append(share(belief, 80))
    assert shares[0] < shares[1] < 0.99 and shares[-1] == pytest.approx(shares[1], abs=0.01)


def test_who_drives_off_the_map_has_departed(road):
    """By odometry alone, whatever the frames show; and the filter goes on with what is left."""
    filter, departed = road.filter(), []
    for tick in range(8):
        s = 265 + 9 * tick
        frame = road.frame(s) if s < LENGTH else np.zeros(LENGTH)
        departed.append(filter.update(frame, tick * SECOND, odometry_of(s)).departed)
    assert max(departed[:4]) < 0.1 and max(departed) > 0.5
    assert filter.belief.sum() == pytest.approx(1)


def test_novelty_is_nothing_for_the_same_and_all_for_another_place(road):
    a, b = road.frame(50, noise=0.0), road.frame(200, noise=0.0)
    assert novelty(a, a) == pytest.approx(0, abs=1e-6) and novelty(a, b) > 0.95 and novelty(a, None) == 1
    assert 0.2 < novelty(a, road.frame(51.5, noise=0.0)) < 0.9
    assert novelty(np.zeros(50), a[:50]) == 1 and novelty(a[:3], a[:3]) == 1  # nothing can be said


def test_the_belief_of_a_large_map_adds_up():
    """20 sessions of one road, 12,000 keyframes, and a belief that is still everywhere."""
    way = np.tile(np.arange(600.0), 20)
    positions = np.stack([way, np.repeat(np.arange(20), 600) * 0.1, np.zeros(len(way))], 1)
    quaternions = np.tile(Rotation.identity().as_quat(), (len(way), 1))
    rng = np.random.default_rng(0)
    for odometry in (None, Pose.planar(0, 0, 0)):
        filter = DiscreteBayesFilter(positions, quaternions, LocalizerConfig())
        filter.update(rng.normal(size=len(way)), 0, odometry)
        belief = filter.update(rng.normal(size=len(way)), SECOND // 2, odometry and Pose.planar(3, 0, 0)).belief
        assert belief.sum() == pytest.approx(1) and (belief >= 0).all()
