"""`dejavu build-map` from end to end: maps that can be opened, or one line and nothing left behind."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter

DATA = Path(os.environ.get('DEJAVU_DATA', Path(__file__).resolve().parents[3] / 'shared' / 'data'))
needs_bags = pytest.mark.skipif(not (DATA / 'bags').is_dir(), reason=f'no bags in {DATA} (set DEJAVU_DATA)')
SECOND = 10**9
pytestmark = pytest.mark.usefixtures('quick')
CAMERA = Pose.make((0.3, 0.0, 1.2), (-0.5, 0.5, -0.5, 0.5))


def picture(seed=0):
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return cv2.resize(small, (64, 48), interpolation=cv2.INTER_CUBIC)


def write_bag(path, images, storage='mcap', pose=lambda i: Pose.planar(0.5 * i, 0, 0), shift=0):
    """Images and Odometry at 2 Hz, the robot driving 1 m/s; bytes are sent as JPEG."""
    with BagWriter(path, storage) as bag:
        bag.transforms(0, [('base_link', 'camera_optical', CAMERA)], static=True)
        for i, image in enumerate(images):
            stamp = 10 * SECOND + i * SECOND // 2
            if isinstance(image, bytes):
                bag.compressed_image('/camera/image_raw/compressed', stamp, 'camera_optical', image)
            else:
                bag.image('/camera/image_raw', stamp, 'camera_optical', image)
            bag.odometry('/odom', stamp + shift, 'odom', 'base_link', pose(i))
        bag.camera_info('/camera/camera_info', 10 * SECOND, 'camera_optical', 64, 48,
                        np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]]))
    return path


@pytest.fixture
def build(tmp_path, checkpoint, capsys):
    """Run the command; returns exit status, output and error text."""
    def run(*arguments, output=tmp_path / 'm.dvmap'):
        status = main(['build-map', '-o', str(output), '--checkpoint', str(checkpoint), *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def assert_fails(result, *words):
    status, _, error = result
    assert status == 1 and error.startswith('dejavu build-map: ') and error.count('\n') == 1
    for word in words:
        assert word in error


def nothing_left(folder, *known):
    """No map, whole or half, and no unfinished files beside the locks."""
    return {path.name for path in folder.iterdir() if not path.name.endswith('.lock')} == set(known)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_map_from_a_rosbag2(tmp_path, build, storage):
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(9)], storage)
    status, out, _ = build('--bag', bag, '--condition', 'snow')
    assert status == 0
    assert 'session drive (snow) has 5 keyframes of 9 frames along 4.0 m' in out
    assert '4 nearer than 1 m and 15 degrees' in out
    assert 'where the camera is fixed' not in out
    with KeyframeMap.open(tmp_path / 'm.dvmap') as made:
        assert made.positions[:, 0].tolist() == [0, 1, 2, 3, 4]
        assert [keyframe.stamp_ns for keyframe in made.keyframes] == [(10 + s) * SECOND for s in range(5)]
        assert made.settings['grid'] == [6, 8] and made.descriptors(0, 5).shape == (5, 10, 48)
        camera, = made.cameras
        assert (camera.width, camera.height, camera.intrinsics['K'][0]) == (64, 48, 50)
        assert np.allclose(camera.base_T_camera.matrix, CAMERA.matrix)


def test_compressed_images_and_every_frame(tmp_path, build):
    jpegs = [cv2.imencode('.jpg', picture(i))[1].tobytes() for i in range(5)]
    jpegs[2] = jpegs[2][:-40]
    status, out, _ = build('--bag', write_bag(tmp_path / 'drive', jpegs), '--keyframe-distance', 0)
    assert status == 0
    assert '4 keyframes of 5 frames' in out
    assert '1 with an unusable image (the first: /camera/image_raw/compressed #2' in out and 'cut short' in out


def test_black_frames_are_left_out(tmp_path, build):
    images = [picture(), np.zeros((48, 64, 3), np.uint8), picture()]
    status, out, _ = build('--bag', write_bag(tmp_path / 'drive', images), '--keyframe-distance', 0)
    assert status == 0 and '2 keyframes of 3' in out and 'black' in out


def test_bad_poses_are_left_out_and_told(tmp_path, build):
    def pose(i):
        return Pose(np.array([0.5 * i, 0, 0]), np.array([0, 0, 0, float(i not in (3, 4))]))

    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(9)], pose=pose)
    status, out, _ = build('--bag', bag, '--keyframe-distance', 0)
    assert status == 0
    assert '7 keyframes of 9 frames' in out and '2 without poses' in out and 'unusable poses of /odom' in out


def test_appending_a_season(tmp_path, build):
    spring = write_bag(tmp_path / 'spring', [picture(i) for i in range(5)])
    winter = write_bag(tmp_path / 'winter', [picture(9 + i) for i in range(5)], 'sqlite3')
    assert build('--bag', spring)[0] == 0
    assert_fails(build('--bag', winter), 'exists already', '--append')
    assert_fails(build('--bag', spring, '--append'), "session 'spring' already")
    assert build('--bag', winter, '--append', '--condition', 'snow')[0] == 0
    with KeyframeMap.open(tmp_path / 'm.dvmap') as made:
        assert [(s.name, s.condition, s.keyframes) for s in made.sessions] == [('spring', '', 3), ('winter', 'snow', 3)]


def test_a_map_from_a_folder(tmp_path, build):
    images = tmp_path / 'monday' / 'images'
    images.mkdir(parents=True)
    for i in range(5):
        cv2.imwrite(str(images / f'{100 + i}.0.png'), picture(i))
    (tmp_path / 'poses.txt').write_text(''.join(f'{100 + i} {i} 0 0 0 0 0 1\n' for i in range(5)))
    status, out, _ = build('--images', images, '--poses', tmp_path / 'poses.txt')
    assert status == 0 and 'session monday has 5 keyframes of 5 frames' in out and 'looking ahead' in out


def kitti(folder):
    """Images and poses of the camera in the frame of the first one (z ahead, y down), driving round a bend."""
    (folder / 'images').mkdir(parents=True)
    lines, optical = [], Pose.from_matrix(np.column_stack([BASE_R_OPTICAL, np.zeros(3)]))
    for i in range(6):
        cv2.imwrite(str(folder / f'images/{100 + i}.0.png'), picture(i))
        pose = optical.inverse @ bend(i) @ optical
        lines.append(' '.join(map(str, (100 + i, *pose.position, *pose.quaternion))))
    (folder / 'poses.txt').write_text('\n'.join(lines))
    return '--images', folder / 'images', '--poses', folder / 'poses.txt'


def bend(i):
    return Pose.planar(10 * np.sin(0.2 * i), 10 - 10 * np.cos(0.2 * i), 0.2 * i)


def test_a_trajectory_of_the_camera(tmp_path, build):
    status, out, _ = build(*kitti(tmp_path / 'drive'))
    assert status == 0 and 'WARNING: the poses move along their own z axis' in out
    assert '--poses-of camera --pose-axes optical' in out
    camera = Pose.make((0.5, 0, 1.2), (-0.5, 0.5, -0.5, 0.5))
    for mount, output in (('', tmp_path / 'b.dvmap'), ('0.5 0 1.2 -0.5 0.5 -0.5 0.5', tmp_path / 'c.dvmap')):
        status, out, _ = build(*kitti(output.with_suffix('')), '--poses-of', 'camera', '--pose-axes', 'optical',
                               '--base-T-camera', mount, output=output)
        assert status == 0 and 'WARNING' not in out and ('looking ahead' in out) == (not mount)
        with KeyframeMap.open(output) as keyframes:
            for i, frame in enumerate(keyframes.keyframes):
                lever = Pose.make(-camera.position) if mount else Pose.planar(0, 0, 0)
                np.testing.assert_allclose(frame.map_T_base.matrix, (bend(i) @ lever).matrix, atol=1e-6)


def test_images_stamped_with_the_body_frame(tmp_path, build):
    body = CAMERA @ Pose.from_matrix(np.column_stack([BASE_R_OPTICAL, np.zeros(3)])).inverse
    with BagWriter(tmp_path / 'drive') as bag:
        bag.transforms(0, [('base_link', 'camera_link', body)], static=True)
        for i in range(5):
            bag.image('/image', (10 + i) * SECOND, 'camera_link', picture(i))
            bag.odometry('/odom', (10 + i) * SECOND, 'odom', 'base_link', Pose.planar(i, 0, 0))
    status, out, _ = build('--bag', tmp_path / 'drive')
    assert status == 0 and "WARNING: frame 'camera_link' of the images is not an optical frame" in out
    with KeyframeMap.open(tmp_path / 'm.dvmap') as keyframes:
        np.testing.assert_allclose(keyframes.cameras[0].base_T_camera.matrix, CAMERA.matrix, atol=1e-9)
    status, out, _ = build('--bag', tmp_path / 'drive', '--camera-frame-convention', 'body',
                           output=tmp_path / 'told.dvmap')
    assert status == 0 and 'WARNING' not in out


def test_camera_info_of_another_shape_is_not_used_and_said(tmp_path, build):
    bag = write_bag(tmp_path / 'drive', [picture(i)[:36] for i in range(5)])
    status, out, _ = build('--bag', bag)
    assert status == 0 and 'WARNING: not used: camera_info of /camera/image_raw' in out and '64x36 have another' in out
    with KeyframeMap.open(tmp_path / 'm.dvmap') as keyframes:
        assert keyframes.cameras[0].intrinsics is None
    assert_fails(build('--bag', bag, '--triangulate', output=tmp_path / 'p.dvmap'), 'another shape')


def test_a_calibration_that_cannot_be_is_not_kept_and_said(tmp_path, build):
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(5):
            stamp = 10 * SECOND + i * SECOND // 2
            bag.image('/camera/image_raw', stamp, 'camera', picture(i))
            bag.odometry('/odom', stamp, 'odom', 'base_link', Pose.planar(i, 0, 0))
        bag.camera_info('/camera/camera_info', 10 * SECOND, 'camera', 64, 48,
                        np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]]), D=np.full(5, np.nan))
    status, out, _ = build('--bag', tmp_path / 'drive')
    assert status == 0 and 'WARNING: not used: camera_info of /camera/image_raw' in out and 'not finite' in out
    with KeyframeMap.open(tmp_path / 'm.dvmap') as keyframes:
        assert keyframes.cameras[0].intrinsics is None


def test_bags_that_are_not_there_or_cut(tmp_path, build):
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(9)])
    assert_fails(build('--bag', tmp_path / 'nothing'), 'no such bag', 'drive')
    file = bag / 'drive.mcap'
    file.write_bytes(file.read_bytes()[:file.stat().st_size // 2])
    assert_fails(build('--bag', bag), 'drive', 'cut short')
    assert nothing_left(tmp_path, 'drive')


def test_a_bag_that_breaks_off_while_mapping_leaves_nothing(tmp_path, build):
    import sqlite3
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(9)], 'sqlite3')
    with sqlite3.connect(bag / 'drive.db3') as database:
        database.execute('UPDATE messages SET data = substr(data, 1, 99) WHERE topic_id = '
                         "(SELECT id FROM topics WHERE name = '/camera/image_raw') AND timestamp > 13000000000")
    assert_fails(build('--bag', bag), 'message 8 on /camera/image_raw is no whole sensor_msgs/Image')
    assert nothing_left(tmp_path, 'drive')


@pytest.mark.parametrize('arguments, words', [
    (['--image-topic', '/nope'], ['no topic /nope', '/camera/image_raw (sensor_msgs/Image, 3)', '/odom']),
    (['--image-topic', '/odom'], ['/odom (nav_msgs/Odometry, 3)', 'no images']),
    (['--pose-topic', '/nope'], ['no topic /nope', '/odom (nav_msgs/Odometry, 3)']),
    (['--pose-topic', '/camera/image_raw'], ['no poses']),
    (['--pose-topic', '/tf_static', '--map-frame', 'base_link'], ['never moves']),
    (['--base-frame', 'nose'], ["no frame 'nose'"]),
    (['--poses', 'poses.txt'], ['--poses goes with --images']),
    (['--keyframe-distance', '-1'], ['keyframe_distance must be in 0 to 1000']),
    (['--device', 'abacus'], ["device 'abacus'"]),
    (['--append'], ['m.dvmap'])])
def test_wrong_arguments(tmp_path, build, arguments, words):
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(3)])
    assert_fails(build('--bag', bag, *arguments), *words)
    assert nothing_left(tmp_path, 'drive')


def test_ground_truth_beside_odometry_is_taken_and_named(tmp_path, build):
    """As in the town's own bags."""
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(5):
            bag.image('/camera/image_raw', i * SECOND // 2, 'camera_optical', picture(i))
            for topic, frame, y in ('/odom', 'odom', 9.0), ('/ground_truth/odom', 'map', 0.0):
                bag.odometry(topic, i * SECOND // 2, frame, 'base_link', Pose.planar(i, y, 0))
    status, out, _ = build('--bag', tmp_path / 'drive')
    assert status == 0 and out.startswith('poses: /ground_truth/odom (nav_msgs/Odometry, 5), because its name says '
                                          'ground truth; --pose-topic chooses another: /odom')
    with KeyframeMap.open(tmp_path / 'm.dvmap') as made:
        assert [tuple(k.map_T_base.position[:2]) for k in made.keyframes] == [(i, 0) for i in range(5)]


def test_frames_at_a_jump_are_left_out_and_told(tmp_path, build):
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(40):
            bag.odometry('/odom', i * SECOND // 10, 'odom', 'base_link', Pose.planar(0.2 * i + 100 * (i >= 20), 0, 0))
            if i % 5 == 4:
                bag.image('/camera/image_raw', i * SECOND // 10 + SECOND // 20, 'camera_optical', picture(i))
    status, out, _ = build('--bag', tmp_path / 'drive', '--keyframe-distance', 0)
    assert status == 0 and '6 keyframes of 8 frames' in out
    assert 'of those without poses, 1: a jump of 100.2 m within 0.1 s, after 1.900 s' in out


def test_images_and_poses_that_do_not_overlap(tmp_path, build):
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(3)], shift=1000 * SECOND)
    assert_fails(build('--bag', bag), 'do not overlap in time: images from 10.000 to 11.000 s',
                 'from 1010.000 to 1011.000 s')
    assert nothing_left(tmp_path, 'drive')


def test_a_folder_without_its_poses(tmp_path, build):
    (tmp_path / 'images').mkdir()
    cv2.imwrite(str(tmp_path / 'images' / '1.png'), picture())
    assert_fails(build('--images', tmp_path / 'images'), '--poses')
    assert_fails(build('--images', tmp_path / 'images', '--poses', tmp_path / 'none.txt'), 'no poses', 'none.txt')
    assert_fails(build('--images', tmp_path / 'images', '--poses', 'p', '--pose-topic', '/odom'), 'go with --bag')


def test_a_second_writer_is_refused(tmp_path, build):
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(3)])
    settings = {'input_size': [64, 48], 'grid': [6, 8], 'channels': 10, 'contextual': {}}
    with MapWriter.create(tmp_path / 'm.dvmap', settings, 'abc'):
        assert_fails(build('--bag', bag), 'being written by another process')
    assert nothing_left(tmp_path, 'drive')


