"""A probability is honest where as many answers are right as it says, and what is said is what the localizer says."""

import dataclasses

import numpy as np
import pytest

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.reliability import Answers, answers, reliability, reliability_by_condition
from dejavu_ros.localization.observation import Calibration

CALIBRATION = Calibration(sharpness=2.0, mean=0.2, deviation=0.05)
PLACES = 12


def made(probability, right, in_map=None):
    probability, right = np.array(probability, float), np.array(right, bool)
    return Answers(np.arange(len(right)), probability, right,
                   np.full(len(right), True) if in_map is None else np.array(in_map, bool))


def test_ece_by_hand():
    figures = reliability(made([0.95, 0.95, 0.35, 0.35], [True, True, True, False]))
    assert figures['ece'] == pytest.approx((2 * 0.05 + 2 * 0.15) / 4)
    assert [part['queries'] for part in figures['bins']] == [0, 0, 0, 2, 0, 0, 0, 0, 0, 2]
    assert figures['bins'][3] == {'queries': 2, 'probability': pytest.approx(0.35), 'right': 0.5}
    assert figures['bins'][0] == {'queries': 0, 'probability': None, 'right': None}


def test_certainty_falls_into_the_last_bin():
    assert reliability(made([1.0], [True]))['bins'][9]['queries'] == 1


def test_recall_stops_at_the_surest_wrong_answer():
    found = made([0.99, 0.9, 0.8, 0.8, 0.3], [True, True, False, True, True])
    assert reliability(found)['recall_at_100_precision'] == pytest.approx(100 * 2 / 5)
    foreign = made([0.99, 0.9, 0.95], [True, True, False], [True, True, False])
    figures = reliability(foreign, min_probability=0.9)
    assert figures['recall_at_100_precision'] == 50
    assert (figures['accepted_right'], figures['accepted_wrong'], figures['accepted_not_in_map']) == (100, 0, 100)


def test_a_higher_threshold_accepts_less():
    figures = reliability(made([0.999, 0.93, 0.97, 0.2], [True, True, False, False], [True, True, False, True]))
    told = {row['min_probability']: (row['accepted_right'], row['accepted_not_in_map']) for row in figures['trade_off']}
    assert told[0.9] == (pytest.approx(200 / 3), 100) and told[0.95] == (pytest.approx(100 / 3), 100)
    assert told[0.98] == (pytest.approx(100 / 3), 0)


def test_nothing_measured_is_none():
    figures = reliability(made([0.2], [False], [False]))
    assert figures['recall_at_100_precision'] is None and figures['accepted_right'] is None
    assert reliability(made([], []))['ece'] is None


@pytest.fixture
def street():
    """PLACES places 20 m apart in summer, in snow, and PLACES in snow that are not on the map; scores and features."""
    rows = [ManifestRow(f'{session}{place}.jpg', f'{session * foreign}{place}', session, session,
                        x=20.0 * place + 1000 * foreign, y=0.0)
            for session, foreign in (('summer', False), ('snow', False), ('fog', True)) for place in range(PLACES)]
    rng = np.random.default_rng(0)
    similarity = rng.normal(0.2, 0.05, (3 * PLACES,) * 2)
    features = rng.normal(size=(3 * PLACES, 10, 12))
    for place in range(PLACES):
        similarity[PLACES + place, place] = 0.9
        features[PLACES + place] = features[place]
    return rows, similarity, features, (3, 4)


def test_what_stands_out_is_said_and_right_and_the_foreign_is_not(street):
    found = answers(*street, 'summer', CALIBRATION, radius=5.0)
    known, foreign = found.of(found.in_map), found.of(found.rows >= 2 * PLACES)
    assert len(known.rows) == len(foreign.rows) == PLACES
    assert known.right.all() and not foreign.right.any()
    assert known.probability.min() > 0.9 > foreign.probability.max()
    rows_by_condition = reliability_by_condition(street[0], found)
    assert set(rows_by_condition) == {'snow', 'fog'}
    assert rows_by_condition['snow']['accepted_right'] == 100
    assert rows_by_condition['fog']['recall_at_100_precision'] is None


def test_each_query_is_asked_again_without_its_surroundings(street):
    found = answers(*street, 'summer', CALIBRATION)
    hidden = found.of((found.rows < 2 * PLACES) & ~found.in_map)
    assert len(hidden.rows) == PLACES
    assert not hidden.right.any() and hidden.probability.max() < 0.9


def test_views_that_agree_raise_the_probability(street):
    alone, agreeing = (answers(*street, 'summer', dataclasses.replace(CALIBRATION, confirmed=weight))
                       for weight in (0.0, 1.0))
    assert (agreeing.probability > alone.probability)[alone.in_map].all()
    assert agreeing.probability[~agreeing.in_map].max() < 0.5


def test_two_equal_places_share_the_probability(street):
    rows, similarity, *views = street
    similarity[:, 7] = similarity[:, 0]
    assert answers(rows, similarity, *views, 'summer', CALIBRATION).probability[0] == pytest.approx(0.5, abs=0.1)


def test_a_place_without_a_position_is_its_label(street):
    rows, *views = street
    unplaced = [ManifestRow(row.image, row.place, row.session) for row in rows]
    found = answers(unplaced, *views, 'summer', CALIBRATION)
    known = found.of(found.in_map)
    assert len(known.rows) == PLACES and known.right.all() and known.probability.min() > 0.9
    assert len(found.rows) == 3 * PLACES, 'each of the map once more without its place'
