"""Posed pictures and which of them are pairs."""

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from dejavu_ros.caps.settings import CapsConfig, CapsSource
from dejavu_ros.caps.sources import open_source
from dejavu_ros.caps.views import View
from dejavu_ros.data.rosbag_writer import BagWriter
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.town.camera import camera_mount, intrinsics


@pytest.fixture
def drive(tmp_path):
    """Ten frames a metre apart on a straight road, as dejavu town writes them."""
    folder = tmp_path / 'drive'
    (folder / 'images').mkdir(parents=True)
    lines = []
    for index in range(10):
        picture = np.full((48, 64, 3), 20 * index, np.uint8)
        (folder / f'images/{1000 + index}.000000000.jpg').write_bytes(encode_jpeg(picture))
        lines.append(f'{1000 + index}.0 {index} 0 0 0 0 0 1')
    (folder / 'poses.txt').write_text('\n'.join(lines))
    mount = camera_mount(pitch_deg=0.0)
    (folder / 'camera.yaml').write_text(yaml.safe_dump({
        'camera_matrix': {'data': intrinsics(64, 48, 80.0).ravel().tolist()},
        'base_T_camera': {'position': mount.position.tolist(), 'quaternion_xyzw': mount.quaternion.tolist()}}))
    return folder


def test_a_drive(drive):
    (found,) = open_source(CapsSource(folders=str(drive)), CapsConfig(distance=2.5))
    assert len(found.views) == 10 and len(found.pairs) == 9 + 8
    np.testing.assert_allclose(found.views[3].map_T_camera.position, [3, 0, 1.5])
    np.testing.assert_allclose(found.views[3].map_T_camera.rotation.as_matrix()[:, 2], [1, 0, 0], atol=1e-12)
    picture, camera = found.views[3].at(32, 24)
    assert picture.shape == (24, 32, 3) and abs(int(picture[0, 0, 0]) - 60) < 3
    np.testing.assert_allclose(camera, intrinsics(32, 24, 80.0), atol=1e-9)


def test_a_drive_whose_pictures_are_smaller_than_the_calibration(drive):
    described = yaml.safe_load((drive / 'camera.yaml').read_text())
    described |= {'image_width': 128, 'image_height': 96,
                  'camera_matrix': {'data': intrinsics(128, 96, 80.0).ravel().tolist()}}
    (drive / 'camera.yaml').write_text(yaml.safe_dump(described))
    (found,) = open_source(CapsSource(folders=str(drive)), CapsConfig(distance=2.5))
    np.testing.assert_allclose(found.views[0].camera, intrinsics(64, 48, 80.0), atol=1e-9)


def test_pairs_need_a_baseline_and_the_same_way_to_look(drive):
    with pytest.raises(DataError, match='none of 10 pictures are a pair'):
        open_source(CapsSource(folders=str(drive)), CapsConfig(distance=0.9))
    assert len(open_source(CapsSource(folders=str(drive)), CapsConfig(distance=2.5, min_distance=1.5))[0].pairs) == 8
    turned = (drive / 'poses.txt').read_text().splitlines()
    turned[4] = '1004.0 4 0 0 0 0 1 0'  # looks back
    (drive / 'poses.txt').write_text('\n'.join(turned))
    assert len(open_source(CapsSource(folders=str(drive)), CapsConfig(distance=1.5))[0].pairs) == 7


def write_bag(path, mounted):
    """Four frames half a metre apart."""
    with BagWriter(path) as bag:
        for index in range(4):
            stamp, pose = 10**18 + index * 10**9, Pose.planar(0.5 * index, 0.0, 0.0)
            if mounted:
                bag.transforms(stamp, [('base_link', 'camera', camera_mount(pitch_deg=0.0))], static=True)
            bag.odometry('/odom', stamp, 'map', 'base_link', pose)
            bag.camera_info('/cam/camera_info', stamp, 'camera', 64, 48, intrinsics(64, 48, 80.0))
            bag.image('/cam/image_raw', stamp, 'camera', np.full((48, 64, 3), 20 * index, np.uint8))
    return str(path)


def test_bags_of_one_frame(tmp_path):
    bags = [write_bag(tmp_path / name, mounted=True) for name in 'ab']
    config = CapsConfig(distance=0.7, width=32, height=32)
    alone, both = (open_source(CapsSource(bags=' '.join(part)), config)[0] for part in (bags[:1], bags))
    assert (len(alone.views), len(alone.pairs)) == (4, 3)
    assert (len(both.views), len(both.pairs)) == (8, 4 * 3)  # also with the neighbours of the other drive
    np.testing.assert_allclose(alone.views[2].map_T_camera.position, [1.0, 0.0, 1.5])
    picture, camera = alone.views[2].at(32, 32)
    assert picture.shape == (32, 32, 3) and picture[0, 0, 0] == 40
    np.testing.assert_allclose(camera[0], intrinsics(32, 24, 80.0)[0], atol=1e-9)
    with pytest.raises(DataError, match='no transform from the base to the camera'):
        open_source(CapsSource(bags=write_bag(tmp_path / 'c', mounted=False)), config)