def test_a_map_of_another_checkpoint_is_not_appended_to(tmp_path, build):
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(3)])
    assert build('--bag', bag)[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / 'm.dvmap').rglob('*') if path.is_file()}
    assert_fails(build('--bag', bag, '--append', '--session', 'again', '--checkpoint', 'random'), 'checkpoint')
    assert before == {path: path.read_bytes() for path in (tmp_path / 'm.dvmap').rglob('*') if path.is_file()}


def command(tmp_path, checkpoint, bag):
    return ['env', 'OMP_NUM_THREADS=1', sys.executable, '-m', 'dejavu_ros.cli', 'build-map', '-o',
            str(tmp_path / 'm.dvmap'), '--checkpoint', str(checkpoint), '--bag', str(bag), '--keyframe-distance', '0']


def test_a_full_disk(tmp_path, checkpoint):
    """On a tmpfs of 120 kB, which goes with its namespace, so the command is followed by a listing of what is left."""
    private = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c']
    if not shutil.which('unshare') or subprocess.run([*private, 'mount -t tmpfs tmpfs /mnt']).returncode:
        pytest.skip('no user namespaces here, so no small file system can be mounted')
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(60)])
    small = tmp_path / 'small'
    small.mkdir()
    line = shlex.join(command(small, checkpoint, bag))
    result = subprocess.run([*private, f'mount -t tmpfs -o size=120k tmpfs {small}; {line}; echo $?; ls -A {small}'],
                            capture_output=True, text=True)
    assert result.stderr.splitlines()[-1].startswith(f'dejavu build-map: cannot write {small}/m.dvmap: ')
    assert 'Traceback' not in result.stderr
    status, *left = result.stdout.split()
    assert status == '1' and left in ([], ['.m.dvmap.lock'])


