"""Is the robot on the map? What frames say about that adds up, but not as if each knew nothing of the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dejavu_ros.localization.model import OnMapModel
from dejavu_ros.localization.on_map import OnMapChain, logistic, logit

MODEL = OnMapModel()


def after(*evidence, **how):
    chain = OnMapChain()
    for number in evidence:
        chain.update(number, **how)
    return chain.probability


def test_nothing_is_known_at_first_and_evidence_adds_up():
    assert OnMapChain().probability == MODEL.prior
    assert after(1.0) == pytest.approx(logistic(1.0))
    assert after(1.0) < after(1.0, 1.0) < after(1.0, 1.0, 1.0)
    assert after(-1.0) > after(-1.0, -1.0)


def test_a_later_frame_counts_less_than_the_first_and_the_same_view_for_nothing():
    assert after(1.0, 1.0) < logistic(2.0)
    chain = OnMapChain()
    chain.update(1.0)
    before = chain.probability
    assert chain.update(2.5, novelty=0.0) == pytest.approx(before)


def test_two_looks_at_one_place_err_alike_but_doubt_counts_wherever_the_robot_is():
    chain = OnMapChain()
    chain.update(1.0)
    before = chain.probability
    assert chain.update(2.5, travelled=0.0) == pytest.approx(before, abs=0.01)
    assert chain.update(2.5, travelled=MODEL.step) > before + 0.05
    doubted = chain.probability
    assert chain.update(-2.0, travelled=0.0) < doubted - 0.05


def test_a_long_stay_does_not_make_blind():
    chain = OnMapChain()
    for _ in range(1000):
        chain.update(MODEL.ceiling)
    left = [chain.update(MODEL.floor) for _ in range(8)]
    assert left[-1] < 0.1


def test_one_frame_says_no_more_than_the_ceiling():
    assert after(1e6) == pytest.approx(logistic(MODEL.ceiling))
    assert after(-1e6) == pytest.approx(logistic(MODEL.floor))


def test_who_drove_off_the_map_is_off_it():
    chain = OnMapChain()
    for _ in range(5):
        chain.update(2.0)
    assert chain.update(0.0, departed=1.0) < 0.01


def test_a_prior_from_elsewhere_is_taken_until_it_is_forgotten():
    chain = OnMapChain()
    chain.reset(0.9)
    assert chain.probability == pytest.approx(0.9)
    chain.reset()
    assert chain.probability == pytest.approx(MODEL.prior)


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1), st.floats(0, 1)), max_size=40))
def test_it_stays_a_probability(frames):
    chain = OnMapChain()
    for evidence, novelty, departed in frames:
        assert 0 <= chain.update(evidence, novelty, departed) <= 1


@given(st.floats(1e-9, 1 - 1e-9))
def test_log_odds_and_back(probability):
    assert logistic(logit(probability)) == pytest.approx(probability, abs=1e-9)
