"""``dejavu map`` says in plain words what is in a map and what is wrong with it."""

import csv
import shutil
import sqlite3

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter


@pytest.fixture
def path(tmp_path):
    settings = {'input_size': [320, 240], 'grid': [3, 5], 'channels': 4}
    with MapWriter.create(tmp_path / 'M', settings, 'abcdef012345') as made:
        for name, condition, start in (('2014-05 / noon', 'summer', 1_400_000_000), ('sim', 'night', 0)):
            with made.session(name, condition) as session:
                for i in range(3):
                    session.add(np.ones((4, 15), np.float16), 'front', (start + i) * 10 ** 9 + 5,
                                Pose.planar(2 * i, 0, 0), np.diag([4.0, 1, 1, 1, 1, 0.25]), b'\xff\xd8 %d' % i)
    return tmp_path / 'M.dvmap'


def change(path, *statements):
    with sqlite3.connect(path / 'map.sqlite') as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_show(path, capsys):
    assert main(['map', 'show', str(path.parent / 'M')]) == 0
    out = capsys.readouterr().out
    assert '6 keyframes in 2 sessions, revision 2, made with checkpoint abcdef012345' in out
    assert '120 bytes of descriptors' in out and 'x from 0.0 to 4.0 m' in out
    assert '2014-05-13 16:53:20 UTC' in out and '0.000 s' in out and 'night' in out


def test_a_session_gets_another_condition(path, capsys):
    with KeyframeMap.open(path) as before:
        assert main(['map', 'set-condition', str(path), 'sim', 'heavy rain']) == 0
        assert [session.condition for session in before.sessions] == ['summer', 'night'], 'an open map stays'
    assert capsys.readouterr().out == f'{path}: session sim is of condition heavy rain\n'
    with KeyframeMap.open(path) as after:
        assert [session.condition for session in after.sessions] == ['summer', 'heavy rain']
        assert after.keyframes[5].condition == 'heavy rain' and after.revision == before.revision + 1
        assert (after.descriptors(0, 6) == before.descriptors(0, 6)).all()
    assert main(['map', 'verify', str(path)]) == 0
    assert main(['map', 'set-condition', str(path), 'sim', '']) == 0
    assert 'is of condition none' in capsys.readouterr().out


@pytest.mark.parametrize('words, message', [(['may', 'rain'], "has no session 'may'; it has: 2014-05 / noon, sim"),
                                            (['sim', 'a\nb'], "condition 'a\\nb' must be printable text")])
def test_a_condition_that_cannot_be_set_leaves_the_map_as_it_was(path, capsys, words, message):
    content = (path / 'map.sqlite').read_bytes()
    assert main(['map', 'set-condition', str(path), *words]) == 1
    assert message in capsys.readouterr().err and (path / 'map.sqlite').read_bytes() == content
    assert {entry.name for entry in path.iterdir()} == {'map.sqlite', 'descriptors'}


def test_a_map_that_is_being_written_keeps_its_conditions(path, capsys):
    with KeyframeMap.open(path) as content, MapWriter.append(path, content.settings, content.checkpoint_id):
        assert main(['map', 'set-condition', str(path), 'sim', 'rain']) == 1
    assert 'is being written by another process' in capsys.readouterr().err


def test_verify_a_good_map(path, capsys):
    assert main(['map', 'verify', str(path)]) == 0
    assert capsys.readouterr().out == f'{path}: 0 defects, 0 left-over files; the map is good\n'


def test_verify_names_every_defect(path, capsys):
    """A flipped bit that opening cannot see, a lost shard, and a stray file, all in one go."""
    first, second = sorted((path / 'descriptors').iterdir())
    content = bytearray(first.read_bytes())
    content[-7] ^= 1
    first.write_bytes(content)
    second.unlink()
    (path / 'descriptors' / '.x.part').write_text('')
    assert main(['map', 'verify', str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(':')[0] for line in lines[:-1]] == ['defect', 'defect', 'left over']
    assert f'{first} is damaged (its SHA-256' in lines[0] and f'{second} is missing' in lines[1]
    assert lines[-1] == f'{path}: 2 defects, 1 left-over file; do not use this map'


def test_verify_a_map_whose_descriptors_are_gone(path, capsys):
    shutil.rmtree(path / 'descriptors')
    assert main(['map', 'verify', str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f'{path}: 2 defects, 0 left-over files; do not use this map'


def test_verify_names_rows_that_are_wrong(path, capsys):
    negative = np.diag([-1.0, 1, 1, 1, 1, 1]).tobytes().hex()
    change(path, "UPDATE thumbnails SET jpeg = x'474946' WHERE keyframe = 1",
           'DELETE FROM thumbnails WHERE keyframe = 2',
           f"UPDATE keyframes SET covariance = x'{negative}' WHERE id = 3",
           "INSERT INTO thumbnails VALUES (77, x'ffd8')")
    assert main(['map', 'verify', str(path)]) == 1
    out = capsys.readouterr().out
    assert 'keyframe 1: its thumbnail is no JPEG' in out and 'keyframe 2: it has no thumbnail' in out
    assert 'keyframe 3: its covariance' in out and 'points to no row of keyframes' in out
    assert '4 defects' in out


def test_verify_a_database_that_is_cut(path, capsys):
    whole = (path / 'map.sqlite').read_bytes()
    (path / 'map.sqlite').write_bytes(whole[:len(whole) // 2])
    assert main(['map', 'verify', str(path)]) == 1
    captured = capsys.readouterr()
    assert 'map.sqlite cannot be read' in captured.err and captured.out == ''


@pytest.mark.parametrize('action', [['show'], ['verify'], ['export', '-o', 'out']])
def test_no_map_is_one_line_and_status_1(tmp_path, capsys, action):
    assert main(['map', action[0], str(tmp_path / 'M'), *action[1:]]) == 1
    captured = capsys.readouterr()
    assert captured.err == (f'dejavu map: no keyframe map {tmp_path}/M.dvmap: '
                            'build one with dejavu build-map -o M.dvmap\n')
    assert captured.out == ''


def test_export(path, capsys):
    out = path.parent / 'out'
    assert main(['map', 'export', str(path), '-o', str(out)]) == 0
    assert sorted(entry.name for entry in out.iterdir()) == [
        '00_2014-05_noon.tum', '01_sim.tum', 'keyframes.csv', 'thumbnails']
    assert (out / '00_2014-05_noon.tum').read_text().splitlines()[1] == \
        '1400000001.000000005 2.0 0.0 0.0 0.0 0.0 0.0 1.0'
    rows = list(csv.DictReader((out / 'keyframes.csv').read_text().splitlines()))
    assert len(rows) == 6 and rows[3]['session'] == 'sim' and rows[3]['stamp_ns'] == '5'
    assert (rows[0]['sigma_x'], rows[0]['sigma_yaw']) == ('2', '0.5')
    assert (out / rows[4]['thumbnail']).read_bytes() == b'\xff\xd8 1'
    assert main(['map', 'export', str(path), '-o', str(out)]) == 1
    assert 'exists already' in capsys.readouterr().err


def test_a_failed_export_leaves_no_folder(path, capsys):
    change(path, 'DELETE FROM thumbnails WHERE keyframe = 4')
    assert main(['map', 'export', str(path), '-o', str(path.parent / 'out')]) == 1
    assert 'no thumbnail of keyframe 4' in capsys.readouterr().err
    assert [entry.name for entry in path.parent.iterdir() if 'out' in entry.name] == []
