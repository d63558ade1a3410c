"""GRIEF Michigan, 5 places in 12 sessions over a year: the shipped features against hand-made and untrained ones."""

import json
import os
from pathlib import Path

import pytest

from dejavu_ros.cli import main
from dejavu_ros.data.known_sets import main as known_sets
from dejavu_ros.nn.checkpoint import default_checkpoint_path

DATA = Path(os.environ.get('DEJAVU_DATA', Path(__file__).resolve().parents[2] / '../shared/data')) / 'grief_michigan'
CLEARLY = 5.0  # percent points

pytestmark = [pytest.mark.skipif(not DATA.is_dir(), reason=f'no GRIEF Michigan images at {DATA}'),
              pytest.mark.skipif(not default_checkpoint_path().is_file(), reason='no shipped checkpoint'),
              pytest.mark.timeout(900)]


@pytest.fixture(scope='module')
def manifest(tmp_path_factory):
    path = tmp_path_factory.mktemp('grief') / 'grief.csv'
    assert known_sets(['grief', str(DATA), '-o', str(path)]) == 0
    return path


@pytest.fixture(scope='module')
def shipped(manifest):
    return evaluated(manifest)


def evaluated(manifest, *arguments):
    folder = manifest.parent / '_'.join(('report', *arguments)).replace('--', '')
    assert main(['evaluate', '--manifest', str(manifest), '-o', str(folder), *arguments]) == 0
    return json.loads((folder / 'metrics.json').read_text())


@pytest.mark.parametrize('other', [('--features', 'orb', '--similarity', 'matches'),
                                   ('--features', 'rootsift', '--similarity', 'matches'),
                                   ('--features', 'rootsift', '--similarity', 'cx'),
                                   ('--checkpoint', 'random')], ids=' '.join)
def test_shipped_features_are_clearly_better_than(other, manifest, shipped):
    assert (shipped['n_images'], shipped['n_places'], shipped['n_sessions']) == (60, 5, 12)
    figures = evaluated(manifest, *other)
    assert shipped['cross_session_auc'] > figures['cross_session_auc'] + CLEARLY
    assert shipped['recall_at']['1'] > figures['recall_at']['1'] + CLEARLY
