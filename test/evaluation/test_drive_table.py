"""The table of drives: removed stretches apart, calibration by set, places where a map holds, covariances."""

import numpy as np
import pytest

from dejavu_ros.evaluation.consistency import Answer
from dejavu_ros.evaluation.drive_table import (
    ALL,
    ENOUGH,
    LOOK_ALIKE,
    OFF_MAP,
    POOLED,
    Judged,
    Question,
    areas_under_roc,
    calibration_errors,
    results,
    shown,
    table,
)
from dejavu_ros.evaluation.judgement import Verdict, bootstrap, places_held
from dejavu_ros.evaluation.replay import Recording
from dejavu_ros.geometry import Pose

FOUND, REJECTED, WRONG = Verdict(True, 0.95, 1.0), Verdict(False, 0.4, 1.0), Verdict(True, 0.9, 50.0)
LOST, FOREIGN = Verdict(False, 0.2, 40.0), Verdict(False, 0.1, np.inf, True)


def recording(name, frames, condition='', step=2.0):
    return Recording(name, [None] * frames, range(frames), [Pose.planar(step * row, 0, 0) for row in range(frames)],
                     condition=condition)


def question(row='garden', family='garden', frames=10, drive='garden day', rows=range(10), **more):
    return Question(row, recording(f'{family} map', 10), np.array(rows), recording(drive, frames, drive[-3:]), **more)


def lines_of(*parts, way='filter'):
    return {line['row']: line for line in table({way: parts})}


def test_frames_of_a_removed_stretch_are_counted_apart_from_those_still_on_the_map():
    gone = np.arange(10) < 4
    asked = question('garden, 30 % removed', rows=range(4, 10), gone=gone)
    lines = lines_of(Judged(asked, [WRONG, LOST, LOST, LOST] + [FOUND] * 5 + [REJECTED]))
    stretch, rest = lines['garden, 30 % removed: where it is removed'], lines['garden, 30 % removed: where it is not']
    assert (stretch['scored'], stretch['wrong'], stretch['found']) == (4, 1, 0)
    assert (rest['scored'], rest['wrong'], rest['found']) == (6, 0, 5)
    assert len(lines) == 2 and rest['places_held'] is None


def test_the_probability_of_a_removed_place_is_held_against_that_of_those_left():
    """A frame at the edge of the stretch, with a keyframe that is left 2 m away, is still on the map."""
    gone = np.arange(10) < 6
    asked = question('garden, 30 % removed', rows=range(6, 10), gone=gone)  # left from 12 m on
    assert asked.is_mapped().tolist() == [False] * 4 + [True] * 6
    verdicts = [LOST] * 4 + [FOUND] * 6
    line, = areas_under_roc([Judged(asked, verdicts)])
    assert (line['auroc_removed'], line['removed_frames'], line['auroc_foreign']) == (1.0, 4, None)
    line, = areas_under_roc([Judged(asked, [FOUND] * 10)])
    assert line['auroc_removed'] == 0.5


def test_foreign_frames_count_beside_drives_on_the_map_of_the_same_set_only():
    on_map, off = Judged(question(), [FOUND] * 10), Judged(question('other sets', off_map=True), [FOREIGN] * 10)
    elsewhere = Judged(question('road', 'road', drive='road day'), [Verdict(False, 0.01, 1.0)] * 10)
    garden, road = areas_under_roc([on_map, elsewhere, off])
    assert (garden['maps'], garden['auroc_foreign'], garden['foreign_frames']) == ('garden', 1.0, 10)
    assert (road['maps'], road['auroc_foreign']) == ('road', None)


