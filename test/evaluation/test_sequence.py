"""Counting frames that find their stretch of road."""

import numpy as np
import pytest

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.sequence import hits_within, main, rank_one, split
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.images import encode_jpeg


def test_hits_include_the_tolerance_and_not_the_unanswered():
    assert hits_within(np.array([0, 4, 5, np.nan]), np.array([0.0, 0.0, 0.5, 3.0]), 4) == 2


@pytest.fixture
def road(tmp_path):
    """Five map frames at x = 0, 10, ..., and three queries that show those at 30, 10 and nothing at all."""
    rng = np.random.default_rng(0)
    frames = [np.kron(rng.integers(0, 256, (12, 16, 3), np.uint8), np.ones((8, 8, 1), np.uint8)) for _ in range(5)]
    queries = [frames[3], frames[1], np.full_like(frames[0], 100)]
    rows = []
    for session, images, positions in (('map', frames, (0, 10, 20, 30, 40)), ('later', queries, (33, 15, 20))):
        for image, x in zip(images, positions):
            path = tmp_path / f'{session}_{x}.jpg'
            path.write_bytes(encode_jpeg(image))
            rows.append(ManifestRow(path, str(x), session, x=float(x), y=0.0))
    return rows[::-1]


@pytest.mark.parametrize('features', ['orb', 'sift', 'rootsift'])
def test_rank_one(road, features):
    keyframes, queries = split(road, 'map')
    assert [row.x for row in keyframes] == [0, 10, 20, 30, 40]
    found = rank_one(keyframes, queries, EvaluationSettings(features=features, similarity='matches'))
    answers = dict(zip([row.x for row in queries], found))
    assert answers[33] == 30 and answers[15] == 10 and np.isnan(answers[20])
    assert hits_within(found, [row.x for row in queries], 4) == 1


def test_missing_sessions_and_positions_are_named(road, tmp_path, capsys):
    with pytest.raises(DataError, match='0 images of session none, 8 of others; sessions: later, map'):
        split(road, 'none')
    with pytest.raises(DataError, match='has no x'):
        split([ManifestRow('a.jpg', 'p', 's')], 's')
    assert main([str(tmp_path / 'none.csv'), '--map', 'm', '--tolerance', '4']) == 1
    assert capsys.readouterr().err.startswith('sequence: no manifest')
