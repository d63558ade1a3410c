"""Images and TUM files as they lie in people's folders."""

import cv2
import numpy as np
import pytest

from dejavu_ros.data.folders import folder_stamps, image_stamps, list_images, parse_stamp, read_tum
from dejavu_ros.errors import DataError

LINE = '{} {} 0 0 0 0 0 1\n'


def make_images(folder, names):
    folder.mkdir(exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((4, 4), np.uint8))
    return folder


def write_tum(path, lines):
    path.write_text('# stamp x y z qx qy qz qw\n' + ''.join(lines))
    return path


@pytest.mark.parametrize('text, nanoseconds', [
    ('1403636579.763555584', 1403636579763555584), ('0.1', 10**8), ('12', 12 * 10**9), ('1.5e3', 1500 * 10**9),
    ('1403636579', 1403636579 * 10**9), ('1403636579763', 1403636579763 * 10**6),
    ('1303398475046031', 1303398475046031000), ('1403636579763555584', 1403636579763555584), ('-2.5', -25 * 10**8)])
def test_stamps_to_the_nanosecond(text, nanoseconds):
    assert parse_stamp(text) == nanoseconds


@pytest.mark.parametrize('text', ['', 'now', 'nan', 'inf', '1,5'])
def test_what_is_no_stamp(text):
    with pytest.raises(ValueError):
        parse_stamp(text)


def test_images_in_the_order_of_counting(tmp_path):
    make_images(tmp_path, ['10.jpg', '9.jpg', '1.PNG', '.hidden.jpg'])
    (tmp_path / 'notes.txt').touch()
    assert [path.name for path in list_images(tmp_path)] == ['1.PNG', '9.jpg', '10.jpg']


def test_a_file_stands_for_itself(tmp_path):
    make_images(tmp_path, ['1.png', '2.png'])
    assert list_images(tmp_path / '2.png') == [tmp_path / '2.png']
    (tmp_path / 'notes.txt').write_text('')
    with pytest.raises(DataError, match='no such folder of images: .*notes.txt'):
        list_images(tmp_path / 'notes.txt')


def test_folders_without_images(tmp_path):
    with pytest.raises(DataError, match='no such folder'):
        list_images(tmp_path / 'missing')
    with pytest.raises(DataError, match='holds no images'):
        list_images(tmp_path)


@pytest.mark.parametrize('names, stamps', [
    (['1403636579.50.png', '1403636580.25.png'], [1403636579500000000, 1403636580250000000]),
    (['img_00121_c0_1303398475046031us_rect.jpg'], [1303398475046031000]),
    (['000001.png', '000002.png'], None), (['1403636579763555584.png', 'extra.png'], None)])
def test_stamps_in_file_names(tmp_path, names, stamps):
    assert image_stamps(list_images(make_images(tmp_path, names))) == stamps


def test_a_trajectory(tmp_path):
    drive = read_tum(write_tum(tmp_path / 'poses.txt', [LINE.format(0, 0), '\n', LINE.format('2.0', 4)]))
    assert drive.at(10**9, 2 * 10**9)[0].position.tolist() == [2, 0, 0]


def test_lines_with_unusable_poses_are_counted(tmp_path):
    drive = read_tum(write_tum(tmp_path / 'poses.txt', [
        LINE.format(0, 0), '1 nan 0 0 0 0 0 1\n', '2 9 0 0 0 0 0 0\n', LINE.format(3, 3)]))
    assert drive.skipped == 2 and drive.at(2 * 10**9, 3 * 10**9)[0].position[0] == 2


@pytest.mark.parametrize('line', ['1 2 3\n', '1 0 0 0 0 0 0 one\n', 'x 0 0 0 0 0 0 1\n', '0 0 0 0 0 0 0 1 7\n'])
def test_a_line_that_is_no_pose_is_named(tmp_path, line):
    path = write_tum(tmp_path / 'poses.txt', [LINE.format(0, 0), line])
    with pytest.raises(DataError, match='poses.txt line 3: expected stamp x y z qx qy qz qw, got'):
        read_tum(path)


def test_missing_empty_and_binary_pose_files(tmp_path):
    with pytest.raises(DataError, match='no poses .*missing.txt'):
        read_tum(tmp_path / 'missing.txt')
    with pytest.raises(DataError, match='no usable pose'):
        read_tum(write_tum(tmp_path / 'poses.txt', []))
    (tmp_path / 'poses.bin').write_bytes(b'\xff\xfe\x00\x81')
    with pytest.raises(DataError, match='no text file'):
        read_tum(tmp_path / 'poses.bin')


def test_one_pose_an_image(tmp_path):
    images = list_images(make_images(tmp_path / 'images', ['1.png', '2.png', '3.png']))
    drive = read_tum(write_tum(tmp_path / 'poses.txt', [LINE.format(s, s) for s in (5, 6, 7)]))
    assert folder_stamps(images, drive) == [5 * 10**9, 6 * 10**9, 7 * 10**9]
    short = read_tum(write_tum(tmp_path / 'short.txt', [LINE.format(s, s) for s in (5, 6)]))
    with pytest.raises(DataError, match='3 images .* carry no stamps .* has 2 poses'):
        folder_stamps(images, short)
