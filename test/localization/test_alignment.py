"""The heading is read off the displacement of the view; the covariance says what is not known."""

import dataclasses

import numpy as np
import pytest

from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.keyframes.keyframe_map import Camera
from dejavu_ros.localization.alignment import Alignment, cell_angle, displacement
from dejavu_ros.localization.model import PoseModel
from dejavu_ros.localization.places import Place

GRID = 12, 16
LENS = {'width': 320, 'height': 240, 'K': [190.7, 0, 159.5, 0, 190.7, 119.5, 0, 0, 1], 'D': [0.0] * 5,
        'model': 'plumb_bob'}  # 80 degrees wide: 5 a column


def looking(yaw_deg):
    return Pose.planar(0, 0, np.radians(yaw_deg)) @ Pose.from_matrix(np.column_stack([BASE_R_OPTICAL, np.zeros(3)]))


def camera(base_T_camera=looking(0), intrinsics=LENS):
    return Camera('summer', 'front', 320, 240, intrinsics, base_T_camera)


@pytest.fixture(scope='module')
def scene():
    """(10, 12, 48) unit vectors, wider than a view."""
    vectors = np.random.default_rng(0).normal(size=(10, 12, 48))
    return vectors / np.linalg.norm(vectors, axis=0)


def view(scene, first):
    noise = 0.1 * np.random.default_rng(1).normal(size=(10, *GRID))
    return (scene[:, :, first:first + 16] + noise).reshape(10, -1).astype(np.float16)


def test_a_column_of_an_upright_camera_along_the_road_is_an_angle():
    assert np.degrees(cell_angle(camera(), 16)) == pytest.approx(5, abs=0.01)
    assert cell_angle(camera(looking(180)), 16) == cell_angle(camera(None), 16) == cell_angle(camera(), 16)
    fisheye = {**LENS, 'model': 'equidistant'}
    assert cell_angle(camera(intrinsics=fisheye), 16) == pytest.approx(320 / 190.7 / 16)


@pytest.mark.parametrize('other', [camera(looking(90)), camera(intrinsics=None),
                                   camera(looking(0) @ Pose(np.zeros(3), np.array([0, 0, 0.7071, 0.7071])))])
def test_cameras_to_the_side_unknown_or_lying_tell_no_heading(other):
    assert cell_angle(other, 16) is None


@pytest.mark.parametrize('shift', [-3, 0, 2])
def test_the_displacement_of_a_view(scene, shift):
    assert displacement(view(scene, 16 - shift), view(scene, 16), GRID) == pytest.approx(shift, abs=0.2)


def test_unlike_views_and_masked_cells_tell_nothing(scene):
    query = view(scene, 16)
    query[:, PoseModel().min_matches - 1:] = 0
    assert displacement(query, view(scene, 16), GRID) is None


@pytest.fixture(params=[LENS, None])
def alignment(request, tmp_path):
    settings = {'input_size': [64, 48], 'grid': list(GRID), 'channels': 10, 'contextual': {}}
    with MapWriter.create(tmp_path / 'm.dvmap', settings, 'c0ffee123456') as writer:
        with writer.session('summer', '') as session:
            session.camera('front', 320, 240, request.param, looking(0))
            session.add(np.ones((10, 192), np.float16), 'front', 0, Pose.planar(3, 4, 1.0), np.diag([0.01] * 6),
                        encode_jpeg(np.zeros((8, 8, 3), np.uint8)))
    with KeyframeMap.open(tmp_path / 'm.dvmap') as keyframes:
        yield Alignment(keyframes, GRID), keyframes.keyframes[0], request.param is not None


def test_a_robot_that_turned_left_is_told_so_where_the_camera_is_known(scene, alignment):
    aligner, keyframe, is_known = alignment
    keyframe = dataclasses.replace(keyframe, map_T_base=Pose.planar(3, 4, 1.0))
    place = Place(0, 0.99, Pose.planar(3.4, 4.1, 1.02), np.diag([0.5, 0.3, 0.01, 0.01, 0.01, 0.02]))
    pose, covariance = aligner.align(place, keyframe.map_T_base.quaternion, keyframe, view(scene, 14), view(scene, 16))
    assert pose.position.tolist() == [3.4, 4.1, 0]
    assert pose.yaw == pytest.approx(1.0 + np.radians(10) if is_known else 1.02, abs=np.radians(1))
    assert covariance[0, 0] == pytest.approx(0.5 + PoseModel().place_error**2)
    assert np.all(np.linalg.eigvalsh(covariance) > 0)
    assert np.degrees(covariance[5, 5]**0.5) > (5 if is_known else 8)
    assert (covariance == covariance.T).all()
