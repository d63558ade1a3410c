"""A score counts by how far it stands above what unrelated places score, whatever the raw scale is."""

import numpy as np
import pytest

from dejavu_ros.errors import ConfigError
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.background import (
    BackgroundModel,
    agreement_of_unrelated,
    background,
    elsewhere,
    lead_of_neighbours,
)
from dejavu_ros.localization.model import EvidenceModel
from dejavu_ros.localization.observation import Calibration, leading, observe, standardise
from dejavu_ros.localization.places import Neighbourhoods
from dejavu_ros.localization.verification import UsualView

CALIBRATION = Calibration(sharpness=2.0, variation=0.0, mean=0.25, deviation=0.02)
MODEL = EvidenceModel()
COUNT, TRUTH, HUB = 400, 100, 300


# keyframes stand in a row; five to each side are neighbours, twice as many of one surrounding
STREET = Neighbourhoods(np.outer(np.arange(COUNT), [1.0, 0, 0]), np.tile([0, 0, 0, 1.0], (COUNT, 1)), LocalizerConfig())
far_from = STREET.far_from


def seen(scores, calibration=CALIBRATION, agreeing=lambda row: 0.0, support=1000.0, agreement=(0.1, 0.05)):
    """A frame with these scores, in a map without hubs."""
    model = BackgroundModel(np.full(COUNT, 0.25), np.full(COUNT, support), *agreement)
    return observe(scores, model, STREET, calibration, agreeing, MODEL)


@pytest.fixture
def scores():
    """(K,) similarities of a query at TRUTH with a map of unrelated places."""
    values = np.random.default_rng(0).normal(0.25, 0.02, COUNT)
    values[TRUTH] = 0.25 + 0.02 * 8
    return values


def test_a_keyframe_that_resembles_everything_does_not_win(scores):
    references = np.random.default_rng(1).normal(0.25, 0.02, (32, COUNT))
    references[:, HUB] += 0.3
    scores[HUB] += 0.3
    assert scores.argmax() == HUB
    hubs = background(references, np.full(references.shape, True), CALIBRATION.mean)
    assert standardise(scores, hubs, far_from, CALIBRATION).argmax() == TRUTH


def test_images_of_its_own_place_do_not_make_a_keyframe_a_hub():
    references = np.full((32, 3), 0.25)
    references[:8, 1] = 0.9
    unrelated = np.full(references.shape, True)
    unrelated[:8, 1] = False
    np.testing.assert_allclose(background(references, unrelated, CALIBRATION.mean), 0.25)


def test_one_reference_that_happens_to_look_alike_does_not_make_a_hub():
    references = np.full((32, 3), 0.25)
    references[4, 1] = 0.9
    np.testing.assert_allclose(background(references, np.full(references.shape, True), CALIBRATION.mean), 0.25)


def test_few_references_are_drawn_towards_the_checkpoints():
    none, one = np.full((1, 2), False), np.full((1, 2), True)
    lofty = np.full((1, 2), 0.95)
    np.testing.assert_allclose(background(lofty, none, 0.25), 0.25)
    few = background(lofty, one, 0.25)
    many = background(np.full((1000, 2), 0.95), np.full((1000, 2), True), 0.25)
    assert np.all(few > 0.25) and np.all(few < 0.35) and np.all(many > 0.9)


def test_a_map_of_one_keyframe_counts_in_the_checkpoints_deviations():
    alone = standardise(np.array([0.35]), np.array([0.25]), lambda row: np.array([False]), CALIBRATION)
    np.testing.assert_allclose(alone, 5.0)


def test_two_keyframes_do_not_pass_for_a_scale_of_their_own():
    # the one far keyframe has no spread at all: taken at its word, everything would be infinitely unlike it
    two = standardise(np.array([0.27, 0.25]), np.full(2, 0.25), lambda row: np.arange(2) != row, CALIBRATION)
    np.testing.assert_allclose(two, [1.0, 0.0], atol=0.1)


def test_how_much_places_differ_is_the_maps_own():
    """A few keyframes of a region that looks more alike than the checkpoint's: the same lead says more there."""
    rng = np.random.default_rng(0)

    def on(count, deviation):
        return CALIBRATION.on(rng.normal(0.25, deviation, (count, count)), ~np.eye(count, dtype=bool)).deviation

    assert 0.012 < on(5, 0.01) < 0.019 and on(40, 0.01) == pytest.approx(0.01, rel=0.05)
    assert 0.025 < on(5, 0.05) < 0.045 and on(40, 0.05) == pytest.approx(0.05, rel=0.1)
    assert on(2, 0.05) == on(1, 0.05) == CALIBRATION.deviation, 'nobody to compare with'
    alike = CALIBRATION.on(rng.normal(0.25, 0.01, (5, 5)), ~np.eye(5, dtype=bool))
    scores = np.array([0.35, 0.26, 0.25, 0.25, 0.24])
    lead, usual = (standardise(scores, np.full(5, 0.25), lambda row: np.arange(5) != row, calibration)[0]
                   for calibration in (alike, CALIBRATION))
    assert lead > 1.1 * usual


