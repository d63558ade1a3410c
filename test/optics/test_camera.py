"""Pictures of a camera as the camera of the map would have taken them, however ours is built and mounted."""

import types

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.errors import ConfigError
from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.optics.camera import LOOKING_AHEAD, Camera, Sight, mapping_camera
from dejavu_ros.optics.lens import Lens

GRID = (6, 8)


def lens(width=320, height=240, focal=250.0, D=(), model=''):
    return Lens(width, height, (focal, 0, (width - 1) / 2, 0, focal, (height - 1) / 2, 0, 0, 1), D, model)


def row(camera, mounting=None, name='front'):
    intrinsics = camera and {'width': camera.width, 'height': camera.height, 'K': camera.K, 'D': camera.D,
                             'model': camera.model}
    return types.SimpleNamespace(name=name, intrinsics=intrinsics, base_T_camera=mounting)


def mounted(roll=0.0, pitch=0.0, yaw=0.0, x=0.5, z=1.2):
    """An optical frame that looks ahead, then rolled about its axis, pitched down and turned left, in degrees."""
    base_R_camera = Rotation.from_euler('ZYX', (yaw, pitch, 0), degrees=True) * Rotation.from_matrix(BASE_R_OPTICAL)
    return Pose(np.array([x, 0, z]), (base_R_camera * Rotation.from_euler('z', roll, degrees=True)).as_quat())


def seen_by(camera, mounting):
    """A smooth picture of directions in the base frame."""
    rays = np.insert(camera.rays(), 2, 1.0, axis=1)
    x, y, z = mounting.rotation.apply(rays / np.linalg.norm(rays, axis=1, keepdims=True)).T
    values = np.stack([128 + 100 * np.sin(5 * y), 128 + 100 * np.cos(6 * z), 128 + 100 * np.sin(4 * (y + z) + x)], -1)
    return values.round().astype(np.uint8).reshape(camera.height, camera.width, 3)


def check_like(image, wanted, seen=np.True_, most=6):
    difference = np.abs(image.astype(int) - wanted)[4:-4, 4:-4]
    assert difference[np.broadcast_to(seen, image.shape[:2])[4:-4, 4:-4]].max() <= most


@pytest.mark.parametrize('turn', [dict(roll=180), dict(roll=90), dict(pitch=12), dict(yaw=10), dict(roll=-20, pitch=5)])
def test_a_camera_that_is_turned_otherwise_sees_what_that_of_the_map_does(turn):
    theirs, ours = lens(), lens(640, 480, 330.0)
    sight = Sight(Camera('front', ours, base_T_camera=mounted(**turn)), row(theirs, mounted()), GRID)
    image, cells = sight(seen_by(ours, mounted(**turn)))
    check_like(image, seen_by(theirs, mounted()), sight.view.seen)
    assert sight.view.coverage > 0.8 and cells is None or cells.mean() > 0.8
    np.testing.assert_allclose(sight.base_T_camera.matrix, mounted().matrix, atol=1e-9)


@pytest.mark.parametrize('yaw', [90, 180, -120])
def test_a_camera_that_looks_elsewhere_is_only_set_upright(yaw):
    theirs, ours = lens(), lens(640, 480, 330.0)
    sight = Sight(Camera('rear', ours, base_T_camera=mounted(yaw=yaw, roll=180)), row(theirs, mounted()), GRID)
    image, _ = sight(seen_by(ours, mounted(yaw=yaw, roll=180)))
    check_like(image, seen_by(theirs, mounted(yaw=yaw)), sight.view.seen)
    np.testing.assert_allclose(sight.base_T_camera.matrix, mounted(yaw=yaw).matrix, atol=1e-9)


@pytest.mark.parametrize('roll', [90, 180, -90, 175])
def test_without_calibration_pictures_are_turned_by_quarters(roll):
    ours = lens() if roll in (180, 175) else lens(240, 320)
    sight = Sight(Camera('front', base_T_camera=mounted(roll=roll)), row(None, mounted()), GRID)
    image, cells = sight(seen_by(ours, mounted(roll=roll)))
    quarter = round(roll / 90) * 90
    check_like(image, seen_by(lens(), mounted(roll=roll - quarter)), most=1)
    assert cells is None
    np.testing.assert_allclose(sight.base_T_camera.matrix, mounted(roll=roll - quarter).matrix, atol=1e-9)


def test_the_same_camera_changes_nothing():
    image = seen_by(lens(), mounted())
    sight = Sight(Camera('front', lens(), base_T_camera=mounted(x=2.0)), row(lens(), mounted()), GRID)
    assert sight(image)[0] is image and sight(image)[1] is None and sight.warning == ''
    np.testing.assert_array_equal(sight.base_T_camera.matrix, mounted(x=2.0).matrix)


def test_what_a_narrow_camera_does_not_see_is_no_part_of_the_answer():
    narrow = lens(focal=500.0)
    image, cells = Sight(Camera('front', narrow), row(lens()), GRID)(seen_by(narrow, mounted()))
    cells = cells.reshape(GRID)
    assert cells[2:4, 2:6].all() and not cells[0].any() and not cells[:, 0].any()
    assert len(np.unique(image[:40].reshape(-1, 3), axis=0)) == 1  # the mean of the rest, not a black frame


def test_warnings_say_what_is_not_known():
    assert 'no calibration' in Sight(Camera('front', lens()), row(None), GRID).warning
    broken = row(lens())
    broken.intrinsics = {'fx': 1.0}
    assert 'of the camera of the map' in Sight(Camera('front', lens()), broken, GRID).warning
    assert 'sees only 25%' in Sight(Camera('front', lens(focal=500.0)), row(lens()), GRID).warning
    assert Sight(Camera('front'), row(lens()), GRID).warning == ''
    assert Sight(Camera('front', lens()), None, GRID).warning == ''


def test_mask_and_view_together():
    mask = np.ones((240, 320), bool)
    mask[180:] = False
    ours = lens()
    sight = Sight(Camera('front', ours, mask, mounted(roll=180)), row(lens(), mounted()), GRID)
    cells = sight(seen_by(ours, mounted()))[1].reshape(GRID)
    assert not cells[0].any() and cells[2:].all()  # what was at the bottom is on top now
    with pytest.raises(ConfigError, match='mask is 320x240'):
        sight(np.zeros((240, 240, 3), np.uint8))


def test_which_camera_stands_for_the_map():
    cameras = [row(None, name='rear'), row(lens(focal=50.0), name='left'), row(lens(focal=60.0), name='right')]
    assert mapping_camera(cameras, 'right').name == 'right'
    assert mapping_camera(cameras, 'front').name == 'left'
    assert mapping_camera(cameras, 'rear').name == 'left'
    assert mapping_camera(cameras[:1], 'front').name == 'rear' and mapping_camera([], 'front') is None


def test_an_assumed_mounting_turns_nothing():
    ours = mounted(roll=180)
    sight = Sight(Camera('front', lens(), base_T_camera=ours), row(lens(), LOOKING_AHEAD), GRID)
    image = seen_by(lens(), ours)
    assert sight(image)[0] is image and sight.base_T_camera is ours