def test_small_sets_share_a_calibration_error_and_all_have_one():
    large = [Judged(question(frames=ENOUGH // 2, drive=f'garden {number}'), [Verdict(True, 1.0, 1.0)] * (ENOUGH // 2))
             for number in range(2)]
    small = [Judged(question(row, row, drive=f'{row} day'), [Verdict(True, 1.0, error)] * 10)
             for row, error in (('road', 1.0), ('yard', 7.0))]
    unscored = Judged(question('alley', 'alley', drive='alley day'), [Verdict(True, 1.0, None)] * 10)
    lines = {line['set']: line for line in calibration_errors([*large, *small, unscored])}
    assert list(lines) == ['garden', POOLED, ALL]
    assert lines['garden']['ece'] == 0 and lines['garden']['frames'] == ENOUGH
    assert lines[POOLED]['ece'] == pytest.approx(0.5) and lines[POOLED]['frames'] == 20
    assert lines[POOLED]['ece_interval'] == pytest.approx((0, 1))  # of two drives, both may be the same one
    assert lines[ALL]['ece'] == pytest.approx(10 / 320)


def test_one_drive_says_nothing_of_how_drives_differ():
    assert bootstrap(np.full(5, 0.5), np.full(5, True), np.zeros(5)) is None


def test_a_map_holds_at_a_place_that_was_found_and_never_mistaken():
    keyframes = np.array([[0.0, 0, 0], [20, 0, 0], [40, 0, 0], [60, 0, 0]])
    frames = [Pose.planar(x, 0, 0) for x in (0, 1, 20, 21, 40)] + [None]
    verdicts = [FOUND, REJECTED, FOUND, WRONG, REJECTED, Verdict(True, 0.9, None)]
    assert places_held(keyframes, frames, verdicts) == (1, 3)  # nobody came past the fourth
    assert places_held(keyframes, [None], verdicts) == (0, 0)
    line = lines_of(Judged(question(), [FOUND] * 10), Judged(question(), [REJECTED] * 10))['garden']
    assert line['places_held'] == 0.5


def test_covariances_are_judged_where_poses_are_exact():
    truth = Pose.planar(0, 0, 0)
    answers = [Answer('day', 0, truth, Pose.planar(x, 0, 0), np.eye(6), True) for x in (1.0, 3.0)]
    lines = lines_of(Judged(question(frames=2), [FOUND] * 2, answers))
    assert lines['garden']['nees_mean_over_dof'] == pytest.approx((1 + 9) / 2 / 3)
    assert lines['garden']['ellipsoid_coverage'] == 0.5
    assert lines_of(Judged(question(), [FOUND] * 10))['garden']['nees_mean_over_dof'] is None


def test_drives_on_the_map_are_shown_by_condition_and_foreign_ones_together():
    parts = [Judged(question(drive='garden day'), [FOUND] * 10, first=[1, 5]),
             Judged(question(drive='garden ice'), [REJECTED] * 10, first=[9]),
             Judged(question('other sets', off_map=True), [FOREIGN] * 10),
             Judged(question('other floors', off_map=True), [FOREIGN] * 10),
             Judged(question(LOOK_ALIKE, off_map=True), [Verdict(True, 0.9, np.inf, True)] * 10)]
    lines = lines_of(*parts)
    assert (lines['garden, day']['found'], lines['garden, ice']['found'], lines['garden']['found']) == (10, 0, 10)
    assert (lines['garden']['first_pose_median'], lines['garden']['first_pose_worst']) == (5, 9)
    assert lines[OFF_MAP]['scored'] == 20 and lines[OFF_MAP]['wrong'] == 0 and lines[LOOK_ALIKE]['wrong'] == 10


def test_what_the_shipped_fit_finds_stands_beside_what_one_finds_that_was_left_out():
    left_out, seen = (results({'filter': [Judged(question(), [FOUND] * count + [WRONG] * wrong + [REJECTED] * rest)]})
                      for count, wrong, rest in ((7, 0, 3), (8, 1, 1)))
    heading, _, row = shown({'left out': left_out, 'seen': seen}).splitlines()[:3]
    assert heading.index('found, left out') < heading.index('found, seen') < heading.index('wrong, left out')
    assert '70.0 %' in row and '80.0 %' in row and '0 (< 30 %)' in row and '1 (10 %)' in row
    assert 'seen' not in shown({'left out': left_out})


def test_a_drive_on_which_the_filter_loses_frames_is_named():
    found = {'filter': [Judged(question(), [FOUND] * 5 + [REJECTED] * 5)],
             'single': [Judged(question(), [FOUND] * 6 + [REJECTED] * 4)]}
    line, = results(found)['filter_worse_than_single']
    assert 'garden day on garden map: found 5 for 6' in line