def test_a_query_that_resembles_nothing_much_is_judged_on_its_own_scale(scores):
    hubs = np.full(COUNT, 0.25)
    clear = standardise(scores, hubs, far_from, CALIBRATION)
    foggy = standardise(0.05 + scores * 0.5, hubs, far_from, CALIBRATION)
    assert 6 < clear[TRUTH] < 10 and foggy.argmax() == TRUTH
    np.testing.assert_allclose(foggy[TRUTH], clear[TRUTH], rtol=0.15)
    assert abs(np.median(clear)) < 0.2 and abs(np.median(foggy)) < 0.5


def test_a_twin_elsewhere_spoils_neither(scores):
    hubs = np.full(COUNT, 0.25)
    alone = standardise(scores, hubs, far_from, CALIBRATION)
    scores[250:256] = scores[TRUTH] - 0.001
    twins = standardise(scores, hubs, far_from, CALIBRATION)
    np.testing.assert_allclose(twins[TRUTH], alone[TRUTH], rtol=0.1)
    np.testing.assert_allclose(twins[250], twins[TRUTH], rtol=0.05)


def test_between_keyframes_the_odds_grow_by_the_sharpness():
    np.testing.assert_allclose(CALIBRATION.log_likelihood(np.array([3.0, 4.0, 6.0])), [-6.0, -4.0, 0.0])


def test_of_two_places_that_stand_out_alike_neither_is_certain(scores):
    scores[300] = 0.25 + 0.02 * 13
    scores[TRUTH] = 0.25 + 0.02 * 14
    sure, doubting = (Calibration(sharpness=2.0, variation=share).log_likelihood(seen(scores).standardised)
                      for share in (0.0, 0.2))
    assert sure[TRUTH] - sure[300] > 1.5 > 0.9 > doubting[TRUTH] - doubting[300] > 0


def test_the_lead_is_that_of_three_and_looks_past_the_neighbours():
    standardised = np.zeros(COUNT)
    standardised[[TRUTH, TRUTH + 1, TRUTH + 2, 300]] = 8.0, 7.0, 6.0, 3.0
    near, far = np.flatnonzero(STREET.near(TRUTH)), far_from(TRUTH)
    assert leading(standardised, near, far, 3) == 4.0
    assert leading(np.array([4.0]), np.array([0]), np.array([False]), 3) == 4.0


def test_a_rival_elsewhere_takes_the_lead_unless_it_is_one_of_the_places_meant(scores):
    scores[TRUTH - 1:TRUTH + 2] = 0.25 + 0.02 * 8
    alone = seen(scores).cues()[0]
    scores[250:253] = scores[TRUTH] - 0.001
    rivalled = seen(scores)
    assert alone > 4 and rivalled.cues()[0] < 0.5
    assert rivalled.cues(beside=np.arange(COUNT) > 240)[0] == pytest.approx(alone, abs=0.5)


def test_one_keyframe_that_its_own_neighbours_do_not_confirm_leads_no_further_than_they(scores):
    scores[TRUTH - 1:TRUTH + 2] = 0.25 + 0.02 * 12
    assert seen(scores, support=10.0).cues()[0] == pytest.approx(10 * MODEL.support_share)
    assert 0 < seen(scores, support=-5.0).cues()[0] < 1


def test_the_place_asked_for_need_not_be_the_best(scores):
    found = seen(scores)
    assert found.best == TRUTH
    assert found.cues(300)[0] < 0 < found.cues()[0]


def test_agreement_counts_in_deviations_of_the_map_and_beside_the_best_keyframe_elsewhere(scores):
    asked = []

    def agreement(elsewhere):
        return seen(scores, agreeing=lambda row: asked.append(row) or (0.3 if row == TRUTH else elsewhere)).cues()[1]

    assert agreement(0.0) == pytest.approx(4.0)
    assert agreement(0.05) == pytest.approx(4.0), 'less than is usual says nothing'
    assert agreement(0.2) == pytest.approx(3.0), 'half of what elsewhere agrees beyond the usual is taken away'
    assert len(asked) == 2 * 3, 'it takes time'


