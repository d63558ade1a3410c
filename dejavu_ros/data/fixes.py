"""GNSS fixes as poses: local metres by pymap3d, heading from the track while the receiver moves."""

import dataclasses

import numpy as np
import pymap3d

from dejavu_ros.data.poses import PoseTrack
from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.geometry import IDENTITY, Pose

WINDOW_NS = 500_000_000  # the heading is that of the chord from half a second before to half a second after
NO_FIX = -1
UNKNOWN = 0

Origin = tuple[float, float, float]  # latitude and longitude in degrees, altitude in metres


def parse_origin(text: str) -> Origin | None:
    """``latitude longitude altitude`` to numbers, None for an empty text. Raises ConfigError for anything else."""
    try:
        numbers = tuple(float(word) for word in text.split())
    except ValueError:
        numbers = ()
    if text.strip() and not (len(numbers) == 3 and abs(numbers[0]) <= 90 and abs(numbers[1]) <= 180):
        raise ConfigError(f'gps_origin must be "latitude longitude altitude" in degrees and metres, got {text!r}')
    return numbers or None


@dataclasses.dataclass(frozen=True)
class Fix:
    """Degrees north and east (WGS 84), metres up, ENU covariance (3, 3) in square metres or None if unknown."""

    stamp_ns: int
    latitude: float
    longitude: float
    altitude: float
    covariance: np.ndarray | None = None


def fix_from_message(stamp_ns: int, message) -> Fix | None:
    """A sensor_msgs/NavSatFix as a Fix; None for one without a position. A missing altitude counts as 0."""
    horizontal = message.latitude, message.longitude
    if message.status.status == NO_FIX or not np.isfinite(horizontal).all():
        return None
    altitude = message.altitude if np.isfinite(message.altitude) else 0.0
    known = message.position_covariance_type != UNKNOWN
    covariance = np.asarray(message.position_covariance, float).reshape(3, 3) if known else None
    return Fix(stamp_ns, *horizontal, altitude, covariance)


def track_from_fixes(source: str, fixes: list[Fix], min_speed: float, heading_sigma: float, skipped: int = 0,
                     child_T_base: Pose | None = None, origin: Origin | None = None) -> PoseTrack:
    """Poses in metres east, north, up of ``origin`` (the first fix where None), x ahead along the track.

    Below ``min_speed`` (m/s) the last heading holds; fixes before the first heading are skipped. ``heading_sigma`` is
    radians. Driving backwards cannot be told from driving ahead. Raises DataError if no heading is ever known.
    """
    track = PoseTrack(source, child_T_base or IDENTITY)
    for _ in range(skipped):
        track.skip('no position')
    fixes = sorted(fixes, key=lambda fix: fix.stamp_ns)
    if len(fixes) < 2:
        raise DataError(f'{source} has {len(fixes)} usable fixes of {len(fixes) + skipped}: a heading needs two')
    track.origin = origin or (fixes[0].latitude, fixes[0].longitude, fixes[0].altitude)
    east, north, up = pymap3d.geodetic2enu([fix.latitude for fix in fixes], [fix.longitude for fix in fixes],
                                           [fix.altitude for fix in fixes], *track.origin)
    positions = np.column_stack([east, north, up])
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


def _headings(stamps_ns: np.ndarray, positions: np.ndarray, min_speed: float) -> np.ndarray:
    """Yaw (T,) in radians; NaN before the first one known."""
    count = len(stamps_ns)
    before = np.minimum(np.searchsorted(stamps_ns, stamps_ns - WINDOW_NS), np.maximum(np.arange(count) - 1, 0))
    after = np.maximum(np.searchsorted(stamps_ns, stamps_ns + WINDOW_NS, 'right') - 1,
                       np.minimum(np.arange(count) + 1, count - 1))
    east, north, _ = (positions[after] - positions[before]).T
    seconds = np.maximum((stamps_ns[after] - stamps_ns[before]) / 1e9, 1e-9)
    yaws = np.where(np.hypot(east, north) / seconds >= min_speed, np.arctan2(north, east), np.nan)
    known = np.where(np.isnan(yaws), -1, np.arange(count))
    last = np.maximum.accumulate(known)
    return np.where(last >= 0, yaws[last], np.nan)
