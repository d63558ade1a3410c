"""Maps with points, from the command that makes them to the pose that the localizer refines."""

import dataclasses

import cv2
import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from dejavu_ros.cli import main
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import ConfigError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_png, load_image
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.keyframes.points import Points
from dejavu_ros.keyframes.verify import verify
from dejavu_ros.localization import Hypothesis, Localizer, LocalizerConfig
from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings

MATRIX = np.array([[150.0, 0, 119.5], [0, 150.0, 89.5], [0, 0, 1]])
FULL = np.array([[300.0, 0, 239.5], [0, 300.0, 179.5], [0, 0, 1]])  # of pictures of twice the size
BASE_T_CAMERA = Pose.make((0.3, 0.0, 1.2), Rotation.from_euler('xyz', [-90, 0, -90], degrees=True).as_quat())
BASELINE = 0.8
RIGHT = BASE_T_CAMERA @ Pose.make((BASELINE, 0.0, 0.0))
WALL = 10.0  # metres ahead of the map's origin, across x
PER_METRE = 30
STEPS = (0.0, 1.0, 2.0, 3.0)


def wall():
    coarse = np.random.default_rng(0).integers(0, 255, (45, 90, 3), np.uint8)
    return cv2.resize(coarse, (1200, 600), interpolation=cv2.INTER_CUBIC)


def see(map_T_base, base_T_camera=BASE_T_CAMERA):
    """(180, 240, 3) picture and depth of the wall x = WALL, y in [-20, 20], z in [-9, 11]."""
    camera = map_T_base @ base_T_camera
    x, y = np.meshgrid(np.arange(240.0), np.arange(180.0))
    rays = np.stack([(x - 119.5) / 150, (y - 89.5) / 150, np.ones_like(x)], -1)
    directions = camera.rotation.apply(rays.reshape(-1, 3)).reshape(180, 240, 3)
    depth = (WALL - camera.position[0]) / directions[..., 0]
    hit = camera.position + directions * depth[..., None]
    u, v = (20 - hit[..., 1]) * PER_METRE, (11 - hit[..., 2]) * PER_METRE
    return cv2.remap(wall(), u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR), depth.astype(np.float32)


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    """A folder as ``dejavu town`` writes it, of a robot that nears the wall."""
    folder = tmp_path_factory.mktemp('drive')
    for name in ('images', 'depth', 'right'):
        (folder / name).mkdir()
    lines = []
    for index, x in enumerate(STEPS):
        pose = Pose.planar(x, 0.2 * index, 0.02 * index)
        image, depth = see(pose)
        name = f'{1000 + index}.000000000.png'
        (folder / 'images' / name).write_bytes(encode_png(image))
        (folder / 'depth' / name).write_bytes(encode_png((depth * 1000).astype(np.uint16)))
        (folder / 'right' / name).write_bytes(encode_png(see(pose, RIGHT)[0]))
        lines.append(' '.join(map(str, (1000 + index, *pose.position, *pose.quaternion))))
    (folder / 'poses.txt').write_text('\n'.join(lines) + '\n')
    for name, mount, baseline, size in (
            ('camera', BASE_T_CAMERA, 0.0, (240, 180)), ('right', RIGHT, BASELINE, (240, 180)),
            ('full', BASE_T_CAMERA, 0.0, (480, 360)), ('full_right', RIGHT, BASELINE, (480, 360))):
        matrix = MATRIX if size[0] == 240 else FULL
        projection = np.column_stack([matrix, (-matrix[0, 0] * baseline, 0, 0)])
        (folder / f'{name}.yaml').write_text(yaml.safe_dump({
            'image_width': size[0], 'image_height': size[1], 'camera_matrix': {'data': matrix.ravel().tolist()},
            'distortion_model': 'plumb_bob', 'distortion_coefficients': {'data': [0.0] * 5},
            'projection_matrix': {'data': projection.ravel().tolist()},
            'base_T_camera': {'position': mount.position.tolist(), 'quaternion_xyzw': mount.quaternion.tolist()}}))
    save_checkpoint(folder / 'tiny.pt', DejavuNet(), FeatureSettings(64, 48, 8, 6), ContextualSettings())
    return folder


