"""How far predicted poses are off."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dejavu_ros.posenet.errors import pose_errors


@pytest.fixture
def drive():
    """650 m round a circle, a frame every 5 m: positions, quaternions, way."""
    way = np.arange(0.0, 650.0, 5.0)
    angle = 2 * np.pi * way / 650
    positions = 103 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    return positions, Rotation.from_euler('z', angle[:, None] + np.pi / 2).as_quat(), way


def turned(quaternions, degrees):
    turn = Rotation.from_euler('z', np.asarray(degrees)[:, None], degrees=True)
    return (Rotation.from_quat(quaternions) * turn).as_quat()


def test_the_truth_is_right(drive):
    positions, quaternions, way = drive
    errors = pose_errors(positions, -quaternions, positions, quaternions, way)
    assert all(value == pytest.approx(0, abs=1e-5) for value in errors.values())


def test_position_is_metres(drive):
    positions, quaternions, way = drive
    off = np.where(np.arange(len(way)) % 4 == 0, 10.0, 1.0)
    errors = pose_errors(positions + off[:, None] * [0.6, 0.8, 0.0], quaternions, positions, quaternions, way)
    assert errors['position_m'] == pytest.approx(off.mean())
    assert errors['position_median_m'] == pytest.approx(1.0)


def test_an_angle_that_stays_is_no_drift(drive):
    positions, quaternions, way = drive
    errors = pose_errors(positions, turned(quaternions, np.full(len(way), 7.0)), positions, quaternions, way)
    assert errors['rotation_deg'] == pytest.approx(7.0)
    assert errors['rotation_deg_per_m'] == pytest.approx(0.0, abs=1e-6)


def test_drift_is_degrees_per_metre(drive):
    positions, quaternions, way = drive
    errors = pose_errors(positions, turned(quaternions, 0.02 * way), positions, quaternions, way)
    assert errors['rotation_deg_per_m'] == pytest.approx(0.02)


def test_a_short_drive_has_no_degrees_per_metre(drive):
    positions, quaternions, way = (part[:10] for part in drive)
    assert pose_errors(positions, quaternions, positions, quaternions, way)['rotation_deg_per_m'] is None
