"""GNSS fixes as poses: local metres by pymap3d, heading from the track while the receiver moves."""

import dataclasses

import numpy as np
import pymap3d

from dejavu_ros.data.motion import find_jumps, find_strays
from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.geometry import IDENTITY, Pose

WINDOW_NS = 500_000_000  # the heading is that of the chord from half a second before to half a second after
NO_FIX = -1
UNKNOWN = 0
NOWHERE = 1e-3  # degrees: nearer to 0, 0 than that is what receivers without a fix say
FARTHEST = 5.0  # degrees from the median of a drive: what receivers say that start in another place
NO_ALTITUDE = 10.0  # metres: a zero among altitudes that are farther from it says that there is none
EQUATOR = 111_320.0  # metres a degree
TOO_FAR = 500e3  # metres from an origin that is given
SETTLING_NS = 60 * 10**9  # so long a receiver may jump at first,
SETTLED = 5  # and so many times as long it must not, then
HOLD_NS = 10 * 10**9  # a heading is held while the fixes go on, over holes no longer than that

Origin = tuple[float, float, float]  # latitude and longitude in degrees, altitude in metres


def parse_origin(text: str) -> Origin | None:
    """``latitude longitude altitude`` to numbers, None for an empty text. Raises ConfigError for anything else."""
    try:
        numbers = tuple(float(word) for word in text.split())
    except ValueError:
        numbers = ()
    if text.strip() and not (len(numbers) == 3 and np.isfinite(numbers).all() and abs(numbers[0]) <= 90
                             and abs(numbers[1]) <= 180):
        raise ConfigError(f'gps_origin must be "latitude longitude altitude" in degrees and metres, got {text!r}')
    return numbers or None


@dataclasses.dataclass(frozen=True)
class Fix:
    """Degrees north and east (WGS 84), metres up or NaN, ENU covariance (3, 3) in square metres or None if unknown."""

    stamp_ns: int
    latitude: float
    longitude: float
    altitude: float
    covariance: np.ndarray | None = None


def flaw(message) -> str:
    """Why a sensor_msgs/NavSatFix is no fix, in words."""
    latitude, longitude = message.latitude, message.longitude
    if message.status.status == NO_FIX or not np.isfinite([latitude, longitude]).all() or \
            abs(latitude) <= 90 and abs(longitude) <= 180:
        return 'no position'
    swapped = ': are the two exchanged?' if abs(longitude) <= 90 and abs(latitude) <= 180 else ''
    return f'latitude {latitude:g}, longitude {longitude:g} are no degrees{swapped}'


def fix_from_message(stamp_ns: int, message) -> Fix | None:
    """A sensor_msgs/NavSatFix as a Fix; None for one without a position, also where it says 0, 0."""
    latitude, longitude = message.latitude, message.longitude
    if message.status.status == NO_FIX or not (abs(latitude) <= 90 and abs(longitude) <= 180) or \
            max(abs(latitude), abs(longitude)) < NOWHERE:
        return None
    altitude = message.altitude if np.isfinite(message.altitude) else np.nan
    known = message.position_covariance_type != UNKNOWN
    covariance = np.asarray(message.position_covariance, float).reshape(3, 3) if known else None
    return Fix(stamp_ns, latitude, longitude, altitude, covariance)


def track_from_fixes(source: str, fixes: list[Fix], min_speed: float, heading_sigma: float, skipped: int = 0,
                     reason: str = 'no position', child_T_base: Pose | None = None,
                     origin: Origin | None = None) -> PoseTrack:
    """Poses in metres east, north, up of ``origin`` (the first usable fix where None), x ahead along the track.

    Below ``min_speed`` (m/s) the last heading holds; fixes before the first heading are skipped, and those over 500 km
    from where most are, that jump away for a moment, or that come before the receiver settled. A missing altitude is
    that of the fixes before and after.
    ``heading_sigma`` is radians. So many were ``skipped`` before, the first for the ``reason``. Driving backwards
    cannot be told from driving ahead. Raises DataError if no heading is ever known.
    """
    track = PoseTrack(source, child_T_base or IDENTITY)
    track.skip(reason, skipped)
    fixes = sorted(fixes, key=lambda fix: fix.stamp_ns)
    near = _near_the_others(fixes)
    track.skip('far from all others', len(fixes) - len(near))
    if len(near) < 2:
        raise DataError(f'{source} has {len(near)} usable fixes of {len(fixes) + skipped}: a heading needs two'
                        + (f' (the first unusable one: {track.reason})' if track.reason else ''))
    kept = _without_strays(near)
    track.skip('a jump away for a moment', len(near) - len(kept))
    fixes = _settled(kept)
    track.skip('the receiver had not settled: it jumps to where it then stays', len(kept) - len(fixes))
    altitudes = _altitudes(fixes, origin)
    track.origin = origin or (fixes[0].latitude, fixes[0].longitude, float(altitudes[0]))
    east, north, up = pymap3d.geodetic2enu([fix.latitude for fix in fixes], [fix.longitude for fix in fixes],
                                           altitudes, *track.origin)
    positions = np.column_stack([east, north, up])
    away = np.median(np.hypot(east, north))
    if away > TOO_FAR:
        raise DataError(f'{source} lies {away / 1e3:.0f} km from the origin "{" ".join(map(str, track.origin))}": is '
                        'that its latitude, longitude and altitude?')
    yaws = _headings(np.array([fix.stamp_ns for fix in fixes], np.int64), positions, min_speed)
    if np.isnan(yaws).all():
        raise DataError(f'{source} never moves at {min_speed:g} m/s or more, so its heading is unknown: '
                        'lower --min-speed, or give poses with an orientation')
    for fix, position, yaw in zip(fixes, positions, yaws):
        if np.isnan(yaw):
            track.skip('no heading yet')
            continue
        covariance = None
        if fix.covariance is not None:
            covariance = np.diag([0.0, 0.0, 0.0, heading_sigma**2, heading_sigma**2, heading_sigma**2])
            covariance[:3, :3] = fix.covariance
        track.add(fix.stamp_ns, position, Pose.planar(0, 0, yaw).quaternion, covariance)
    track.finish()
    return track