def build(drive, output, *more):
    return main(['build-map', '-o', str(output), '--images', str(drive / 'images'), '--poses',
                 str(drive / 'poses.txt'), '--keyframe-distance', '0.5', '--checkpoint', str(drive / 'tiny.pt'),
                 '--point-features', 'rootsift', *more])


def camera_info(bag, kind):
    """Of the pictures; of a sensor with twice as many pixels each way, perhaps binned; or of one that is cut."""
    shifted = FULL + [[0, 0, 40], [0, 0, 20], [0, 0, 0]]
    K, size, binning, roi = {'': (MATRIX, (240, 180), 0, (0, 0, 0, 0)), 'full': (FULL, (480, 360), 0, (0, 0, 0, 0)),
                             'binned': (FULL, (480, 360), 2, (0, 0, 0, 0)),
                             'cut': (shifted, (600, 400), 2, (40, 20, 480, 360))}[kind]
    region = bag.message('sensor_msgs/msg/RegionOfInterest', x_offset=roi[0], y_offset=roi[1], width=roi[2],
                         height=roi[3], do_rectify=False)
    return bag.message('sensor_msgs/msg/CameraInfo', header=bag.header(0, 'camera_optical'), width=size[0],
                       height=size[1], distortion_model='plumb_bob', d=np.zeros(5), k=K.ravel(), r=np.eye(3).ravel(),
                       p=np.column_stack([K, np.zeros(3)]).ravel(), binning_x=binning, binning_y=binning, roi=region)


def bag_of(drive, path, kind='', depth_focal=0.0):
    """The same drive as a bag, with depth as compressed_depth_image_transport sends it, and perhaps its CameraInfo."""
    with BagWriter(path) as bag:
        bag.transforms(0, [('base_link', 'camera_optical', BASE_T_CAMERA)], static=True)
        for index, line in enumerate((drive / 'poses.txt').read_text().splitlines()):
            seconds, *numbers = map(float, line.split())
            stamp, name = int(seconds * 1e9), f'{1000 + index}.000000000.png'
            if index == 0:
                bag.write('/camera/camera_info', stamp, camera_info(bag, kind))
                if depth_focal:
                    K = np.array([[depth_focal, 0, 119.5], [0, depth_focal, 89.5], [0, 0, 1]])
                    bag.camera_info('/depth/image/camera_info', stamp, 'depth_optical', 240, 180, K)
            bag.odometry('/odom', stamp, 'map', 'base_link', Pose.make(numbers[:3], numbers[3:]))
            bag.image('/camera/image_raw', stamp, 'camera_optical', load_image(drive / 'images' / name))
            bag.compressed_image('/depth/image/compressedDepth', stamp + 10_000_000, 'camera_optical',
                                 bytes(12) + (drive / 'depth' / name).read_bytes(), '16UC1; compressedDepth png')
    return path


@pytest.fixture(scope='module', params=['depth', 'stereo', 'motion', 'bag', 'full depth', 'full stereo', 'full motion',
                                        'bag full', 'bag binned', 'bag cut'])
def mapped(request, drive, tmp_path_factory):
    """The wall, mapped in every way; ``full`` and ``binned`` with a calibration of pictures of twice the size."""
    output = tmp_path_factory.mktemp('map') / 'wall.dvmap'
    first, _, second = request.param.partition(' ')
    if first == 'bag':
        assert main(['build-map', '-o', str(output), '--bag', str(bag_of(drive, output.with_name('bag'), second)),
                     '--image-topic', '/camera/image_raw', '--depth-topic', '/depth/image/compressedDepth',
                     '--keyframe-distance', '0.5', '--checkpoint', str(drive / 'tiny.pt'), '--point-features',
                     'rootsift']) == 0
        return output
    how = {'depth': ['--depth-images', str(drive / 'depth')], 'motion': ['--triangulate'],
           'stereo': ['--right-images', str(drive / 'right'), '--right-camera-info',
                      str(drive / ('full_right.yaml' if first == 'full' else 'right.yaml'))]}[second or first]
    assert build(drive, output, '--camera-info', str(drive / ('full' if first == 'full' else 'camera')) + '.yaml',
                 *how) == 0
    return output


def extractor(drive):
    return FeatureExtractor(load_checkpoint(drive / 'tiny.pt'))


