"""A score counts by how far it stands above what unrelated places score, whatever the raw scale is."""

import numpy as np
import pytest

from dejavu_ros.errors import ConfigError
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.observation import CUES, Calibration, background, margin, observe, standardise
from dejavu_ros.localization.places import Neighbourhoods

CALIBRATION = Calibration(sharpness=2.0, unknown=4.0, mean=0.25, deviation=0.02)
COUNT, TRUTH, HUB = 400, 100, 300


# keyframes stand in a row; five to each side are neighbours, twice as many of one surrounding
STREET = Neighbourhoods(np.outer(np.arange(COUNT), [1.0, 0, 0]), np.tile([0, 0, 0, 1.0], (COUNT, 1)), LocalizerConfig())
far_from = STREET.far_from


def said(scores, calibration=CALIBRATION, agreeing=lambda row: 0.0):
    """Log-odds (K,) of a frame with these scores, in a map without hubs."""
    seen = observe(scores, np.full(COUNT, 0.25), STREET, calibration, agreeing)
    return calibration.log_odds(seen.standardised, seen.cues)


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


def test_odds_are_even_at_unknown_and_grow_by_the_sharpness():
    np.testing.assert_allclose(CALIBRATION.log_odds(np.array([3.0, 4.0, 6.0]), np.ones(4)), [-2.0, 0.0, 4.0])


def test_what_leads_everything_elsewhere_is_more_likely_on_the_map(scores):
    calibration = Calibration(sharpness=2.0, unknown=4.0, margin=0.5, mean=0.25, deviation=0.02)
    alone = said(scores, calibration)
    standardised = standardise(scores, np.full(COUNT, 0.25), far_from, calibration)
    scores[250] = scores[TRUTH] - 0.001
    rivalled = said(scores, calibration)
    assert alone[TRUTH] > rivalled[TRUTH] + 1
    np.testing.assert_allclose(np.diff(alone[:3]), 2.0 * np.diff(standardised[:3]),
                               atol=0.05)  # between keyframes the sharpness alone decides


def test_of_two_places_that_stand_out_alike_neither_is_certain(scores):
    scores[300] = 0.25 + 0.02 * 13
    scores[TRUTH] = 0.25 + 0.02 * 14
    sure, doubting = (said(scores, Calibration(sharpness=2.0, unknown=4.0, variation=share, mean=0.25, deviation=0.02))
                      for share in (0.0, 0.2))
    assert sure[TRUTH] - sure[300] > 1.5 > 0.9 > doubting[TRUTH] - doubting[300] > 0
    np.testing.assert_allclose(sure.max(), doubting.max())


def test_the_margin_looks_past_the_neighbours():
    standardised = np.zeros(COUNT)
    standardised[[TRUTH, TRUTH + 1, 300]] = 8.0, 7.5, 3.0
    assert margin(standardised, far_from(TRUTH)) == 5.0
    assert margin(np.array([4.0]), np.array([False])) == 4.0


def test_cells_that_agree_with_the_best_keyframe_speak_for_the_map(scores):
    asked = []
    calibration = Calibration(inliers=6.0, mean=0.25, deviation=0.02)
    agreed = said(scores, calibration, lambda row: asked.append(row) or 0.5)
    np.testing.assert_allclose(agreed - said(scores, calibration), 3.0)
    assert asked == [TRUTH], 'of one keyframe alone, since it takes time'


def test_a_place_whose_neighbours_fall_off_differs_from_a_hump(scores):
    calibration = Calibration(neighbours=1.0, mean=0.25, deviation=0.02)
    alone = observe(scores, np.full(COUNT, 0.25), STREET, calibration, lambda row: 0.0).cues
    scores[[*range(TRUTH - 5, TRUTH), *range(TRUTH + 1, TRUTH + 6)]] = scores[TRUTH] - 1e-9
    flat = observe(scores, np.full(COUNT, 0.25), STREET, calibration, lambda row: 0.0).cues
    where = CUES.index('neighbours')
    assert alone[where] > 5 and flat[where] == pytest.approx(0, abs=1e-3)


def test_many_frames_at_once_have_the_odds_of_each_alone():
    calibration = Calibration(sharpness=2.0, unknown=4.0, top=-0.7, margin=0.5, inliers=3.0, neighbours=0.1)
    rng = np.random.default_rng(0)
    frames, cues = rng.normal(size=(3, 5)), rng.normal(size=(3, 4))
    np.testing.assert_allclose(calibration.log_odds(frames, cues),
                               [calibration.log_odds(frame, cue) for frame, cue in zip(frames, cues)])


def test_a_checkpoints_card_brings_its_calibration():
    assert Calibration.of({'name': 'no calibration'}) == Calibration()
    carried = Calibration.of({'calibration': {'sharpness': 2.0, 'unknown': 4.0}})
    assert carried.log_odds(np.array([5.0]), np.ones(4)) == 2.0
    with pytest.raises(ConfigError, match='deviation'):
        Calibration.of({'calibration': {'deviation': 0.0}})
