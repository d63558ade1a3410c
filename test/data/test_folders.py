"""Images and TUM files as they lie in people's folders."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.data.folders import folder_stamps, image_stamps, list_images, read_tum
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose

LINE = '{} {} 0 0 0 0 0 1\n'


def make_images(folder, names):
    folder.mkdir(exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((4, 4), np.uint8))
    return folder


def write_tum(path, lines):
    path.write_text('# stamp x y z qx qy qz qw\n' + ''.join(lines))
    return path


def test_images_in_the_order_of_counting(tmp_path):
    make_images(tmp_path, ['10.jpg', '9.jpg', '1.PNG', '.hidden.jpg'])
    (tmp_path / 'notes.txt').touch()
    assert [path.name for path in list_images(tmp_path)] == ['1.PNG', '9.jpg', '10.jpg']


def test_a_file_stands_for_itself(tmp_path):
    make_images(tmp_path, ['1.png', '2.png'])
    assert list_images(tmp_path / '2.png') == [tmp_path / '2.png']
    (tmp_path / 'notes.txt').write_text('')
    with pytest.raises(DataError, match='notes.txt is no picture .*, but empty'):
        list_images(tmp_path / 'notes.txt')


def test_folders_without_images(tmp_path):
    with pytest.raises(DataError, match='no such folder'):
        list_images(tmp_path / 'missing')
    with pytest.raises(DataError, match=r'holds no images \([^)]*\)$'):
        list_images(tmp_path)
    for camera in ('cam0', 'cam1'):
        (tmp_path / camera / 'data').mkdir(parents=True)
        (tmp_path / camera / 'data/1.png').touch()
    with pytest.raises(DataError, match='cam0/data and .*cam1/data do: give the folder of one camera'):
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
        LINE.format(0, 0), '1 nan 0 0 0 0 0 1\n', '2 9 0 0 nan nan nan nan\n', LINE.format(3, 3)]))
    assert drive.reason.startswith('line 3: pose with numbers that are not finite')
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
    (tmp_path / 'poses.bin').write_bytes(b'\x93NUMPY\x01\x00v\x00')
    with pytest.raises(DataError, match='no text file'):
        read_tum(tmp_path / 'poses.bin')


def test_one_pose_an_image(tmp_path):
    images = list_images(make_images(tmp_path / 'images', ['1.png', '2.png', '3.png']))
    drive = read_tum(write_tum(tmp_path / 'poses.txt', [LINE.format(s, s) for s in (5, 6, 7)]))
    assert folder_stamps(images, drive) == [5 * 10**9, 6 * 10**9, 7 * 10**9]
    short = read_tum(write_tum(tmp_path / 'short.txt', [LINE.format(s, s) for s in (5, 6)]))
    with pytest.raises(DataError, match='3 images .* carry no stamps .*1.png to 3.png.* has 2 poses'):
        folder_stamps(images, short)


def seconds(*numbers):
    return [round(number * 10**9) for number in numbers]


@pytest.mark.parametrize('place', ['image_00', 'image_00/data'])
def test_counters_with_a_file_of_stamps(tmp_path, place):
    """As KITTI's raw recordings are: a line of timestamps.txt for each number, and pictures may be missing."""
    folder = tmp_path / 'image_00' / 'data'
    folder.mkdir(parents=True)
    images = list_images(make_images(folder, [f'{i:010d}.png' for i in (0, 2, 5)]))
    (tmp_path / place / 'timestamps.txt').write_text(
        ''.join(f'2011-09-26 13:02:25.{i}00000000\n' for i in range(6)))
    stamps = [1317042145 * 10**9 + i * 10**8 for i in (0, 2, 5)]
    assert image_stamps(images) == stamps
    drive = read_tum(write_tum(tmp_path / 'poses.txt', [LINE.format(f'1317042145.{i}', i) for i in range(6)]))
    assert folder_stamps(images, drive) == stamps
    (tmp_path / place / 'timestamps.txt').write_text('0.000000e+00\n1.036e-01\n2.072e-01\n')
    assert image_stamps(images) == seconds(0, 0.1036, 0.2072)


