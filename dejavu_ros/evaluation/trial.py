"""A drive's answers gathered as they come: counts beside the truth, a trajectory, and a page to look at."""

import json
from collections import Counter
from pathlib import Path

import numpy as np

from dejavu_ros.data.folders import read_tum
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.judgement import Verdict, bound, recall_at_full_precision, summary
from dejavu_ros.evaluation.page import heading, page, png, table
from dejavu_ros.files import new_file
from dejavu_ros.localization.estimate import Estimate

MAX_GAP_NS = 10**9  # between poses of the truth
HEADERS = 'image', 'stamp [ns]', 'answer', 'keyframe', 'probability', 'error [m]'


class Trial:
    """What became of the frames of one drive."""

    def __init__(self, truth: str | Path = '', radius: float = 5.0):
        """``truth`` is a TUM trajectory of map_T_base, empty where none is known; ``radius`` in metres is that of a
        found pose. Raises DataError for a trajectory that cannot be read.
        """
        self.track = read_tum(truth) if truth else None
        self.source, self.radius = truth, radius
        self.names: list[str] = []
        self.estimates: list[Estimate] = []
        self.verdicts: list[Verdict] = []

    def add(self, name: str, estimate: Estimate) -> None:
        """Take an answer; its stamp says where in the truth it belongs."""
        known = self.track.at(estimate.stamp_ns, MAX_GAP_NS) if self.track else None
        self.names.append(name)
        self.estimates.append(estimate)
        self.verdicts.append(Verdict.of(estimate, known and known[0]))

    def check(self) -> None:
        """Raise DataError where a truth was given and covers no frame."""
        if self.track and self.estimates and all(verdict.error is None for verdict in self.verdicts):
            stamps = [estimate.stamp_ns for estimate in self.estimates]
            own = self.track.stamps_ns
            raise DataError(f'{self.source} covers no frame: the frames are from {min(stamps)} to {max(stamps)} ns, '
                            f'its poses from {own[0]} to {own[-1]} ns; are both of one drive and in one unit?')

    @property
    def summary(self) -> dict:
        """The counts of :func:`dejavu_ros.evaluation.judgement.summary`, ``radius_m`` and the reject ``reasons``."""
        return {**summary(self.verdicts, self.radius), 'radius_m': self.radius,
                'recall_at_full_precision': recall_at_full_precision(self.verdicts, self.radius),
                'reasons': dict(Counter(estimate.reject_reason or 'accepted' for estimate in self.estimates))}

    def words(self) -> str:
        """The judgement for people."""
        counts = self.summary
        scored = counts['scored']
        error = counts['median_position_error_m']
        return (f'{scored} frames have a truth: {counts["found"]} found (accepted within {self.radius:g} m and '
                f'30 degrees), {counts["near"]} within {2 * self.radius:g} m, wrong {bound(counts["wrong"], scored)}; '
                f'the first hypothesis is right for {counts["first_right"]}'
                + (f'; median error of accepted frames {error:.2f} m' if error is not None else ''))

    def write_summary(self, path: str | Path) -> None:
        with new_file(path, 'w') as file:
            json.dump(self.summary, file, indent=1, allow_nan=False)
            file.write('\n')

    def write_tum(self, path: str | Path) -> None:
        """The poses of accepted frames, map_T_base, in TUM format."""
        with new_file(path, 'w') as file:
            for estimate in self.estimates:
                if estimate.accepted:
                    pose = estimate.hypotheses[0].map_T_base
                    numbers = ' '.join(f'{value:.9f}' for value in (*pose.position, *pose.quaternion))
                    file.write(f'{estimate.stamp_ns // 10**9}.{estimate.stamp_ns % 10**9:09d} {numbers}\n')

    def write_page(self, path: str | Path, title: str, keyframes: np.ndarray) -> None:
        """A self-contained HTML page; ``keyframes`` (K, 3) are the positions of the map in metres."""
        rows = [(name, estimate.stamp_ns, estimate.reject_reason or 'accepted',
                 estimate.hypotheses[0].keyframe if estimate.hypotheses else '-', f'{verdict.probability:.2f}',
                 '-' if verdict.error is None else f'{verdict.error:.1f}')
                for name, estimate, verdict in zip(self.names, self.estimates, self.verdicts)]
        counts = [(name, '-' if value is None else value) for name, value in self.summary.items() if name != 'reasons']
        parts = [table([*counts, *self.summary['reasons'].items()]), png(self._plan(keyframes), 'plan'),
                 heading('Frames'), table(rows, HEADERS)]
        with new_file(path, 'w') as file:
            file.write(page(title, parts))

    def _plan(self, keyframes: np.ndarray) -> bytes:
        """A PNG of the map from above with accepted poses, and the truth where it is known."""
        from dejavu_ros.evaluation.figures import as_png, new_figure

        figure = new_figure(6, 5)
        axes = figure.add_subplot()
        axes.plot(*keyframes[:, :2].T, '.', color='0.8', label='keyframes')
        if self.track:
            known = [self.track.at(estimate.stamp_ns, MAX_GAP_NS) for estimate in self.estimates]
            places = np.array([pose[0].position[:2] for pose in known if pose]).reshape(-1, 2)
            axes.plot(*places.T, '-', color='tab:green', label='truth')
        found = np.array([estimate.hypotheses[0].map_T_base.position[:2] for estimate in self.estimates
                          if estimate.accepted]).reshape(-1, 2)
        axes.plot(*found.T, '.', color='tab:blue', label='accepted')
        axes.set(xlabel='x [m]', ylabel='y [m]', aspect='equal')
        axes.legend()
        return as_png(figure)