def test_evidence_grows_with_both_cues():
    evidence = CALIBRATION.evidence(np.array([[4.0, 0.0], [-4.0, 9.0], [4.0, 2.0], [4.0, 5.0], [9.0, 5.0]]))
    assert evidence[0] == evidence[1] == CALIBRATION.offset, 'neither cue says anything without the other'
    assert (np.diff(evidence[1:]) > 0).all()
    assert CALIBRATION.evidence(np.array([0.1, 1e9])) < 50


def test_a_single_frame_divides_its_belief_among_keyframes_and_nowhere(scores):
    scores[TRUTH - 1:TRUTH + 2] = 0.25 + 0.02 * 8
    sure = seen(scores, agreeing=lambda row: 0.6).alone(CALIBRATION)
    assert sure.sum() == pytest.approx(1) and sure[TRUTH - 1:TRUTH + 2].sum() > 0.9
    assert seen(scores, agreeing=lambda row: 0.1).alone(CALIBRATION)[-1] > 0.9, 'no cell agrees'


def test_two_places_alike_share_the_probability_and_a_memory_may_choose_between_them(scores):
    scores[TRUTH - 1:TRUTH + 2] = scores[249:252] = 0.25 + 0.02 * 8
    twins = seen(scores, agreeing=lambda row: 0.6)
    belief = twins.alone(CALIBRATION)
    assert belief[TRUTH - 1:TRUTH + 2].sum() == pytest.approx(0.5, abs=0.1)
    assert CALIBRATION.evidence(twins.cues(TRUTH)) < -1 and twins.evidence(CALIBRATION, TRUTH) == 0
    assert twins.evidence(CALIBRATION, 30) < -1, 'and elsewhere nothing is there'


def test_a_map_says_how_far_its_neighbours_stand_out():
    """Keyframes a metre apart: in one map neighbours are alike, in the other every keyframe stands alone."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0.25, 0.02, (COUNT, COUNT))
    off = np.abs(np.subtract.outer(np.arange(COUNT), np.arange(COUNT)))
    apart = off > 10
    rows = np.arange(0, COUNT, 7)
    leads = []
    for height in (0.4, 0.0):
        similarity = noise + height * np.exp(-(off / 2.5)**2)
        level = background(similarity, apart, 0.25)
        leads.append(lead_of_neighbours(lambda row, others, s=similarity: s[row, others], level, STREET, rows, 0.02, 2)
                     - elsewhere(similarity, apart, 0.02))
    assert np.median(leads[0]) > 10 > 3 > np.median(leads[1])
    lonely = Neighbourhoods(np.array([[0.0, 0, 0], [100.0, 0, 0]]), np.tile([0, 0, 0, 1.0], (2, 1)), LocalizerConfig())
    alone = lead_of_neighbours(lambda row, others: np.zeros(len(others)), np.zeros(2), lonely, np.arange(2), 0.02, 2)
    assert np.isinf(alone).all(), 'where nobody can confirm, nothing is known'


def test_how_unrelated_views_agree_is_the_maps_own():
    views = np.random.default_rng(0).normal(size=(40, 6, 48)).astype(np.float16)
    usual = UsualView(views, (6, 8))
    places = Neighbourhoods(np.outer(np.arange(40), [20.0, 0, 0]), np.tile([0, 0, 0, 1.0], (40, 1)), LocalizerConfig())
    mean, deviation = agreement_of_unrelated(views, usual, places, MODEL)
    assert 0 < mean < 0.3 and 0 < deviation < 0.1
    assert agreement_of_unrelated(views[:1], usual, places.part(slice(0, 1)), MODEL) == (0.0, 0.1)


def test_a_checkpoints_card_brings_its_calibration():
    assert Calibration.of({'name': 'no calibration'}) == Calibration()
    carried = Calibration.of({'calibration': {'sharpness': 2.5, 'offset': -2.0}})
    assert (carried.sharpness, carried.offset) == (2.5, -2.0)
    with pytest.raises(ConfigError, match='deviation'):
        Calibration.of({'calibration': {'deviation': 0.0}})


def test_of_an_older_card_the_reference_is_taken():
    older = Calibration.of({'calibration': {'sharpness': 3.2, 'unknown': 3.0, 'margin': -0.1, 'mean': 0.3,
                                            'deviation': 0.06}})
    assert (older.mean, older.deviation) == (0.3, 0.06) and older.sharpness < 3 and older.confirmed > 0
