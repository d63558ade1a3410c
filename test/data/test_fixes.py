"""GNSS fixes become metres that agree with geodesy, and headings that agree with the track."""

import dataclasses
import types

import numpy as np
import pymap3d
import pytest

from dejavu_ros.data.fixes import Fix, fix_from_message, flaw, parse_origin, track_from_fixes
from dejavu_ros.errors import ConfigError, DataError

SECOND = 10**9
SIGMA = np.radians(5)
HOME = 51.2418, -0.5886, 60.0


def fixes(points, rate=5):
    """Fixes at ENU metres (T, 2) of HOME, ``rate`` a second."""
    return [Fix(i * SECOND // rate, *pymap3d.enu2geodetic(east, north, 0, *HOME)[:2], HOME[2])
            for i, (east, north) in enumerate(points)]


def track(points, min_speed=1.0, **options):
    return track_from_fixes('/fix', fixes(points), min_speed, SIGMA, **options)


def test_metres_and_heading_on_a_straight_road():
    """3 m/s to the north-east: 300 m in 100 s."""
    points = np.outer(np.arange(501) * 0.6, [np.sqrt(0.5), np.sqrt(0.5)])
    drive = track(points)
    pose, covariance = drive.at(100 * SECOND, 0)
    assert np.allclose(pose.position[:2], points[500], atol=0.01)
    assert abs(np.degrees(pose.yaw) - 45) < 0.1
    assert covariance is None and drive.skipped == 0


def test_a_circle_is_followed():
    angles = np.arange(200) * 0.02  # radius 30 m, 3 m/s, 5 fixes a second
    drive = track(np.column_stack([30 * np.sin(angles), 30 - 30 * np.cos(angles)]))
    for i in (20, 100, 150):
        assert abs(drive.at(i * SECOND // 5, 0)[0].yaw - np.angle(np.exp(1j * angles[i]))) < 0.02


def test_the_heading_holds_while_standing():
    east = np.concatenate([np.arange(20), np.full(20, 19.0)])
    noise = np.random.default_rng(0).normal(0, 0.02, (40, 2)) * (np.arange(40) > 22)[:, None]
    drive = track(np.column_stack([east, np.zeros(40)]) + noise)
    assert abs(drive.at(39 * SECOND // 5, 0)[0].yaw) < 0.05


def test_fixes_before_the_first_heading_are_left_out():
    drive = track(np.column_stack([np.concatenate([np.zeros(20), np.arange(20)]), np.zeros(40)]))
    assert drive.skipped == 19 and drive.at(0, SECOND) is None
    assert drive.at(25 * SECOND // 5, 0) is not None


def test_a_receiver_that_never_moves_has_no_heading():
    with pytest.raises(DataError, match='never moves at 1 m/s.*--min-speed'):
        track(np.zeros((30, 2)))


def test_one_fix_is_too_few():
    with pytest.raises(DataError, match='1 usable fixes of 4'):
        track(np.zeros((1, 2)), skipped=3)


def message(latitude=51.0, longitude=-0.5, altitude=60.0, status=0, kind=2):
    return types.SimpleNamespace(latitude=latitude, longitude=longitude, altitude=altitude,
                                 status=types.SimpleNamespace(status=status), position_covariance_type=kind,
                                 position_covariance=np.diag([1.0, 2.0, 3.0]).reshape(9))


def test_fixes_from_messages():
    fix = fix_from_message(7, message())
    assert (fix.stamp_ns, fix.latitude, fix.longitude, fix.altitude) == (7, 51.0, -0.5, 60.0)
    assert np.diag(fix.covariance).tolist() == [1, 2, 3]
    assert fix_from_message(0, message(kind=0)).covariance is None
    assert np.isnan(fix_from_message(0, message(altitude=np.nan)).altitude)
    assert fix_from_message(0, message(latitude=0.0, longitude=0.0)) is None
    assert fix_from_message(0, message(latitude=51.0, longitude=0.0)) is not None  # Greenwich
    assert fix_from_message(0, message(latitude=91.0)) is None
    assert fix_from_message(0, message(status=-1)) is None
    assert fix_from_message(0, message(latitude=np.nan)) is None


def test_why_a_message_is_no_fix():
    assert flaw(message(status=-1)) == flaw(message(latitude=np.nan)) == flaw(message(0.0, 0.0)) == 'no position'
    assert flaw(message(116.4, 39.9)) == 'latitude 116.4, longitude 39.9 are no degrees: are the two exchanged?'
    assert flaw(message(510e6, -5e6)) == 'latitude 5.1e+08, longitude -5e+06 are no degrees'
    with pytest.raises(DataError, match='0 usable fixes of 3: .* unusable one: swapped'):
        track(np.zeros((0, 2)), skipped=3, reason='swapped')


def test_the_covariance_of_a_fix_and_of_its_heading():
    points = [Fix(i * SECOND // 5, *pymap3d.enu2geodetic(i, 0, 0, *HOME)[:2], 60.0, np.diag([1.0, 2.0, 3.0]))
              for i in range(9)]
    _, covariance = track_from_fixes('/fix', points, 1.0, SIGMA).at(SECOND, 0)
    assert np.allclose(np.diag(covariance), [1, 2, 3, SIGMA**2, SIGMA**2, SIGMA**2])


def test_two_drives_share_a_frame_when_they_share_an_origin():
    road = np.column_stack([np.arange(60) * 1.0, np.zeros(60)])
    apart = [track(road[start:]).at(10 * SECOND, 0)[0].position[0] for start in (0, 5)]
    together = [track(road[start:], origin=HOME).at(10 * SECOND, 0)[0].position[0] for start in (0, 5)]
    assert apart[1] - apart[0] == pytest.approx(0, abs=0.01)  # each begins at its own first fix
    assert together[1] - together[0] == pytest.approx(5, abs=0.01)


def test_an_origin_is_three_numbers():
    assert parse_origin('51.2418 -0.5886 60') == HOME
    assert parse_origin(' ') is None
    for text in ('51 0', 'a b c', '51 0 nan', '95 0 0', '0 200 0', '1 2 3 4'):
        with pytest.raises(ConfigError, match='gps_origin'):
            parse_origin(text)


def test_a_missing_altitude_is_that_of_the_others():
    east = np.arange(40) * 1.0
    drive = [Fix(i * SECOND // 5, *pymap3d.enu2geodetic(x, 0, 0, *HOME)[:2], np.nan if i % 7 in (0, 3) else 60.0)
             for i, x in enumerate(east)]
    made = track_from_fixes('/fix', drive, 1.0, SIGMA)
    heights = [made.at(fix.stamp_ns, 0)[0].position[2] for fix in drive]
    assert np.abs(heights).max() < 0.01 and made.origin[2] == 60.0
    flat = [Fix(fix.stamp_ns, fix.latitude, fix.longitude, np.nan) for fix in drive]
    made = track_from_fixes('/fix', flat, 1.0, SIGMA, origin=HOME)
    assert abs(made.at(0, 0)[0].position[2]) < 0.01


def test_a_fix_in_another_country_is_no_origin():
    road = fixes(np.column_stack([np.arange(60) * 1.0, np.zeros(60)]))
    strange = [Fix(-SECOND + i, 39.9, 116.4, 40.0) for i in range(3)]
    made = track_from_fixes('/fix', [*strange, *road], 1.0, SIGMA)
    assert made.skipped == 3 and made.origin == pytest.approx(HOME, abs=1e-6)


@pytest.mark.parametrize('wild', [[0], range(4), [20, 21], [59]])
def test_a_fix_that_jumps_away_for_a_moment_is_no_place_and_no_origin(wild):
    points = np.column_stack([np.arange(60) * 1.0, np.zeros(60)])
    points[list(wild)] += 33e3
    made = track(points)
    assert made.skipped == len(wild)
    assert made.origin[0] == pytest.approx(HOME[0], abs=1e-4)
    assert all(abs(made.at(int(stamp), 0)[0].position[1]) < 0.1 for stamp in made.stamps_ns)


def test_an_altitude_of_zero_among_others_is_missing():
    road = fixes(np.column_stack([np.arange(60) * 1.0, np.zeros(60)]))
    made = track_from_fixes('/fix', [dataclasses.replace(fix, altitude=0.0) for fix in road[:20]] + road[20:], 1.0,
                            SIGMA)
    assert made.origin[2] == HOME[2] and abs(made.at(0, 0)[0].position[2]) < 0.01
    coast = [dataclasses.replace(fix, altitude=0.1 * (i % 5)) for i, fix in enumerate(road)]
    assert track_from_fixes('/fix', coast, 1.0, SIGMA).origin[2] == 0.0


def test_headings_do_not_follow_a_jump():
    points = np.column_stack([np.arange(60) * 1.0, np.where(np.arange(60) >= 30, 50.0, 0.0)])
    made = track(points)
    assert all(abs(made.at(i * SECOND // 5, 0)[0].yaw) < 0.01 for i in range(60))
    assert made.at(int(29.5 * SECOND / 5), SECOND) is None


def test_a_heading_is_not_held_over_a_hole():
    drive = fixes(np.column_stack([np.arange(20) * 1.0, np.zeros(20)]))
    later = [Fix(fix.stamp_ns + 600 * SECOND, fix.latitude, fix.longitude, 60.0) for fix in drive[-1:] * 20]
    later = [Fix(fix.stamp_ns + i * SECOND // 5, fix.latitude, fix.longitude, 60.0) for i, fix in enumerate(later)]
    made = track_from_fixes('/fix', [*drive, *later], 1.0, SIGMA)
    assert made.skipped == 20 and made.at(later[5].stamp_ns, SECOND) is None


def test_an_origin_of_another_country_is_refused():
    with pytest.raises(DataError, match='km from the origin "-0.5886 51.2418 60.0"'):
        track(np.column_stack([np.arange(60) * 1.0, np.zeros(60)]), origin=(HOME[1], HOME[0], HOME[2]))


@pytest.mark.parametrize('wild', [[30e3] * 20, [300.0] * 10 + [-200.0] * 10])
def test_a_receiver_that_has_not_settled_gives_no_places_and_no_origin(wild):
    """Four seconds elsewhere, then a long drive."""
    points = np.column_stack([np.arange(200) * 1.0, np.concatenate([wild, np.zeros(180)])])
    made = track(points)
    assert made.skipped == 20 and 'not settled' in made.reason
    assert made.origin[:2] == pytest.approx(HOME[:2], abs=1e-3)
    assert all(abs(made.at(int(stamp), 0)[0].position[1]) < 0.1 for stamp in made.stamps_ns)


def test_a_receiver_that_jumps_all_along_is_left_as_it_is():
    points = np.column_stack([np.arange(200) * 1.0, np.where(np.arange(200) // 25 % 2, 60.0, 0.0)])
    assert track(points).skipped == 0