def test_map_with_points_is_sound_and_points_lie_on_the_wall(mapped):
    assert not list(verify(mapped))
    with KeyframeMap.open(mapped) as keyframes:
        assert keyframes.has_points and len(keyframes) == len(STEPS)
        for frame in keyframes.keyframes:
            points = Points.from_bytes(keyframes.points(frame.id))
            camera = frame.map_T_base @ BASE_T_CAMERA
            x = (camera.rotation.apply(points.points) + camera.position)[:, 0]
            assert len(points) > 30 and np.median(np.abs(x - WALL)) < 0.3  # a quarter of a pixel of disparity
            assert points.learned is None and points.rootsift.shape == (128, len(points))


def test_localizer_refines_the_pose_of_a_place(drive, mapped):
    truth = Pose.planar(1.4, -0.3, np.radians(-3))
    image, _ = see(truth)
    with KeyframeMap.open(mapped) as keyframes:
        localizer = Localizer(extractor(drive), keyframes, LocalizerConfig(six_dof=True))
        frame = keyframes.keyframes[1]
        place = Hypothesis(1, frame.session, '', 0.5, 1.0, 20, frame.map_T_base, np.eye(6))
        refined, how = localizer.refine(image, place, None)
        unknown, why = localizer.refine(np.zeros_like(image), place, None)
    metres, radians = refined.map_T_base.distance(truth)
    assert metres < 0.1 and np.degrees(radians) < 1 and 'points' in how
    assert np.linalg.eigvalsh(refined.covariance).min() > 0 and refined.covariance[0, 0] < 1
    assert unknown is place and 'too few points' in why


def test_a_map_made_with_the_calibration_of_other_pictures_gives_no_poses(drive, tmp_path):
    """As they were made before calibrations were scaled."""
    assert build(drive, tmp_path / 'old', '--camera-info', str(drive / 'camera.yaml'), '--triangulate') == 0
    with KeyframeMap.open(tmp_path / 'old') as keyframes:
        keyframes.cameras[0].intrinsics.update(width=480, height=360)
        with pytest.raises(ConfigError, match='240x180, .* the calibration of 480x360: build it again'):
            Localizer(extractor(drive), keyframes, LocalizerConfig(six_dof=True))


def test_a_pose_that_lies_on_its_side_is_not_believed(drive, mapped):
    image, _ = see(Pose.planar(1.4, -0.3, 0))
    with KeyframeMap.open(mapped) as keyframes:
        localizer = Localizer(extractor(drive), keyframes, LocalizerConfig(six_dof=True))
        frame = keyframes.keyframes[1]
        turned = Pose(frame.map_T_base.position, Rotation.from_euler('x', 90, degrees=True).as_quat())
        place = Hypothesis(1, frame.session, '', 0.5, 1.0, 20, turned, np.eye(6))
        refined, why = localizer.refine(image, place, None)
    assert refined is place and 'not believed' in why


def test_points_need_pictures_and_depth_of_the_calibrated_shape(drive, tmp_path, capsys):
    (tmp_path / 'wide.yaml').write_text((drive / 'camera.yaml').read_text().replace('image_height: 180',
                                                                                   'image_height: 135'))
    assert build(drive, tmp_path / 'wide', '--camera-info', str(tmp_path / 'wide.yaml'), '--triangulate') == 1
    assert 'calibrated for pictures of 240x135, and pictures of 240x180' in capsys.readouterr().err
    (tmp_path / 'depth').mkdir()
    for path in (drive / 'depth').iterdir():
        (tmp_path / 'depth' / path.name).write_bytes(encode_png(np.full((135, 240), 5000, np.uint16)))
    assert build(drive, tmp_path / 'deep', '--camera-info', str(drive / 'camera.yaml'), '--depth-images',
                 str(tmp_path / 'depth')) == 1
    assert 'calibrated for pictures of 240x180, and depth of 240x135' in capsys.readouterr().err


def test_poses_and_mounting_that_contradict_the_pictures_are_told(drive, tmp_path, capsys):
    for mount, wrong in (('0.3 0 1.2 -0.5 0.5 -0.5 0.5', False), ('0.3 0 1.2 0 0 0 1', True)):
        assert build(drive, tmp_path / f'{wrong}', '--camera-info', str(drive / 'camera.yaml'), '--base-T-camera',
                     mount, '--camera-frame-convention', 'optical', '--depth-images', str(drive / 'depth')) == 0
        said = "of the picture's width (median) from where poses, mounting and calibration put them"
        assert (said in capsys.readouterr().out) == wrong


