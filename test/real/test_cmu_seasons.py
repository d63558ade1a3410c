"""Extended CMU Seasons, a spring drive as the map: autumn and summer frames found within 4 frames, without ROS."""

import os
from pathlib import Path

import pytest
from tabulate import tabulate

from dejavu_ros.data.known_sets import cmu_seasons
from dejavu_ros.evaluation.sequence import hits_within, rank_one, split
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.nn.checkpoint import default_checkpoint_path

DATA = Path(os.environ.get('DEJAVU_DATA', Path(__file__).resolve().parents[2] / '../shared/data')) / 'cmu_seasons'
TOLERANCE = 4  # spring frames
METHODS = (('dvf', 'cx'), ('orb', 'matches'), ('rootsift', 'matches'))

pytestmark = [pytest.mark.skipif(not DATA.is_dir(), reason=f'no CMU Seasons images at {DATA}'),
              pytest.mark.skipif(not default_checkpoint_path().is_file(), reason='no shipped checkpoint'),
              pytest.mark.timeout(900)]


def test_more_frames_are_found_than_by_hand_made_features():
    keyframes, queries = split(cmu_seasons(DATA), '2011-04-21_spring')
    assert (len(keyframes), len(queries)) == (87, 57)
    truth = [row.x for row in queries]
    hits = {}
    for features, similarity in METHODS:
        found = rank_one(keyframes, queries, EvaluationSettings(features=features, similarity=similarity))
        hits[features] = hits_within(found, truth, TOLERANCE)
    print('\n' + tabulate([(f, s, f'{hits[f]} of {len(truth)}') for f, s in METHODS],
                          headers=('features', 'similarity', f'within {TOLERANCE} frames at rank 1')))
    assert hits['dvf'] > hits['orb'] and hits['dvf'] > hits['rootsift']