def test_a_file_of_stamps_of_another_clock_gives_way_to_one_pose_an_image(tmp_path):
    images = list_images(make_images(tmp_path / 'data', ['000.png', '001.png']))
    (tmp_path / 'times.txt').write_text('1317042145.5\n1317042146.5\n')
    drive = read_tum(write_tum(tmp_path / 'poses.txt', [LINE.format(0, 0), LINE.format(1, 1)]))
    assert folder_stamps(images, drive) == seconds(0, 1)


def test_a_file_of_stamps_that_does_not_fit_is_none(tmp_path):
    images = list_images(make_images(tmp_path / 'data', ['a.png', 'b.png']))
    for text in ('1\n2\n3\n', 'a list of times\n', ''):
        (tmp_path / 'times.txt').write_text(text)
        assert image_stamps(images) is None


TURNED = 0.6, 0.0, 0.0, 0.8  # x, y, z, w
POSE = {'x': '1', 'y': '2', 'z': '3', 'qx': '0.6', 'qy': '0', 'qz': '0', 'qw': '0.8'}


@pytest.mark.parametrize('header, cells', [
    ('#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z [],'
     'v_RS_R_x [m s^-1],b_w_RS_S_x [rad s^-1]', 'x y z qw qx qy qz 9 9'),
    ('timestamp,qw,qx,qy,qz,tx,ty,tz', 'qw qx qy qz x y z'),
    ('%time,field.header.seq,field.header.frame_id,field.pose.pose.position.x,field.pose.pose.position.y,'
     'field.pose.pose.position.z,field.pose.pose.orientation.x,field.pose.pose.orientation.y,'
     'field.pose.pose.orientation.z,field.pose.pose.orientation.w,field.twist.twist.linear.x',
     '17 map x y z qx qy qz qw 9'),
    ('#t,px,py,pz,w,x,y,z', 'x y z qw qx qy qz'),
    ('#time [s],pos x [m],pos y [m],pos z [m],quat w [],quat x [],quat y [],quat z []', 'x y z qw qx qy qz'),
    ('stamp,position_x,position_y,position_z,orientation_w,orientation_x,orientation_y,orientation_z',
     'x y z qw qx qy qz')])
@pytest.mark.parametrize('separator', [',', ';', '\t', ', '])
@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_columns_by_their_names(tmp_path, header, cells, separator, end):
    row = separator.join(['1403636579763555584', *(POSE.get(cell, cell) for cell in cells.split())])
    path = tmp_path / 'data.csv'
    path.write_bytes(end.join([header.replace(',', separator), row, '']).encode())
    pose, _ = read_tum(path).at(1403636579763555584, 0)
    assert pose.position.tolist() == [1, 2, 3] and np.allclose(pose.quaternion, TURNED)


def test_seconds_and_nanoseconds_apart(tmp_path):
    path = tmp_path / 'data.csv'
    path.write_text('sec,nsec,x,y,z,qx,qy,qz,qw\n1403636579,63555584,1,2,3,0,0,0,1\n')
    assert read_tum(path).stamps_ns.tolist() == [1403636579063555584]


@pytest.mark.parametrize('stamps', [
    ('1403636579.763555584', '1403636580.263555584'), ('1403636579763.555584', '1403636580263.555584'),
    ('1403636579763555.584', '1403636580263555.584'), ('1403636579763555584', '1403636580263555584'),
    ('1403636579763555584.000000', '1403636580263555584.000000')])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_units_and_byte_order_marks(tmp_path, stamps, encoding):
    path = tmp_path / 'poses.txt'
    path.write_bytes(''.join(LINE.format(stamp, 0) for stamp in stamps).encode(encoding))
    assert read_tum(path).stamps_ns.tolist() == [1403636579763555584, 1403636580263555584]


def test_the_unit_that_a_header_says(tmp_path):
    lines = [f'{i * 100000000},{i},0,0,0,0,0,1' for i in range(4)]
    (tmp_path / 'a.csv').write_text('\n'.join(['timestamp [ns],x,y,z,qx,qy,qz,qw', *lines]))
    assert read_tum(tmp_path / 'a.csv').stamps_ns.tolist() == seconds(0, 0.1, 0.2, 0.3)
    (tmp_path / 'b.csv').write_text('\n'.join(lines))
    with pytest.raises(DataError, match='b.csv: read as seconds, its poses are 1157 days apart'):
        read_tum(tmp_path / 'b.csv')