def _near_the_others(fixes: list[Fix]) -> list[Fix]:
    """Those near the median of all, also across 180 degrees of longitude."""
    if not fixes:
        return []
    latitudes, longitudes = (np.array([getattr(fix, name) for fix in fixes]) for name in ('latitude', 'longitude'))
    if np.ptp(longitudes) > 180:
        longitudes = longitudes % 360
    far = np.maximum(np.abs(latitudes - np.median(latitudes)), np.abs(longitudes - np.median(longitudes)) *
                     np.cos(np.radians(np.median(latitudes)))) > FARTHEST
    return [fix for fix, is_far in zip(fixes, far) if not is_far]


def _without_strays(fixes: list[Fix]) -> list[Fix]:
    """Without those that jump away for a moment, also at the beginning, whose place would become the origin."""
    return [fix for fix, stray in zip(fixes, find_strays(*_stamped_poses(fixes))) if not stray]


def _settled(fixes: list[Fix]) -> list[Fix]:
    """Without the beginning of a receiver that has not settled: all of its jumps come soon, and what follows is long.

    One that jumps later, too, jumps by habit: there is nothing to prefer.
    """
    stamps, poses = _stamped_poses(fixes)
    jumps = np.flatnonzero(find_jumps(stamps, poses)) + 1
    first = int(jumps[-1]) if len(jumps) else 0
    before, after = stamps[first] - stamps[0], stamps[-1] - stamps[first]
    return fixes[first:] if before <= SETTLING_NS and after >= SETTLED * before else fixes


def _stamped_poses(fixes: list[Fix]) -> tuple[np.ndarray, np.ndarray]:
    """Distinct stamps (T,) and poses (T, 7) in level metres, for :func:`find_jumps`."""
    latitudes, longitudes = (np.array([getattr(fix, name) for fix in fixes]) for name in ('latitude', 'longitude'))
    east = (longitudes - longitudes[0] + 180) % 360 * np.cos(np.radians(np.median(latitudes)))
    level = np.column_stack([east * EQUATOR, latitudes * EQUATOR, np.zeros(len(fixes))])
    return _distinct(np.array([fix.stamp_ns for fix in fixes], np.int64)), _upright(level)


def _upright(positions: np.ndarray) -> np.ndarray:
    return np.column_stack([positions, np.tile([0.0, 0.0, 0.0, 1.0], (len(positions), 1))])


def _distinct(stamps_ns: np.ndarray) -> np.ndarray:
    """Sorted stamps, no two alike."""
    count = np.arange(len(stamps_ns))
    return np.maximum.accumulate(stamps_ns - count) + count


def _altitudes(fixes: list[Fix], origin: Origin | None) -> np.ndarray:
    """Metres (T,): what is missing lies between the fixes around; where all are, everything is as high as the origin.
    """
    altitudes = np.array([fix.altitude for fix in fixes])
    known = np.isfinite(altitudes)
    others = altitudes[known & (altitudes != 0)]
    if len(others) and np.abs(others).min() > NO_ALTITUDE:  # receivers write 0 where a fix has none
        known &= altitudes != 0
    if not known.any():
        return np.full(len(fixes), origin[2] if origin else 0.0)
    stamps = np.array([fix.stamp_ns for fix in fixes], np.int64)
    return np.interp(stamps - stamps[0], stamps[known] - stamps[0], altitudes[known])


def _headings(stamps_ns: np.ndarray, positions: np.ndarray, min_speed: float) -> np.ndarray:
    """Yaw (T,) in radians; NaN before the first one known, and after a hole until the next one."""
    count = len(stamps_ns)
    before = np.minimum(np.searchsorted(stamps_ns, stamps_ns - WINDOW_NS), np.maximum(np.arange(count) - 1, 0))
    after = np.maximum(np.searchsorted(stamps_ns, stamps_ns + WINDOW_NS, 'right') - 1,
                       np.minimum(np.arange(count) + 1, count - 1))
    east, north, _ = (positions[after] - positions[before]).T
    seconds = np.maximum((stamps_ns[after] - stamps_ns[before]) / 1e9, 1e-9)
    yaws = np.where(np.hypot(east, north) / seconds >= min_speed, np.arctan2(north, east), np.nan)
    jumps = np.append(0, np.cumsum(find_jumps(_distinct(stamps_ns), _upright(positions))))
    yaws[jumps[after] > jumps[before]] = np.nan  # a chord over a jump is no heading
    holes = np.append(0, np.cumsum(np.diff(stamps_ns) > HOLD_NS))
    last = np.maximum.accumulate(np.where(np.isnan(yaws), -1, np.arange(count)))
    return np.where((last >= 0) & (holes[last] == holes), yaws[last], np.nan)
