"""Poses of the robot over time, from whatever recorded them, asked for one image stamp at a time."""

from typing import Protocol

import numpy as np

from dejavu_ros.data.transforms import TransformBuffer
from dejavu_ros.errors import DataError
from dejavu_ros.geometry import IDENTITY, Pose, Trajectory


class PoseSource(Protocol):
    """``source`` names it for people; ``skipped`` counts poses that were unusable; ``stamps_ns`` are sorted."""

    source: str
    skipped: int
    stamps_ns: list[int] | np.ndarray

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, np.ndarray | None] | None:
        """``map_T_base`` and its (6, 6) covariance, None if unknown; no pose at all where neighbours are too far."""


class PoseTrack:
    """Poses one by one with :meth:`add`, then :meth:`finish`; ``child_T_base`` leads from recorded frame to base."""

    def __init__(self, source: str, child_T_base: Pose = IDENTITY):
        self.source = source
        self.child_T_base = child_T_base
        self.skipped = 0
        self.origin: tuple[float, float, float] | None = None  # of NavSatFix: degrees, degrees, metres
        self.all_stamps_ns: list[int] = []  # also of the skipped ones
        self._reason = ''
        self._last_covariance: np.ndarray | None = None
        self._samples: dict[int, tuple[Pose, np.ndarray | None]] = {}

    def add(self, stamp_ns: int, position, quaternion, covariance=None) -> None:
        """Take a pose, or count it as skipped for NaN or a zero quaternion; of equal stamps the last one counts.

        ``covariance`` (36,) or (6, 6) that is all zero, negative or not finite means unknown, as in ROS.
        """
        self.all_stamps_ns.append(stamp_ns)
        try:
            pose = Pose.make(position, quaternion)
        except DataError as error:
            self.skip(str(error))
            return
        if covariance is not None:
            covariance = np.asarray(covariance, float).reshape(6, 6)
            variances = np.diag(covariance)
            if not np.isfinite(covariance).all() or (variances < 0).any() or not variances.any():
                covariance = None
            elif self._last_covariance is not None and (covariance == self._last_covariance).all():
                covariance = self._last_covariance  # most sources repeat one: keep it once
            self._last_covariance = covariance
        self._samples[stamp_ns] = pose, covariance

    def skip(self, reason: str) -> None:
        self.skipped += 1
        self._reason = self._reason or reason

    def finish(self) -> None:
        """No more poses come. Raises DataError where none was usable."""
        if not self._samples:
            raise DataError(f'{self.source} has no usable pose'
                            + (f': all {self.skipped} are bad, the first for: {self._reason}' if self.skipped else ''))
        self.stamps_ns = sorted(self._samples)
        samples = [self._samples.pop(stamp) for stamp in self.stamps_ns]
        self._trajectory = Trajectory(self.stamps_ns, [pose for pose, _ in samples])
        self._covariances = [covariance for _, covariance in samples]

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, np.ndarray | None] | None:
        pose = self._trajectory.at(stamp_ns, max_gap_ns)
        if pose is None:
            return None
        after = min(int(np.searchsorted(self.stamps_ns, stamp_ns)), len(self.stamps_ns) - 1)
        before = max(after - 1, 0)
        nearest = min(before, after, key=lambda index: abs(self.stamps_ns[index] - stamp_ns))
        return pose @ self.child_T_base, self._covariances[nearest]


class TransformPoses:
    """The pose of ``base_frame`` in ``map_frame`` along a chain of recorded transforms; no covariance is known."""

    def __init__(self, source: str, transforms: TransformBuffer, map_frame: str, base_frame: str, skipped: int):
        self.source = source
        self.skipped = skipped
        self._transforms = transforms
        self._frames = map_frame, base_frame
        self.stamps_ns = transforms.stamps(map_frame, base_frame)
        if not self.stamps_ns:
            raise DataError(f'{source} never moves {base_frame!r} in {map_frame!r}: choose other frames from '
                            f'{", ".join(transforms.frames)}')

    def at(self, stamp_ns: int, max_gap_ns: int) -> tuple[Pose, np.ndarray | None] | None:
        pose = self._transforms.lookup(*self._frames, stamp_ns, max_gap_ns)
        return None if pose is None else (pose, None)
