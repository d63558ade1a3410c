"""A drive: its look belongs to its condition, its poses to the lane."""

import dataclasses

import numpy as np
import pytest

from dejavu_ros.errors import ConfigError
from dejavu_ros.town.camera import camera_mount, intrinsics
from dejavu_ros.town.conditions import CONDITIONS, RANGES, Look, draw_look
from dejavu_ros.town.config import MOUNTS
from dejavu_ros.town.layout import ROAD_HALF
from dejavu_ros.town.scene import Town
from dejavu_ros.town.traversal import Traversal


@pytest.fixture(scope='module')
def town():
    return Town(1)


def looks(condition, count=20):
    return [draw_look(condition, np.random.default_rng(seed)) for seed in range(count)]


def test_the_nine_conditions_of_robotcar_seasons():
    assert sorted(CONDITIONS) == ['dawn', 'dusk', 'night', 'night-rain', 'overcast-summer', 'overcast-winter', 'rain',
                                  'snow', 'sun']


@pytest.mark.parametrize('condition', CONDITIONS)
def test_ranges_name_fields_in_order(condition):
    fields = {field.name: field for field in dataclasses.fields(Look)}
    for name, (low, high) in RANGES[condition].items():
        assert name in fields
        if not isinstance(low, tuple):
            assert low <= high


@pytest.mark.parametrize('condition, name, low, high', [
    ('snow', 'snow', 0.6, 1.0), ('rain', 'wet', 0.7, 1.0), ('night-rain', 'falling_rain', 0.4, 1.0),
    ('night', 'night', 1.0, 1.0), ('sun', 'night', 0.0, 0.0), ('overcast-summer', 'leaves', 1.0, 1.0),
    ('overcast-winter', 'leaves', 0.0, 0.1), ('dawn', 'sun_elevation', 0.0, 15.0),
    ('sun', 'sun_elevation', 20.0, 60.0)])
def test_conditions_mean_what_they_say(condition, name, low, high):
    for look in looks(condition):
        assert low <= getattr(look, name) <= high


@pytest.mark.parametrize('condition', CONDITIONS)
def test_every_drive_has_a_look_of_its_own(condition):
    drawn = looks(condition)
    assert len(set(drawn)) == len(drawn)
    for name in ('sun_azimuth', 'exposure', 'haze_density'):
        values = [getattr(look, name) for look in drawn]
        assert np.ptp(values) > 0.3 * abs(np.mean(values))


def test_sun_direction_points_up():
    look = Look(sun_azimuth=90, sun_elevation=30)
    np.testing.assert_allclose(look.sun_direction, [0, np.sqrt(3) / 2, 0.5], atol=1e-9)


def test_unknown_condition_names_the_known(town):
    with pytest.raises(ConfigError, match="no condition 'fog'; there are: dawn, dusk"):
        Traversal(town, 'fog', 1)


def test_drives_are_repeatable_and_differ(town):
    one, same, other = (Traversal(town, 'sun', seed) for seed in (1, 1, 2))
    assert one.look == same.look != other.look
    for surface in one.quads:
        np.testing.assert_array_equal(one.quads[surface], same.quads[surface])
    assert any(len(one.quads[s]) != len(other.quads[s]) for s in one.quads)
    assert Traversal(town, 'rain', 1).poses(0, 10, 2)[3].distance(one.poses(0, 10, 2)[3])[0] > 0.001


def test_poses_stay_in_the_right_lane_and_look_ahead(town):
    poses = Traversal(town, 'sun', 3).poses(100.0, town.road.length, 5.0)
    assert len(poses) == int(np.ceil(town.road.length / 5.0))
    for pose, after in zip(poses[:-1], poses[1:]):
        assert 0.3 < town.road.distance(pose.position[:2]) < ROAD_HALF - 1.0
        assert pose.position[2] == 0
        step = pose.rotation.inv().apply(after.position - pose.position)
        assert 3.5 < step[0] < 6.0 and abs(step[1]) < 2.0
        assert abs(pose.rotation.apply([0, 0, 1])[2] - 1) < 1e-9


def test_odometry_begins_at_nought_and_drifts_a_little(town):
    traversal = Traversal(town, 'sun', 3)
    poses = traversal.poses(0.0, 300.0, 2.0)
    odometry = traversal.odometry(poses)
    assert np.linalg.norm(odometry[0].position) == 0
    truth = poses[0].inverse @ poses[-1]
    error = truth.distance(odometry[-1])[0]
    assert 0.05 < error < 30.0
    near = poses[0].inverse @ poses[5]
    assert near.distance(odometry[5])[0] < 0.5


@pytest.mark.parametrize('name, axis', [('ahead', [1, 0, 0]), ('left', [0, 1, 0]), ('right', [0, -1, 0])])
def test_mounts_look_where_they_say(name, axis):
    assert name in MOUNTS
    mount = camera_mount(name, pitch_deg=0.0)
    np.testing.assert_allclose(mount.rotation.apply([0, 0, 1]), axis, atol=1e-9)
    np.testing.assert_allclose(mount.rotation.apply([0, 1, 0]), [0, 0, -1], atol=1e-9)
    assert camera_mount(name, pitch_deg=5.0).rotation.apply([0, 0, 1])[2] == pytest.approx(np.sin(np.radians(5)))


def test_intrinsics_span_the_field_of_view():
    K = intrinsics(320, 240, 90.0)
    left, right = np.linalg.inv(K) @ [-0.5, 119.5, 1], np.linalg.inv(K) @ [319.5, 119.5, 1]
    np.testing.assert_allclose([left[0], right[0], left[1]], [-1, 1, 0], atol=1e-12)
