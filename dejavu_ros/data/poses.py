"""Poses of the robot over time, from whatever recorded them, asked for one image stamp at a time."""

from array import array
from typing import Protocol

import numpy as np

from dejavu_ros.data.motion import Motion, find_runs, in_runs
from dejavu_ros.data.transforms import TransformBuffer
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import IDENTITY, Pose

UNIT_LENGTH = 0.1  # by which the length of a recorded quaternion may differ from 1


class PoseSource(Protocol):
    """``source`` names it for people; ``skipped`` counts poses that were unusable; ``stamps_ns`` are sorted.

    Where the clock was set back while recording, ``starts`` are the numbers of the messages at which it was, and
    stamps, also those asked for, are as :func:`dejavu_ros.data.motion.in_runs` makes them. ``span_ns`` is from the
    earliest to the latest moment by the clock.
    """

    source: str
    skipped: int
    stamps_ns: list[int] | np.ndarray
    starts: list[int]
    span_ns: tuple[int, int]

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, np.ndarray | None] | None:
        """``map_T_base`` and its (6, 6) covariance, None if unknown; no pose at all where :meth:`why_not` tells why."""

    def why_not(self, stamp_ns: int, max_gap_ns: int) -> str:
        """In words, why there is no pose at a stamp: no neighbours, too far apart, a jump; empty where there is one."""


class PoseTrack:
    """Poses one by one with :meth:`add`, then :meth:`finish`; ``child_T_base`` leads from recorded frame to base."""

    def __init__(self, source: str, child_T_base: Pose = IDENTITY):
        self.source = source
        self.child_T_base = child_T_base
        self.skipped = 0
        self.starts: list[int] = []
        self.origin: tuple[float, float, float] | None = None  # of NavSatFix: degrees, degrees, metres
        self.all_stamps_ns: list[int] = []  # also of the skipped ones
        self.reason = ''  # why the first of the skipped ones was
        self._last_covariance: np.ndarray | None = None
        self._clear()

    def add(self, stamp_ns: int, position, quaternion, covariance=None, name: str = '') -> None:
        """Take a pose, or count it as skipped for NaN or a quaternion far from unit length; ``name`` is for people.

        ``covariance`` (36,) or (6, 6) that is all zero, negative or not finite means unknown, as in ROS.
        """
        self.all_stamps_ns.append(stamp_ns)
        try:
            pose = Pose.make(position, quaternion)
            length = float(np.linalg.norm(quaternion))
            if abs(length - 1) > UNIT_LENGTH:
                raise DataError(f'pose with a quaternion of length {length:.3g}')
        except DataError as error:
            self.skip(f'{name}: {error}' if name else str(error))
            return
        if covariance is not None:
            covariance = np.asarray(covariance, float).reshape(6, 6)
            variances = np.diag(covariance)
            if not np.isfinite(covariance).all() or (variances < 0).any() or not variances.any():
                covariance = None
            elif self._last_covariance is not None and (covariance == self._last_covariance).all():
                covariance = self._last_covariance  # most sources repeat one: keep it once
            self._last_covariance = covariance
        self._numbers.append(len(self.all_stamps_ns) - 1)
        self._rows.extend((*pose.position, *pose.quaternion))
        self._covariances.append(covariance)

    def skip(self, reason: str, count: int = 1) -> None:
        self.skipped += count
        self.reason = self.reason or (reason if count else '')

    def finish(self, recorded: bool = False) -> None:
        """No more poses come. Raises DataError where none was usable.

        Poses in the order of their recording (``recorded``) may tell that the clock was set back.
        """
        numbers, rows, covariances = self._numbers, self._rows, self._covariances
        self._clear()
        clock = np.array(self.all_stamps_ns, np.int64)
        self.starts = find_runs(clock) if recorded else []
        self._motion = Motion(in_runs(clock, self.starts)[numbers], rows, clock[numbers])
        self.skip('poses with one stamp are apart: two sources share the topic, or the clock was set back',
                  self._motion.contradictions)
        self.skip('poses jump away for a moment: two sources share the topic, or its source is mistaken',
                  self._motion.strays)
        if not len(self._motion):
            raise DataError(f'{self.source} has no usable pose'
                            + (f': all {self.skipped} are bad, the first for: {self.reason}' if self.skipped else ''))
        self.stamps_ns = self._motion.stamps_ns
        self.span_ns = int(self._motion.clock_ns.min()), int(self._motion.clock_ns.max())
        self._kept_covariances = [covariances[index] for index in self._motion.kept]

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, np.ndarray | None] | None:
        pose = self._motion.at(stamp_ns, max_gap_ns)
        if pose is None:
            return None
        return pose @ self.child_T_base, self._kept_covariances[self._motion.nearest(stamp_ns)]

    def why_not(self, stamp_ns: int, max_gap_ns: int) -> str:
        return self._motion.why_not(stamp_ns, max_gap_ns)

    def _clear(self) -> None:
        self._numbers: list[int] = []  # among all_stamps_ns
        self._rows = array('d')  # seven numbers each
        self._covariances: list[np.ndarray | None] = []


class TransformPoses:
    """The pose of ``base_frame`` in ``map_frame`` along a chain of recorded transforms; no covariance is known."""

    def __init__(self, source: str, transforms: TransformBuffer, map_frame: str, base_frame: str, skipped: int):
        self.source = source
        self.skipped = skipped
        self._transforms = transforms
        self._frames = map_frame, base_frame
        self.starts = transforms.find_starts(map_frame, base_frame)
        parts = transforms.motions(map_frame, base_frame)
        self.stamps_ns = sorted({stamp for part in parts for stamp in part.stamps_ns.tolist()})
        if not self.stamps_ns:
            raise DataError(f'{source} never moves {base_frame!r} in {map_frame!r}: choose other frames from '
                            f'{", ".join(transforms.frames)}')
        self.skipped += sum(part.contradictions + part.strays for part in parts)
        clocks = [part.clock_ns for part in parts if len(part)]
        self.span_ns = min(int(clock.min()) for clock in clocks), max(int(clock.max()) for clock in clocks)

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, np.ndarray | None] | None:
        pose = self._transforms.lookup(*self._frames, stamp_ns, max_gap_ns)
        return None if pose is None else (pose, None)

    def why_not(self, stamp_ns: int, max_gap_ns: int) -> str:
        return self._transforms.why_not(*self._frames, stamp_ns, max_gap_ns)


def runs_in_words(poses: PoseSource, done: str = 'mapped as {runs} runs') -> str:
    """Where the clock was set back, and what is ``done`` then; empty where it was not."""
    if not poses.starts:
        return ''
    return (f'the clock of {poses.source} goes back {len(poses.starts)} times, as when a simulation is reset (first at '
            f'its message {poses.starts[0] + 1}): {done.format(runs=len(poses.starts) + 1)}')