def has_open(process, folder) -> bool:
    """Whether a process has a file below the folder open."""
    with contextlib.suppress(OSError):  # it ends, or closes one just now
        return any(os.readlink(entry).startswith(f'{folder}/') for entry in Path(f'/proc/{process.pid}/fd').iterdir())
    return False


@pytest.mark.skipif(not Path('/proc/self/fd').is_dir(), reason='needs /proc of Linux')
@pytest.mark.parametrize('moment', ['reading', 'mapping'])
def test_ctrl_c(tmp_path, checkpoint, moment):
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(900)])
    process = subprocess.Popen(command(tmp_path, checkpoint, bag), stderr=subprocess.PIPE, text=True)
    started = time.monotonic()
    while not (list(tmp_path.glob('.m.dvmap.*.part')) if moment == 'mapping' else has_open(process, bag)):
        assert process.poll() is None and time.monotonic() < started + 60
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    # 130 to a shell in both cases: CPython ends by the signal itself where it struck inside exec()
    assert process.returncode in (130, -signal.SIGINT), error
    assert error.splitlines()[-1] == 'dejavu build-map: interrupted'
    assert 'Traceback' not in error
    assert nothing_left(tmp_path, 'drive')


def test_a_checkpoint_that_is_not_calibrated_is_told(tmp_path, build):
    bag = write_bag(tmp_path / 'drive', [picture(i) for i in range(3)])
    status, out, _ = build('--bag', bag, '--keyframe-distance', 0)
    assert status == 0 and 'it is not calibrated' in out and 'dejavu calibrate' in out


@needs_bags
def test_the_real_ros1_bag_makes_a_map(tmp_path, build):
    status, out, _ = build('--bag', DATA / 'bags' / 'trimmed_locoffice.bag', '--image-topic',
                           '/camera/fisheye1/image_raw', '--pose-topic', '/camera/odom/sample',
                           '--keyframe-distance', 0)
    assert status == 0 and '2 keyframes of 3 frames' in out and '1 without poses' in out
    with KeyframeMap.open(tmp_path / 'm.dvmap') as made:
        assert np.allclose(made.positions[0], [3.898, 0.631, 0.422], atol=0.05)
        assert made.keyframes[0].covariance[0, 0] == pytest.approx(0.01)


@needs_bags
def test_the_real_bag_without_images_lists_its_topics(tmp_path, build):
    assert_fails(build('--bag', DATA / 'bags' / 'nav2_turtlebot.mcap'), 'no images', '/amcl_pose', '/odom', '/tf')
    assert nothing_left(tmp_path)


def test_the_parser_loads_nothing_heavy():
    code = ('import sys; from dejavu_ros.cli import make_parser; make_parser("build-map"); '
            'print([name for name in ("torch", "cv2", "rosbags", "rclpy") if name in sys.modules])')
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout == '[]\n'
