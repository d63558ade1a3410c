"""What a drive's answers are worth beside the truth."""

import numpy as np
import pytest

from dejavu_ros.evaluation.judgement import (
    Verdict,
    auroc,
    bound,
    calibration_error,
    recall_at_full_precision,
    summary,
)
from dejavu_ros.geometry import Pose
from dejavu_ros.localization.estimate import Estimate, Hypothesis


def answer(x: float, accepted: bool = True, probability: float = 0.95, yaw: float = 0.0) -> Estimate:
    hypothesis = Hypothesis(0, 's', '', 0.5, probability, 100, Pose.planar(x, 0, yaw), np.eye(6))
    return Estimate(0, accepted, '' if accepted else 'unknown_place', [hypothesis], 1.0)


def test_found_near_and_wrong_by_distance_and_heading():
    truth = Pose.planar(0, 0, 0)
    frames = [answer(1.0), answer(7.0), answer(30.0), answer(2.0, yaw=np.pi), answer(1.0, accepted=False)]
    verdicts = [Verdict.of(frame, truth) for frame in frames]
    verdicts.append(Verdict.of(answer(0.0), None))
    counts = summary(verdicts)
    assert counts['frames'] == 6 and counts['scored'] == 5 and counts['accepted'] == 5
    assert counts['found'] == 1 and counts['near'] == 2 and counts['wrong'] == 2
    assert counts['first_right'] == 2
    assert counts['near'] + counts['wrong'] == sum(v.accepted for v in verdicts if v.error is not None)
    assert summary(verdicts, radius=20.0)['found'] == 2


def test_where_no_map_is_no_answer_is_right():
    verdicts = [Verdict.of(answer(0.0), Pose.planar(0, 0, 0), off_map=True)]
    assert summary(verdicts)['wrong'] == 1 and summary(verdicts)['first_right'] == 0


def test_an_answer_without_hypothesis_is_not_right():
    verdict = Verdict.of(Estimate(0, False, 'bad_image', [], 0.0), Pose.planar(0, 0, 0))
    assert verdict.probability == 0.0
    assert summary([verdict])['first_right'] == 0 and summary([verdict])['median_position_error_m'] is None


def test_recall_at_full_precision_asks_for_more_than_every_wrong_answer():
    verdicts = [Verdict(True, 0.9, 1.0), Verdict(True, 0.8, 1.0), Verdict(True, 0.85, 50.0)]
    assert recall_at_full_precision(verdicts) == pytest.approx(1 / 3)
    assert recall_at_full_precision([]) is None


def test_area_and_calibration_error():
    assert auroc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert auroc([0.5], [0.5]) == 0.5
    assert auroc([], [0.5]) is None
    sure = np.full(100, 0.9)
    assert calibration_error(sure, np.arange(100) < 90) == pytest.approx(0.0, abs=0.2)
    assert calibration_error(sure, np.zeros(100, bool)) == pytest.approx(0.9)


def test_nothing_wrong_proves_only_so_much():
    assert bound(0, 300) == '0 (< 1 %)'
    assert bound(3, 300) == '3 (1 %)'
    assert bound(0, 0) == '-'