def test_decimal_commas(tmp_path):
    (tmp_path / 'a.csv').write_text('1,5;2,5;0;0;0;0;0;1\n')
    assert read_tum(tmp_path / 'a.csv').at(1500000000, 0)[0].position[0] == 2.5


@pytest.mark.parametrize('quaternion, length', [('0 0 0 0', '0'), ('0 0 0.5 0.5', '0.707'), ('10 20 90 1', '92.7')])
def test_a_quaternion_that_is_none_is_named(tmp_path, quaternion, length):
    path = write_tum(tmp_path / 'poses.txt', [LINE.format(0, 0), f'1 0 0 0 {quaternion}\n'])
    with pytest.raises(DataError, match=f'poses.txt line 3: the quaternion {quaternion} has length {length}, not 1'):
        read_tum(path)


def test_the_matrices_of_kitti_are_named_for_what_they_are(tmp_path):
    path = write_tum(tmp_path / 'poses.txt', ['1 0 0 0 0 1 0 0 0 0 1 0\n'])
    with pytest.raises(DataError, match='line 2: expected stamp .* as KITTI has them'):
        read_tum(path)


@pytest.mark.parametrize('stamp', ['1e40', '99999999999999999999'])
def test_stamps_beyond_all_time_are_named(tmp_path, stamp):
    with pytest.raises(DataError, match='poses.txt line 2: expected stamp'):
        read_tum(write_tum(tmp_path / 'poses.txt', [LINE.format(stamp, 0)]))


def test_a_quaternion_with_w_first_and_no_header(tmp_path):
    def lines(angles):
        return [f'{i} {i} 0 0 {np.cos(a / 2):.6f} 0 0 {np.sin(a / 2):.6f}\n' for i, a in enumerate(angles)]

    with pytest.raises(DataError, match='with w first they stand upright'):
        read_tum(write_plain(tmp_path / 'a.txt', lines(np.linspace(0, 1, 9))))
    with pytest.raises(DataError, match='with w first they stand upright'):
        read_tum(write_plain(tmp_path / 'a.txt', lines([0, np.pi / 2])))
    with pytest.raises(DataError, match='with w first they stand upright'):
        read_tum(write_plain(tmp_path / 'a.txt', lines([0, 0, 0])))
    tilted = [f'{i} {i} 0 0 {np.cos(i / 8):.6f} 0.01 0.012 {np.sin(i / 8):.6f}\n' for i in range(9)]
    with pytest.raises(DataError, match='with w first they stand upright'):
        read_tum(write_plain(tmp_path / 'a.txt', tilted))
    assert read_tum(write_tum(tmp_path / 'a.txt', tilted)).skipped == 0  # where a header says that it is so
    # a camera that looks north, going straight or in a bend
    read_tum(write_plain(tmp_path / 'b.txt', lines([-np.pi / 2] * 3)))
    north = Pose(np.zeros(3), np.array([-np.sqrt(0.5), 0, 0, np.sqrt(0.5)]))
    turned = [(Pose.planar(0, 0, yaw) @ north).quaternion for yaw in np.linspace(-0.6, 0.6, 9)]
    read_tum(write_plain(tmp_path / 'b.txt', [f'{i} {i} 0 0 {" ".join(map(str, q))}\n' for i, q in enumerate(turned)]))


@given(yaws=st.lists(st.floats(-3, 3), min_size=2, max_size=9), tilt=st.floats(-0.3, 0.3), roll=st.floats(-0.3, 0.3))
@settings(max_examples=100, deadline=None)
def test_poses_of_what_drives_are_never_taken_for_w_first(tmp_path_factory, yaws, tilt, roll):
    leaning = Pose.make((0, 0, 0), (np.sin(roll / 2), 0, 0, np.cos(roll / 2))) @ Pose.make(
        (0, 0, 0), (0, np.sin(tilt / 2), 0, np.cos(tilt / 2)))
    turns = [(Pose.planar(0, 0, yaw) @ leaning).quaternion for yaw in yaws]
    path = tmp_path_factory.mktemp('poses') / 'a.txt'
    read_tum(write_plain(path, [f'{i} {i} 0 0 {" ".join(map(str, q))}\n' for i, q in enumerate(turns)]))


def write_plain(path, lines):
    path.write_text(''.join(lines))
    return path
