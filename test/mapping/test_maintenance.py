"""Maps made from maps: what is in them, and what they refuse."""

import re

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.mapping.maintenance import remove_sessions

SECOND = 1_000_000_000
SETTINGS = {'input_size': [32, 24], 'grid': [2, 3], 'channels': 4}


def write(path, sessions, checkpoint='abcdef012345', spacing=1.0):
    """``sessions``: name to (condition, day); each a straight drive of ten keyframes, told apart by its vectors."""
    with MapWriter.create(path, SETTINGS, checkpoint) as writer:
        for value, (name, (condition, day)) in enumerate(sessions.items()):
            with writer.session(name, condition) as session:
                session.camera('front', 640, 480, {'fx': 500.0}, Pose.make([0.1, 0, 1]))
                for i in range(10):
                    session.add(np.full((4, 6), value + i / 16, np.float16), 'front', (day * 1000 + i) * SECOND,
                                Pose.planar(spacing * i, 0, 0), np.eye(6), b'\xff\xd8 %d %d' % (value, i))
    return path


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / 'all.dvmap', {'june': ('summer', 1), 'july': ('summer', 2), 'january': ('snow', 3)})


def test_a_session_is_removed(path, tmp_path, capsys):
    assert main(['map', 'remove-session', str(path), 'june', '-o', str(tmp_path / 'less')]) == 0
    assert '20 keyframes' in capsys.readouterr().out
    with KeyframeMap.open(tmp_path / 'less') as less, KeyframeMap.open(path) as before:
        assert [session.name for session in less.sessions] == ['july', 'january']
        assert len(before) == 30, 'the old map stays'
        np.testing.assert_array_equal(less.descriptors(0, 20), before.descriptors(10, 30))
        assert less.thumbnail(3) == before.thumbnail(13)
        assert [(camera.session, camera.name, camera.width, camera.intrinsics, camera.base_T_camera.position.tolist())
                for camera in less.cameras] == [(name, 'front', 640, {'fx': 500.0}, [0.1, 0, 1])
                                                for name in ('july', 'january')]
        for ours, theirs in zip(less.keyframes, list(before.keyframes)[10:]):
            assert (ours.stamp_ns, ours.condition) == (theirs.stamp_ns, theirs.condition)
            assert (ours.map_T_base.position == theirs.map_T_base.position).all()
    assert main(['map', 'verify', str(tmp_path / 'less')]) == 0


def test_two_maps_become_one(path, tmp_path):
    write(tmp_path / 'more.dvmap', {'march': ('rain', 4)})
    assert main(['map', 'merge', str(path), str(tmp_path / 'more'), '-o', str(tmp_path / 'both')]) == 0
    with KeyframeMap.open(tmp_path / 'both') as both:
        assert [session.name for session in both.sessions] == ['june', 'july', 'january', 'march'] and len(both) == 40


def test_thinning_by_distance(path, tmp_path, capsys):
    assert main(['map', 'thin', str(path), '-o', str(tmp_path / 'thin'), '--distance', '3']) == 0
    assert '12 keyframes of 30' in capsys.readouterr().out
    with KeyframeMap.open(tmp_path / 'thin') as thin:
        assert thin.positions[:4, 0].tolist() == [0, 3, 6, 9]


def test_a_place_is_kept_in_its_newest_sessions(tmp_path):
    """An old session stays only where no newer one of its condition came by."""
    path = write(tmp_path / 'a.dvmap', {'june': ('summer', 1), 'january': ('snow', 3)}, spacing=10.0)
    with KeyframeMap.open(path) as content, MapWriter.append(path, SETTINGS, content.checkpoint_id) as writer, \
            writer.session('july', 'summer') as session:
        for i in range(4):
            session.add(np.zeros((4, 6), np.float16), 'front', 2000 * SECOND + i, Pose.planar(10 * i + 1, 0, 0),
                        np.eye(6), b'\xff\xd8')
    assert main(['map', 'thin', str(path), '-o', str(tmp_path / 'thin'), '--newest', '1', '--distance', '0']) == 0
    with KeyframeMap.open(tmp_path / 'thin') as thin:
        kept = {session.name: thin.positions[thin.session_index == i, 0].tolist()
                for i, session in enumerate(thin.sessions)}
    assert kept == {'june': [40, 50, 60, 70, 80, 90], 'january': list(range(0, 100, 10)), 'july': [1, 11, 21, 31]}


def test_a_turned_view_is_another(tmp_path):
    with MapWriter.create(tmp_path / 'a', SETTINGS, 'abcdef012345') as writer:
        for day, yaw in enumerate((0.0, 3.0)):
            with writer.session(f'day{day}', 'summer') as session:
                session.add(np.zeros((4, 6), np.float16), 'front', day * SECOND, Pose.planar(0, 0, yaw), np.eye(6),
                            b'\xff\xd8')
    assert main(['map', 'thin', str(tmp_path / 'a'), '-o', str(tmp_path / 'b'), '--newest', '1']) == 0
    with KeyframeMap.open(tmp_path / 'b') as thin:
        assert len(thin) == 2


@pytest.mark.parametrize('words, message', [
    (['remove-session', 'all', 'may'], "no session 'may'; it has: june, july, january"),
    (['remove-session', 'all', 'june', 'july', 'january'], 'nothing of .* would be left'),
    (['merge', 'all', 'all'], "two of the maps have a session 'january'"),
    (['merge', 'all', 'other'], 'made with checkpoint 999999999999'),
    (['thin', 'nowhere'], 'no keyframe map'),
])
def test_what_cannot_be_done(path, tmp_path, capsys, monkeypatch, words, message):
    write(tmp_path / 'other.dvmap', {'june': ('summer', 1)}, checkpoint='999999999999')
    monkeypatch.chdir(tmp_path)
    assert main(['map', *words, '-o', 'new']) == 1
    said = capsys.readouterr().err
    assert re.search(message, said) and len(said.splitlines()) == 1
    assert not (tmp_path / 'new.dvmap').exists()


def test_what_fails_half_way_leaves_nothing(path, tmp_path):
    with KeyframeMap.open(path) as content:
        with pytest.raises(RuntimeError):
            remove_sessions(content, ['june'], tmp_path / 'new', failing_second_time())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ['.all.dvmap.lock', 'all.dvmap']


def failing_second_time():
    calls = iter((iter, lambda rows: (_ for _ in ()).throw(RuntimeError)))
    return lambda rows: next(calls)(rows)


def test_an_existing_map_is_not_overwritten(path, tmp_path, capsys):
    assert main(['map', 'thin', str(path), '-o', str(path)]) == 1
    assert 'exists already' in capsys.readouterr().err
