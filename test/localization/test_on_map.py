"""Is the robot on the map? What frames say about that adds up, but not as if each knew nothing of the others."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu_ros.localization.model import OnMapModel
from dejavu_ros.localization.on_map import OnMapChain, logistic, logit

MODEL = OnMapModel()
AHEAD = np.array([0, 0, 0, 1.0])
EXPECTED = MODEL.by_chance  # how well frames are predicted of which that says nothing


class Drive:
    """A robot that is held to go on by 2 m a frame."""

    def __init__(self):
        self.chain, self.places = OnMapChain(), itertools.count(0.0, 2.0)

    def see(self, evidence, position=None, predicted=EXPECTED, **how):
        position = np.array([next(self.places) if position is None else position, 0, 0])
        return self.chain.update(evidence, position, AHEAD, predicted=predicted, **how)


def after(*evidence, **how):
    drive = Drive()
    for number in evidence:
        drive.see(number, **how)
    return drive.chain.probability


def test_nothing_is_known_at_first_and_evidence_adds_up():
    assert OnMapChain().probability == MODEL.prior
    assert after(1.0) == pytest.approx(logistic(1.0))
    assert after(1.0) < after(1.0, 1.0) < after(1.0, 1.0, 1.0)
    assert after(-1.0) > after(-1.0, -1.0)


def test_a_later_frame_counts_less_than_the_first_and_the_same_view_for_nothing():
    assert after(1.0, 1.0) < logistic(2.0)
    drive = Drive()
    drive.see(1.0)
    before = drive.chain.log_odds
    drive.see(2.5, novelty=0.0)
    assert drive.chain.log_odds == pytest.approx(before)


def test_two_looks_at_one_place_err_alike_but_doubt_counts_wherever_the_robot_is():
    drive = Drive()
    drive.see(1.0, position=0)
    before = drive.see(1.0, position=0)
    assert before == pytest.approx(logistic(1.0), abs=0.01)
    assert drive.see(1.0, position=MODEL.step) > before + 0.05
    doubted = drive.chain.probability
    assert drive.see(-2.0, position=MODEL.step) < doubted - 0.05


def test_to_and_fro_between_two_places_is_one_look_at_each():
    drive = Drive()
    for place in (0, 1) * 5:
        drive.see(0.5, position=place, predicted=4.0)
    there = drive.chain.log_odds
    for place in range(2, 12):
        drive.see(0.5, position=place, predicted=4.0)
    assert drive.chain.log_odds - there > 4 > there


def test_a_turn_on_the_spot_shows_new_views_too():
    standing, turning = OnMapChain(), OnMapChain()
    for degrees in (0, 40, 80):
        standing.update(1.0, np.zeros(3), AHEAD, predicted=EXPECTED)
        half = np.radians(degrees) / 2
        turning.update(1.0, np.zeros(3), np.array([0, 0, np.sin(half), np.cos(half)]), predicted=EXPECTED)
    assert turning.log_odds > standing.log_odds + 0.5


def test_places_that_the_frames_before_have_predicted_speak_for_the_map_and_jumps_against_it():
    assert after(*[-1.0] * 10, predicted=4.0) > 0.9
    assert after(*[-1.0] * 10, predicted=EXPECTED) < 0.1
    assert after(*[0.5] * 10, predicted=-2.0) < 0.5 < after(*[0.5] * 10, predicted=EXPECTED)


def test_one_frame_is_not_far_ahead_of_those_before_it():
    drive = Drive()
    for _ in range(10):
        drive.see(-3.0)
    assert drive.see(20.0) < 0.5


def test_a_long_stay_does_not_make_blind():
    drive = Drive()
    for _ in range(1000):
        drive.see(MODEL.ceiling)
    left = [drive.see(MODEL.floor) for _ in range(8)]
    assert left[-1] < 0.1


def test_one_frame_says_no_more_than_the_ceiling():
    assert after(1e6) == pytest.approx(logistic(MODEL.ceiling + MODEL.ahead))
    assert after(-1e6) == pytest.approx(logistic(MODEL.floor))


def test_who_drove_off_the_map_is_off_it():
    drive = Drive()
    for _ in range(5):
        drive.see(2.0)
    assert drive.see(-1.0, departed=1.0) < 0.01


def test_a_prior_from_elsewhere_is_taken_until_it_is_forgotten():
    chain = OnMapChain()
    chain.reset(0.9)
    assert chain.probability == pytest.approx(0.9)
    chain.reset()
    assert chain.probability == pytest.approx(MODEL.prior)


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1), st.floats(0, 1), st.floats(-30, 30),
                          st.floats(-1e6, 1e6)), max_size=40))
def test_it_stays_a_probability(frames):
    drive = Drive()
    for evidence, novelty, departed, predicted, position in frames:
        seen = drive.see(evidence, position, predicted, novelty=novelty, departed=departed)
        assert 0 <= seen <= 1


@given(st.floats(1e-9, 1 - 1e-9))
def test_log_odds_and_back(probability):
    assert logistic(logit(probability)) == pytest.approx(probability, abs=1e-9)
