"""The figures of a soak from made-up answers."""

import json

import pytest

from dejavu_ros.soak.config import SoakConfig
from dejavu_ros.soak.run import report
from dejavu_ros.soak.summary import summarise, table

NOT_FOUND = {'accepted': False, 'right': False, 'reason': 'unknown_place'}
RIGHT = {'accepted': True, 'right': True, 'reason': '', 'metres': 0.5, 'degrees': 1.0, 'nees': 1.5}
WRONG = {'accepted': True, 'right': False, 'reason': '', 'metres': 80.0, 'degrees': 1.0, 'nees': 60.0}
ACCEPTED_OFF_THE_MAP = {'accepted': True, 'right': False, 'reason': ''}


def drive(condition, mapped, with_filter, without):
    return {'town': 201, 'condition': condition, 'mapped': mapped,
            'answers': {'with_filter': with_filter, 'without': without}}


DRIVES = [drive('snow', True, [NOT_FOUND, RIGHT, RIGHT, RIGHT], [NOT_FOUND, NOT_FOUND, RIGHT, WRONG]),
          drive('night', True, [NOT_FOUND] * 2 + [WRONG, RIGHT], [NOT_FOUND] * 4),
          drive('snow', False, [NOT_FOUND, ACCEPTED_OFF_THE_MAP, NOT_FOUND], [NOT_FOUND] * 3)]
OTHERS = [{'growth_percent': 0.7, 'crashes': 1}], [{'messages': 9, 'crashes': 2}, {'messages': 1, 'crashes': 0}], [
    {'kills': 10, 'lost_keyframes': 0}, {'kills': 5, 'lost_keyframes': 3}]


def test_every_key_and_its_figure():
    assert summarise(DRIVES, *OTHERS) == {
        'frames': 8, 'recall_at_5m': {'snow': {'with_filter': 0.75, 'without': 0.25},
                                      'night': {'with_filter': 0.25, 'without': 0.0}},
        'wrong_accepts': 1, 'unmapped_frames': 3, 'unmapped_accepts': 1,
        'nees_mean_over_dof': pytest.approx((4 * 1.5 + 60) / 5 / 3), 'ellipsoid_coverage': 0.8,
        'rss_growth_percent': 0.7, 'kills': 15, 'lost_keyframes': 3, 'fuzzed_messages': 10, 'crashes': 3}
    json.dumps(summarise(DRIVES, *OTHERS))


def test_nothing_accepted_has_no_consistency():
    found = summarise([drive('snow', True, [NOT_FOUND], [NOT_FOUND])], *OTHERS)
    assert found['nees_mean_over_dof'] is None and found['ellipsoid_coverage'] is None
    assert 'never in 1 of 1' in table([drive('snow', True, [NOT_FOUND], [NOT_FOUND])])


def test_the_table_says_both_ways_and_the_first_accepted_pose():
    snow, night, everything = table(DRIVES).splitlines()[2:]
    assert '0.750 (0.250)' in snow and '0 (1)' in snow and '1 (0)' in snow and '0.1, 0.1' in snow  # 0.15 s
    assert '1 (0)' in night and '0.3, 0.3' in night
    assert everything.split('|')[2].strip() == '8'


def test_the_report_has_every_figure_and_the_memory():
    memory = {'sent': 5400, 'answered': 1300, 'seconds': 90, 'resident_mb': [400.0, 512.3]}
    text = report(summarise(DRIVES, *OTHERS), table(DRIVES), memory, SoakConfig(scale=0.05))
    assert 'SOAK_SCALE=0.05' in text and '| `lost_keyframes` | 3 |' in text
    assert '5,400 frames sent in 90 s, 1,300 answered' in text and '512 MB' in text
