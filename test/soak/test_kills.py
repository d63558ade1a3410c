"""The killed writers: what they lose is seen."""

import random
import sqlite3

import pytest

from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import MapWriter
from dejavu_ros.soak.kills import CHECKPOINT, SETTINGS, descriptors_of, inspect, length_of, run_and_kill, sessions_of


@pytest.fixture
def path(tmp_path):
    """A map of two sessions, as the writer makes them."""
    path = tmp_path / 'M.dvmap'
    for session in range(2):
        make = MapWriter.append if path.exists() else MapWriter.create
        with make(path, SETTINGS, CHECKPOINT) as writer, writer.session(f'session {session}', 'soak') as rows:
            for index in range(length_of(session)):
                rows.add(descriptors_of(session, index), 'camera', index, Pose.planar(session, index, 0),
                         [[float(i == j) for i in range(6)] for j in range(6)], b'\xff\xd8')
    return path


def test_a_whole_map_has_lost_nothing(path):
    assert inspect(path, 2) == (0, []) and inspect(path, 1) == (0, [])  # a commit that nobody heard of


def test_a_lost_session_is_counted(path):
    assert inspect(path, 3)[0] == length_of(2)
    assert inspect(path.with_name('N.dvmap'), 1)[0] == length_of(0)
    assert inspect(path.with_name('N.dvmap'), 0) == (0, [])


def test_a_changed_keyframe_is_counted(path):
    with sqlite3.connect(path / 'map.sqlite') as connection:
        connection.execute('UPDATE keyframes SET y = y + 0.5 WHERE id = 1')
    connection.close()
    assert inspect(path, 2)[0] == 1


def test_damage_is_counted(path):
    shard = next((path / 'descriptors').iterdir())
    shard.write_bytes(shard.read_bytes()[:-2] + b'ab')
    lost, findings = inspect(path, 2)
    assert lost >= 1 and any('SHA-256' in finding.text for finding in findings)
    (path / 'map.sqlite').write_bytes(b'nothing')
    assert inspect(path, 2)[0] == length_of(0) + length_of(1)


def test_a_real_writer_is_killed_and_has_lost_nothing(tmp_path):
    path = tmp_path / 'M.dvmap'
    announced = run_and_kill(path, random.Random(0))  # waits for a commit first
    assert announced > 0 and sessions_of(path) >= announced
    lost, findings = inspect(path, announced)
    assert lost == 0 and all(finding.harmless for finding in findings)