def test_poses_that_give_no_points_are_told(drive, tmp_path, capsys):
    """They turn on the spot, and the pictures near the wall."""
    poses = [Pose.planar(0, 0, 0.1 * index) for index in range(len(STEPS))]
    (tmp_path / 'poses.txt').write_text(''.join(
        ' '.join(map(str, (1000 + index, *pose.position, *pose.quaternion))) + '\n'
        for index, pose in enumerate(poses)))
    assert build(drive, tmp_path / 'm', '--camera-info', str(drive / 'camera.yaml'), '--triangulate', '--poses',
                 str(tmp_path / 'poses.txt'), '--keyframe-distance', '0') == 0
    assert 'only 0 of 4 keyframes got points in 3-D' in capsys.readouterr().out


def test_depth_of_another_camera_is_refused(drive, tmp_path, capsys):
    """As that of a depth camera beside the one of the images, which nobody has aligned."""
    def mapped(bag):
        return main(['build-map', '-o', str(tmp_path / 'm'), '--bag', str(bag), '--image-topic', '/camera/image_raw',
                     '--depth-topic', '/depth/image/compressedDepth', '--checkpoint', str(drive / 'tiny.pt')])

    assert mapped(bag_of(drive, tmp_path / 'bag', depth_focal=95.0)) == 1
    assert 'is not registered to /camera/image_raw: its camera_info has a focal length of 95' in capsys.readouterr().err
    assert mapped(bag_of(drive, tmp_path / 'good', depth_focal=152.0)) == 0


def test_points_follow_their_keyframes_into_a_thinner_map(mapped, tmp_path):
    assert main(['map', 'thin', str(mapped), '-o', str(tmp_path / 'thin.dvmap'), '--distance', '1.9']) == 0
    with KeyframeMap.open(mapped) as before, KeyframeMap.open(tmp_path / 'thin.dvmap') as after:
        assert len(after) < len(before)
        for frame in after.keyframes:
            same = int(np.argmin(np.abs(before.keyframes.stamps_ns - frame.stamp_ns)))
            assert after.points(frame.id) == before.points(same)


def test_map_without_points_says_what_to_do(drive, tmp_path, capsys):
    assert build(drive, tmp_path / 'plain') == 0
    with KeyframeMap.open(tmp_path / 'plain') as keyframes:
        assert not keyframes.has_points and keyframes.points(0) is None
        with pytest.raises(ConfigError, match='--triangulate'):
            Localizer(extractor(drive), keyframes, LocalizerConfig(six_dof=True))
    assert build(drive, tmp_path / 'blind', '--triangulate') == 1
    assert '--camera-info' in capsys.readouterr().err
    assert not (tmp_path / 'blind.dvmap').exists()


def test_points_come_back_as_they_went_in():
    rng = np.random.default_rng(0)
    unit = [part / np.linalg.norm(part, axis=0) for part in (rng.random((128, 9)) + 1e-3, rng.normal(size=(10, 9)))]
    points = Points(rng.normal(size=(9, 3)).astype(np.float32), *unit)
    back = Points.from_bytes(points.to_bytes())
    np.testing.assert_array_equal(back.points, points.points)
    np.testing.assert_allclose(back.rootsift, points.rootsift, atol=0.01)
    np.testing.assert_allclose(back.learned, points.learned, atol=0.001)


@pytest.mark.parametrize('change', [
    lambda content: b'', lambda content: content[:-7], lambda content: b'\xff' * 64,
    lambda content: dataclasses.replace(Points.from_bytes(content), points=np.full((4, 3), np.nan)).to_bytes(),
    lambda content: dataclasses.replace(Points.from_bytes(content), points=np.zeros((5, 3))).to_bytes(),
    lambda content: dataclasses.replace(Points.from_bytes(content), learned=None).to_bytes()])
def test_damaged_points_are_refused(change):
    content = Points(np.zeros((4, 3), np.float32), None, np.eye(4, dtype=np.float32)).to_bytes()
    with pytest.raises(MapError, match='points'):
        Points.from_bytes(change(content))