def test_a_scene(tmp_path):
    (tmp_path / 'a.jpg').write_bytes(encode_jpeg(np.zeros((48, 64, 3), np.uint8)))
    world_T_camera = Pose(np.array([1.0, 2.0, 3.0]), camera_mount().quaternion)
    overlap = np.array([[1.0, 0.5, 0.1], [0.2, 1.0, 0.0], [0.0, 0.0, 1.0]])
    np.savez(tmp_path / 'scene.npz', image_paths=['a.jpg'] * 3, intrinsics=[intrinsics(64, 48, 80.0)] * 3,
             poses=[world_T_camera.inverse.matrix] * 3, overlap_matrix=overlap)
    (found,) = open_source(CapsSource(scene=str(tmp_path / 'scene.npz'), root=str(tmp_path)), CapsConfig())
    assert found.pairs.tolist() == [[0, 1]]
    np.testing.assert_allclose(found.views[0].map_T_camera.matrix, world_T_camera.matrix, atol=1e-12)
    assert found.views[0].load().shape == (48, 64, 3)


@pytest.fixture
def megadepth(tmp_path):
    """Two scenes; in the first a picture is nearly turned round."""
    for scene, turns in (('0001/dense0/aligned', (0, 10, 120)), ('0002/dense0/aligned', (0, 5))):
        folder = tmp_path / 'train' / scene
        (folder / 'images').mkdir(parents=True)
        lines, names = ['# name w h fx fy cx cy R t'], []
        for number, turn in enumerate(turns):
            camera_T_map = Pose(np.array([0.5 * number, 0, 2]), Rotation.from_euler('y', turn, degrees=True).as_quat())
            names.append(f'{number}.jpg')
            (folder / 'images' / names[-1]).write_bytes(encode_jpeg(np.full((48, 64, 3), 40 * number, np.uint8)))
            numbers = (64, 48, 38.0, 38.0, 31.5, 23.5, *camera_T_map.matrix[:3, :3].ravel(), *camera_T_map.position)
            lines.append(' '.join(map(str, (names[-1], *numbers))))
        (folder / 'img_cam.txt').write_text('\n'.join(lines) + '\n')
        (folder / 'pairs.txt').write_text(''.join(f'{names[0]} {other}\n' for other in names[1:]))
    return tmp_path / 'train'


def test_megadepth_as_the_authors_of_caps_give_it(megadepth):
    first, second = open_source(CapsSource(megadepth=str(megadepth)), CapsConfig())
    assert first.pairs.tolist() == [[0, 1]], 'the third picture is turned too far'
    assert len(first.views) == 3 and second.pairs.tolist() == [[0, 1]]
    matrix = first.views[1].map_T_camera.inverse.matrix
    np.testing.assert_allclose(matrix[:3, 3], [0.5, 0, 2], atol=1e-12)
    picture, camera = first.views[1].at(64, 48)
    assert picture[0, 0, 0] == 40 and camera[0, 2] == pytest.approx(31.5)
    (megadepth / '0002/dense0/aligned/pairs.txt').write_text('0.jpg 7.jpg\n')
    with pytest.raises(DataError, match='0002.*7.jpg'):
        open_source(CapsSource(megadepth=str(megadepth)), CapsConfig())
    with pytest.raises(DataError, match='holds no img_cam.txt'):
        open_source(CapsSource(megadepth=str(megadepth / '0001/dense0/aligned/images')), CapsConfig())


def test_what_is_missing_is_said(drive, tmp_path):
    (drive / 'camera.yaml').write_text('camera_matrix: {data: [1, 2]}')
    with pytest.raises(DataError, match='does not tell camera_matrix'):
        open_source(CapsSource(folders=str(drive)), CapsConfig())
    np.savez(tmp_path / 'scene.npz', image_paths=['a.jpg'])
    with pytest.raises(DataError, match='is no scene with'):
        open_source(CapsSource(scene=str(tmp_path / 'scene.npz')), CapsConfig())


def test_a_picture_at_another_size_keeps_its_rays():
    view = View(lambda: np.zeros((96, 128, 3), np.uint8), intrinsics(128, 96, 80.0), Pose.planar(0, 0, 0))
    _, camera = view.at(64, 24)
    corner, small = np.linalg.inv(view.camera) @ [-0.5, -0.5, 1], np.linalg.inv(camera) @ [-0.5, -0.5, 1]
    np.testing.assert_allclose(small, corner, atol=1e-12)
