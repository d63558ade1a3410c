"""``dejavu benchmark-systems`` on pictures made here."""

import json

import cv2
import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.images import encode_jpeg

KEYS = ['system', 'dataset', 'cross_session_auc', 'recall_at_1', 'median_position_error_m', 'ms_per_frame_ratio',
        'bytes_per_keyframe']


@pytest.fixture(scope='module')
def manifest(tmp_path_factory):
    """Four places 10 m apart, by day and at dusk."""
    folder = tmp_path_factory.mktemp('set')
    lines = ['image,place,session,x,y']
    for place in range(4):
        pattern = np.random.default_rng(place).integers(0, 256, (12, 16, 3), np.uint8)
        picture = cv2.resize(pattern, (160, 120), interpolation=cv2.INTER_CUBIC)
        for session, gain in (('day', 1.0), ('dusk', 0.6)):
            (folder / f'{place}{session}.jpg').write_bytes(encode_jpeg((picture * gain).astype(np.uint8)))
            lines.append(f'{place}{session}.jpg,{place},{session},{10 * place},0')
    (folder / 'set.csv').write_text('\n'.join(lines) + '\n')
    return folder / 'set.csv'


def test_chosen_systems_on_one_set(manifest, tmp_path, capsys):
    assert main(['benchmark-systems', str(manifest), '-o', str(tmp_path), '--system', 'dvf', '--system', 'orb',
                 '--system', 'netvlad']) == 0
    rows = json.loads((tmp_path / 'systems.json').read_text())
    assert [list(row) for row in rows] == [KEYS] * 3
    assert [row['system'] for row in rows] == ['dvf', 'orb', 'netvlad']
    dvf, orb, netvlad = rows
    assert dvf['recall_at_1'] == 100 and dvf['median_position_error_m'] == 0
    assert dvf['bytes_per_keyframe'] == 2 * 10 * 192 and netvlad['bytes_per_keyframe'] == 2 * 256
    assert 0 < orb['bytes_per_keyframe'] <= 32 * 500
    assert all(row['ms_per_frame_ratio'] > 0 for row in rows)
    assert '| dvf      |' in capsys.readouterr().out


def test_without_positions_there_is_no_error_in_metres(manifest, tmp_path):
    bare = manifest.with_name('bare.csv')
    bare.write_text('\n'.join(','.join(line.split(',')[:3]) for line in manifest.read_text().splitlines()) + '\n')
    assert main(['benchmark-systems', str(bare), '-o', str(tmp_path), '--system', 'orb']) == 0
    assert json.loads((tmp_path / 'systems.json').read_text())[0]['median_position_error_m'] is None


def test_an_unknown_system_is_said_with_those_there_are(manifest, tmp_path, capsys):
    assert main(['benchmark-systems', str(manifest), '-o', str(tmp_path), '--system', 'surf']) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and "no system 'surf'; there are: dvf; dvf rendered; " in error
