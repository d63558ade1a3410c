"""Manifests of published sets, from folders laid out as they are."""

import numpy as np
import pytest

from dejavu_ros.data.known_sets import main
from dejavu_ros.data.manifests import ManifestRow, read_manifest, write_manifest
from dejavu_ros.images import encode_jpeg, load_image


def lay_out(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'an image')


def made(tmp_path, kind, *more):
    assert main([kind, str(tmp_path / 'set'), '-o', str(tmp_path / 'set.csv'), *more]) == 0
    return [(row.image.name, row.place, row.session) for row in read_manifest(tmp_path / 'set.csv')]


def test_grief(tmp_path):
    lay_out(tmp_path / 'set', 'images/0103.jpg', 'images/1203.jpg', 'ground_truth/angles.txt')
    assert made(tmp_path, 'grief') == [('0103.jpg', '03', '01'), ('1203.jpg', '03', '12')]


def test_webcams(tmp_path):
    lay_out(tmp_path / 'set', 'here/20131007_155702.jpg', 'there/20140401_092710.jpg')
    assert made(tmp_path, 'webcams') == [('20131007_155702.jpg', 'here', '20131007_155702'),
                                         ('20140401_092710.jpg', 'there', '20140401_092710')]
    assert made(tmp_path, 'webcams-by-month', '--only', 'there') == [('20140401_092710.jpg', 'there', '201404')]
    assert len(made(tmp_path, 'webcams', '--every', '2')) == 1
    assert made(tmp_path, 'webcams-by-hour', '--but', 'there') == [('20131007_155702.jpg', 'here', '15')]


def test_windows_of_a_fixed_camera_are_places(tmp_path):
    y, x = np.mgrid[:120, :160]
    picture = np.stack([x, 2 * y, x + y // 2], 2).astype(np.uint8)
    for stamp in ('20131007_155702', '20140401_092710'):
        path = tmp_path / f'set/here/{stamp}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(picture))
    assert main(['webcams', str(tmp_path / 'set'), '-o', str(tmp_path / 'windows'), '--windows']) == 0
    rows = read_manifest(tmp_path / 'windows/manifest.csv')
    assert len(rows) == 24 and len({row.place for row in rows}) == 12 and len({row.session for row in rows}) == 2
    corner = load_image(tmp_path / 'windows/here-2-3/20131007_155702.jpg')
    assert corner.shape == (60, 60, 3)
    assert np.abs(corner.astype(int) - picture[-60:, -60:]).mean() < 3


def test_a_layout_that_is_read_as_it_is_becomes_a_manifest(tmp_path, capsys):
    lay_out(tmp_path / 'set', 'summer/7.png', 'winter/7.png', 'summer/8.png')
    assert made(tmp_path, 'layout') == [('7.png', '7', 'summer'), ('7.png', '7', 'winter')]
    assert 'set: 1 of 3 images have no other of their name' in capsys.readouterr().out


def test_cmu_seasons_takes_the_high_rows(tmp_path):
    lay_out(tmp_path / 'set', *(f'2011_spring/s{i}.jpg' for i in range(3)), '2010_autumn/q0.jpg', '2010_autumn/q1.jpg')
    (tmp_path / 'set' / 'pseudo_gt_c0.csv').write_text('query,best,index,confidence\nq0.jpg,s1.jpg,1.2,high\n'
                                                       'q1.jpg,s2.jpg,2.0,low\n')
    assert made(tmp_path, 'cmu-seasons')[3:] == [('q0.jpg', '1', '2010_autumn')]
    rows = read_manifest(tmp_path / 'set.csv')
    assert [row.x for row in rows] == [0.0, 1.0, 2.0, 1.2]


@pytest.mark.parametrize('more', [[], ['--only', 'nowhere']])
def test_an_empty_folder_is_one_line(tmp_path, capsys, more):
    if more:
        lay_out(tmp_path / 'set', 'here/20131007_155702.jpg')
    assert main(['webcams', str(tmp_path / 'set'), '-o', str(tmp_path / 'set.csv'), *more]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / 'set.csv').exists()


def test_every_two_frames_of_a_walk_are_a_place_in_two_sessions(tmp_path):
    rows = [('a', index) for index in range(5)] + [('b', index) for index in range(2)]
    lay_out(tmp_path / 'set', *(f'{walk}{index}.jpg' for walk, index in rows))
    write_manifest(tmp_path / 'set' / 'manifest.csv',
                   [ManifestRow(tmp_path / 'set' / f'{walk}{index}.jpg', f'{walk}{index}', walk)
                    for walk, index in rows])
    assert made(tmp_path, 'neighbours') == [
        ('a0.jpg', 'a-000', 'first'), ('a1.jpg', 'a-000', 'second'), ('a2.jpg', 'a-001', 'first'),
        ('a3.jpg', 'a-001', 'second'), ('b0.jpg', 'b-000', 'first'), ('b1.jpg', 'b-000', 'second')]
    assert {row.condition for row in read_manifest(tmp_path / 'set.csv')} == {'a', 'b'}


def test_the_folder_of_one_camera_is_a_place(tmp_path):
    lay_out(tmp_path / 'set', 'noon.jpg', 'night.jpg')
    assert made(tmp_path, 'camera') == [('night.jpg', 'set', 'night'), ('noon.jpg', 'set', 'noon')]
