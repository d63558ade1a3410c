"""Folders of published sets, read as they are: the places they tell, and what they leave out."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.data.layouts import read_places
from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.data.utm_names import gallery_and_queries
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import BASE_R_OPTICAL


def lay_out(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'an image')


def places(found):
    """{place: {(session, file name)}} of a set."""
    grouped = {}
    for row in found.rows:
        grouped.setdefault(row.place, set()).add((row.session, row.image.name))
    return grouped


def test_a_manifest_or_a_folder_with_one(tmp_path):
    lay_out(tmp_path / 'set', 'a.jpg', 'winter/a.jpg', 'summer/a.jpg')
    write_manifest(tmp_path / 'set/manifest.csv', [ManifestRow(tmp_path / 'set/a.jpg', 'p', 's')])
    assert read_places(tmp_path / 'set') == read_places(tmp_path / 'set/manifest.csv')
    assert read_places(tmp_path / 'set').name == 'set' and len(read_places(tmp_path / 'set').rows) == 1
    write_manifest(tmp_path / 'grief.csv', [ManifestRow(tmp_path / 'set/a.jpg', 'p', 's')])
    assert read_places(tmp_path / 'grief.csv').name == 'grief'


def test_equal_names_in_any_number_of_seasons(tmp_path):
    lay_out(tmp_path, 'summer/7.png', 'winter/7.png', 'autumn/7.png', 'summer/8.png', 'winter/8.png', 'summer/9.png')
    (tmp_path / 'spring').mkdir()
    found = read_places(tmp_path)
    assert places(found) == {'7': {('summer', '7.png'), ('winter', '7.png'), ('autumn', '7.png')},
                             '8': {('summer', '8.png'), ('winter', '8.png')}}
    assert found.notes == ['1 of 6 images have no other of their name and are left out',
                           'folder spring shows no place of another folder and is left out']


def test_equal_names_in_sections_of_seasons(tmp_path):
    lay_out(tmp_path, 'fall/one/7.jpg', 'fall/two/7.jpg', 'spring/one/7.jpg', 'spring/two/7.jpg')
    assert set(places(read_places(tmp_path))) == {'one/7', 'two/7'}


def test_a_drive_with_depth_pictures_is_no_pair_of_seasons(tmp_path):
    lay_out(tmp_path, 'images/7.png', 'depth/7.png', 'poses.txt')
    with pytest.raises(DataError, match='no known layout'):
        read_places(tmp_path)


def utm(east, north, day='', heading='', zone='17', letter='T'):
    return f'@{east:010.2f}@{north:010.2f}@{zone}@{letter}@40.44@-79.99@pano@3@{heading}@@@@{day}@@.jpg'


def test_utm_names_become_places_and_days(tmp_path):
    here, there = (583123.12, 4477123.12), (583223.0, 4477123.0)
    lay_out(tmp_path, 'first/' + utm(*here, '20131201_120000'), 'second/' + utm(here[0] + 6, here[1], '20140601'),
            'second/' + utm(*there, '201406'), 'second/' + utm(here[0] + 14, here[1], '20140601'))
    found = read_places(tmp_path)
    assert [{session for session, _ in views} for views in places(found).values()] == [{'20131201', '20140601'},
                                                                                      {'201406'}]
    row = next(row for row in found.rows if row.session == '20131201')
    assert (row.x, row.y, row.yaw, row.condition) == (583123.12, 4477123.12, None, 'first')
    assert found.notes == ['1 of 4 images lie between places of 10 m and are left out']


def test_utm_names_without_a_day_go_by_folder_and_short_ones_are_read(tmp_path):
    lay_out(tmp_path, 'database/@0583123.12@4477123.12@.jpg', 'queries_night/@0583124.00@4477123.12@17@T@.jpg',
            'queries_night/plan.png')
    found = read_places(tmp_path)
    assert [row.session for row in found.rows] == ['database', 'queries_night']
    assert len(places(found)) == 1 and found.notes == ['1 of 3 images have no position in their name and are left out']


@pytest.mark.parametrize('searched, asked', [
    ('gallery', 'queries'), ('database', 'queries'), ('Database', 'query'), ('reference', 'query'), ('refs', 'queries'),
    ('index', 'queries_night'), ('test/database', 'test/queries'), ('database_v2', 'queries_v1')])
def test_queries_of_a_gallery_are_all_kept_and_the_folders_are_the_sessions(tmp_path, searched, asked):
    lay_out(tmp_path, f'{searched}/' + utm(5e5, 4e6, '20131201'), f'{searched}/' + utm(5e5 + 15, 4e6, '20131202'),
            f'{searched}/' + utm(5e5 + 100, 4e6), f'{asked}/' + utm(5e5 + 2, 4e6, '20140601'))
    found = read_places(tmp_path)
    assert sorted(row.session for row in found.rows) == sorted([searched] * 3 + [asked]) and not found.notes
    assert len(places(found)) == 3, 'what lies between places is one of its own'
    assert {len(views) for views in places(found).values()} == {1, 2}
    assert gallery_and_queries({row.session for row in found.rows}) == (searched, asked)


def test_a_database_without_queries_is_no_gallery(tmp_path):
    lay_out(tmp_path, 'database/' + utm(5e5, 4e6, '20131201'), 'database/' + utm(5e5 + 2, 4e6, '20140601'))
    assert {row.session for row in read_places(tmp_path).rows} == {'20131201', '20140601'}


def test_utm_headings_part_places_and_become_yaw(tmp_path):
    lay_out(tmp_path, *(f'{folder}/' + utm(5e5, 4e6, heading=heading) for folder in ('a', 'b')
                        for heading in ('000', '090', '180')))
    found = read_places(tmp_path)
    assert [sorted(row.yaw for row in found.rows if row.place == place)[0] for place in sorted(places(found))] == \
        pytest.approx([math.pi / 2, 0, -math.pi / 2])
    assert all(len(views) == 2 for views in places(found).values())


def test_utm_zones_and_hemispheres_do_not_mix(tmp_path):
    lay_out(tmp_path, *(f'{zone}{letter}/' + utm(5e5, 1e5, zone=zone, letter=letter)
                        for zone in ('17', '18') for letter in 'TK'))
    assert len(places(read_places(tmp_path))) == 4


def test_a_utm_name_without_a_number_is_named(tmp_path):
    lay_out(tmp_path, '@east@north@.jpg')
    with pytest.raises(DataError, match='@east@north@.jpg names no position'):
        read_places(tmp_path)


def robotcar(folder, reference, training, down=1.0):
    """RobotCar Seasons with cameras at (condition, stamp, x, y, yaw) seen from above; world axis 3 points ``down``."""
    # world axes north, east, down, or east, north, up
    world = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]]) if down > 0 else np.eye(3)
    nvm, matrices = ['NVM_V3', '', str(len(reference))], []
    for condition, stamp, x, y, yaw in (*reference, *training):
        lay_out(folder, f'images/{condition}/rear/{stamp}.jpg', f'images/{condition}/left/{stamp}.jpg')
        rotation = world @ Rotation.from_euler('z', yaw).as_matrix() @ BASE_R_OPTICAL
        centre = world @ [x, y, 1.5]
        if condition == 'overcast-reference':
            i, j, k, w = Rotation.from_matrix(rotation.T).as_quat()
            numbers = [400, w, i, j, k, *centre, 0, 0]
            nvm.append(f'./{condition}/rear/{stamp}.png {" ".join(map(str, numbers))}')
        else:
            matrix = np.vstack([np.column_stack([rotation, centre]), [0, 0, 0, 1]])
            matrices.append(f'{condition}/rear/{stamp}.png {" ".join(map(str, matrix.ravel()))}')
    (folder / '3D-models/all-merged').mkdir(parents=True)
    (folder / '3D-models/all-merged/all.nvm').write_text('\n'.join([*nvm, '', '1', '0 0 0 0 0 0 0']))
    (folder / 'robotcar_v2_train.txt').write_text('\n'.join(matrices) + '\n')


REFERENCE = [('overcast-reference', 1417176458999821 + i * 10**6, 20.0 * i, 3.0 * i, 0.3) for i in range(3)]
NIGHT = [('night', 1418840689734892 + i * 10**6, 20.0 * i + 1, 3.0 * i, 0.25) for i in range(2)]


@pytest.mark.parametrize('down', [1.0, -1.0])
def test_robotcar_seasons(tmp_path, down):
    robotcar(tmp_path, REFERENCE, NIGHT, down)
    lay_out(tmp_path, 'images/snow/rear/1424450252189893.jpg')
    found = read_places(tmp_path)
    assert sorted(places(found).values(), key=len)[0] == {('overcast-reference', '1417176460999821.jpg')}
    assert sorted(map(len, places(found).values())) == [1, 2, 2]
    for row in found.rows:
        _, stamp, x, y, yaw = next(truth for truth in (*REFERENCE, *NIGHT) if str(truth[1]) == row.image.stem)
        assert (row.x, row.y, row.yaw) == pytest.approx((x, y, yaw)) and row.stamp_ns == stamp * 1000
        assert row.image.parent.name == 'rear' and row.session == row.condition
    assert found.notes == ['1 images of snow have no published pose and are left out']


def test_robotcar_seasons_without_or_with_damaged_poses(tmp_path):
    lay_out(tmp_path / 'bare', 'images/snow/rear/1424450252189893.jpg')
    with pytest.raises(DataError, match='no pose for any of 1 rear images; sought .*all.nvm and robotcar_v2_train.txt'):
        read_places(tmp_path / 'bare')
    robotcar(tmp_path / 'cut', REFERENCE, NIGHT)
    path = tmp_path / 'cut/robotcar_v2_train.txt'
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DataError, match='robotcar_v2_train.txt line 2: expected 16 numbers'):
        read_places(tmp_path / 'cut')
    (tmp_path / 'cut/3D-models/all-merged/all.nvm').write_text('# no such thing')
    with pytest.raises(DataError, match='is no NVM_V3 file'):
        read_places(tmp_path / 'cut')


def test_an_unknown_folder_says_what_was_sought_and_found(tmp_path):
    lay_out(tmp_path, 'one/a.jpg', 'two/b.jpg')
    with pytest.raises(DataError, match=r'sought manifest.csv, .*RobotCar.*; found 2 images in 2 folders \(one, '):
        read_places(tmp_path)
    with pytest.raises(DataError, match='no manifest .*nowhere'):
        read_places(tmp_path / 'nowhere')
