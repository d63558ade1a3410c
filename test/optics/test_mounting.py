"""Frames that are not what they are taken for: said, and put right where the map tells which they are."""

import types

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.errors import ConfigError
from dejavu_ros.geometry import IDENTITY, Pose
from dejavu_ros.optics.camera import Camera, Sight
from dejavu_ros.optics.lens import Lens
from dejavu_ros.optics.mounting import (BODY_T_OPTICAL, before_the_map, beside_the_map, elevation, parse_mounting,
                                        tilt)

GRID = (6, 8)
LENS = Lens(320, 240, (250.0, 0, 159.5, 0, 250.0, 119.5, 0, 0, 1), (), '')


def link(roll=0.0, pitch=0.0, yaw=0.0, x=0.5, z=1.2):
    """base_T_camera_link: x where the camera looks; degrees, pitched down and turned left."""
    return Pose(np.array([x, 0, z]), Rotation.from_euler('ZYX', (yaw, pitch, roll), degrees=True).as_quat())


def optical(**angles):
    return link(**angles) @ BODY_T_OPTICAL


def row(mounting, lens=LENS):
    intrinsics = lens and {'width': 320, 'height': 240, 'K': lens.K, 'D': (), 'model': ''}
    return types.SimpleNamespace(name='front', intrinsics=intrinsics, base_T_camera=mounting)


@pytest.mark.parametrize('turn', [{}, dict(yaw=90), dict(yaw=180, pitch=20), dict(pitch=-30), dict(roll=180)])
def test_a_body_frame_is_known_by_the_map(turn):
    found, warning, contradiction = beside_the_map(link(**turn), optical(), frame='camera_link')
    np.testing.assert_allclose(found.matrix, optical(**turn).matrix, atol=1e-9)
    assert "frame 'camera_link' of its images is not the optical frame" in warning and not contradiction


@pytest.mark.parametrize('turn', [{}, dict(yaw=90), dict(pitch=40), dict(roll=90), dict(roll=180, yaw=-120)])
def test_an_optical_frame_is_left_as_it_is(turn):
    found = beside_the_map(optical(**turn), optical())
    np.testing.assert_allclose(found[0].matrix, optical(**turn).matrix)
    assert found[1:] == ('', '')


@pytest.mark.parametrize('convention, ours, said', [
    ('optical', link(), 'by the frame of its base_T_camera it looks 90 degrees up'),
    ('optical', optical(pitch=80), 'looks 80 degrees down, and the camera of the map looks ahead'),
    ('auto', optical(pitch=-50), 'looks 50 degrees up, and the camera of the map looks ahead'),
    ('auto', optical(x=1500.0), 'is 1500 m from the base. Is it in metres')])
def test_what_cannot_be_is_said(convention, ours, said):
    assert said in beside_the_map(ours, optical(), convention)[2]


def test_what_a_person_says_counts():
    found, warning, contradiction = beside_the_map(link(), optical(), 'body')
    np.testing.assert_allclose(found.matrix, optical().matrix, atol=1e-9)
    assert (warning, contradiction) == ('', '')
    assert 'is said to be a body frame, but its z axis is not up' in beside_the_map(optical(), optical(), 'body')[1]


def test_a_map_made_with_a_body_frame_is_to_be_built_again():
    assert 'Build the map again' in beside_the_map(optical(), link(), 'optical')[2]
    assert beside_the_map(link(), link())[1:] == ('', '')  # the same mistake twice is none for places


def test_cameras_that_look_at_the_ceiling():
    ceiling = optical(pitch=-90)
    assert beside_the_map(ceiling, ceiling)[1:] == ('', '')


@pytest.mark.parametrize('frame, axes', [('camera_link', 'body'), ('camera_optical_frame', 'optical'),
                                         ('', 'optical')])
def test_before_there_is_a_map_the_name_tells(frame, axes):
    found, warning = before_the_map(link(), 'auto', frame)
    np.testing.assert_allclose(found.matrix, (optical() if axes == 'body' else link()).matrix, atol=1e-9)
    assert 'z axis points up' in warning if axes == 'body' else '90 degrees up' in warning
    assert before_the_map(link(), 'body', frame)[1] == '' == before_the_map(link(), 'optical', frame)[1]
    assert before_the_map(optical(pitch=50), 'auto', frame)[1] == ''


@pytest.mark.parametrize('lens', [None, LENS])
def test_pictures_of_a_body_frame_are_seen_as_those_of_the_optical_one(lens):
    sight = Sight(Camera('front', lens, base_T_camera=link(x=2.0), frame='camera_link'), row(optical()), GRID)
    assert 'not the optical frame' in sight.warning and not sight.contradiction
    assert tilt(optical() @ sight.base_T_camera.inverse) < 1e-6
    np.testing.assert_allclose(sight.base_T_camera.matrix, optical(x=2.0).matrix, atol=1e-9)


@pytest.mark.parametrize('lens', [None, LENS])
@pytest.mark.parametrize('ours, convention', [(link(), 'optical'), (optical(pitch=50), 'auto')])
def test_no_sight_lays_the_base_on_its_side(lens, ours, convention):
    sight = Sight(Camera('front', lens, base_T_camera=ours, convention=convention), row(optical()), GRID)
    assert sight.contradiction and sight.contradiction in sight.warning


def test_any_mounting_gives_an_upright_base_or_a_contradiction():
    for turn in Rotation.random(60, random_state=0):
        for lens in (None, LENS):
            sight = Sight(Camera('front', lens, base_T_camera=Pose(np.zeros(3), turn.as_quat())), row(optical()), GRID)
            assert sight.contradiction or tilt(optical() @ sight.base_T_camera.inverse) < np.radians(45.1)


def test_a_mounting_beside_an_unknown_one_is_not_judged():
    assert Sight(Camera('front', base_T_camera=link()), row(BODY_T_OPTICAL), GRID).warning == ''
    assert elevation(IDENTITY) == pytest.approx(np.pi / 2)


def test_mountings_in_words():
    assert parse_mounting(' ') is None
    np.testing.assert_array_equal(parse_mounting('1 2 3 0 0 0 2').quaternion, (0, 0, 0, 1))
    for text in ('1 2 3', '1 2 3 0 0 0 0', 'a b c d e f g', 'nan 0 0 0 0 0 1'):
        with pytest.raises(ConfigError, match='seven numbers'):
            parse_mounting(text)
