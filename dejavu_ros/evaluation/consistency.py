"""Does a covariance mean what it says, and are poses found? Answers to a drive, held against the truth.

    dejavu localize --map town --images snow/images --json snow.jsonl
    python -m dejavu_ros.evaluation.consistency --drive snow snow.jsonl snow/poses.txt --drive night ... --json out.json

The normalised estimation error squared (NEES) of a pose is its error in units of its own covariance; where that is
honest its mean is the number of degrees of freedom, and 95 of 100 ellipsoids that should hold the truth do.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import chi2
from tabulate import tabulate

from dejavu_ros.data.folders import read_tum
from dejavu_ros.errors import DataError, exit_status
from dejavu_ros.files import new_file
from dejavu_ros.geometry import Pose
from dejavu_ros.localization.estimate import Estimate, is_found

PLANAR = 0, 1, 5  # x, y and the rotation about z: what a robot on the ground has to estimate
CONFIDENCE = 0.95
MAX_GAP_NS = 10**9  # between poses of the truth


@dataclasses.dataclass(frozen=True)
class Answer:
    """One frame: the truth (None where no map is), what was said first (None: nothing), and whether it was accepted.

    ``truth`` and ``found`` are map_T_base; ``covariance`` (6, 6) of x, y, z, rotation about x, y, z in the map frame.
    """

    condition: str
    stamp_ns: int
    truth: Pose | None
    found: Pose | None
    covariance: np.ndarray | None
    accepted: bool

    @classmethod
    def of(cls, estimate: Estimate, truth: Pose | None, condition: str) -> 'Answer':
        best = estimate.hypotheses[0] if estimate.hypotheses else None
        return cls(condition, estimate.stamp_ns, truth, best and best.map_T_base,
                   None if best is None else best.covariance, estimate.accepted)

    @property
    def is_right(self) -> bool:
        """Accepted within 5 m and 30 degrees of the truth."""
        return self.accepted and self.truth is not None and is_found(self.found, self.truth)


def pose_error(found: Pose, truth: Pose) -> np.ndarray:
    """(6,) error of ``found``: x, y, z in metres and the rotation vector in radians, both along the map's axes."""
    return np.concatenate([found.position - truth.position, (found.rotation * truth.rotation.inv()).as_rotvec()])


def nees(found: Sequence[Pose], covariances: np.ndarray, truths: Sequence[Pose],
         axes: Sequence[int] = PLANAR) -> np.ndarray:
    """(F,) normalised estimation error squared of F poses, each a sum over len(``axes``) degrees of freedom.

    ``covariances`` (F, 6, 6) of x, y, z, rotation about x, y, z in the map frame (m, rad); ``axes`` are those of them
    that count: the town is flat and its truth has no height or tilt. Raises DataError for a covariance that is none.
    """
    axes = np.asarray(axes)
    errors = np.array([pose_error(*pair) for pair in zip(found, truths)]).reshape(-1, 6)[:, axes]
    parts = np.asarray(covariances, float).reshape(-1, 6, 6)[:, axes[:, None], axes]
    try:
        np.linalg.cholesky(parts)
        return (errors * np.linalg.solve(parts, errors[:, :, None])[:, :, 0]).sum(1)
    except np.linalg.LinAlgError:
        raise DataError('covariances must be positive definite in the axes that count: found one that is not') from None


def consistency(values: np.ndarray, dof: int = len(PLANAR)) -> dict:
    """Figures of (F,) NEES over ``dof`` degrees of freedom each; None where there are none.

    ``nees_mean_over_dof`` is 1 and ``ellipsoid_coverage``, the share of 95 % ellipsoids that hold the truth, 0.95
    where covariances are honest.
    """
    return {'nees_mean_over_dof': float(values.mean() / dof) if len(values) else None,
            'ellipsoid_coverage': float((values <= chi2.ppf(CONFIDENCE, dof)).mean()) if len(values) else None}


def figures(answers: Sequence[Answer]) -> dict:
    """What came of frames on the map (``frames``) and off it (``unmapped_frames``); rates are fractions.

    None stands for nothing to be measured.

    ``recall_at_5m``, ``wrong_accepts``, ``unmapped_accepts`` as the node's own figures; ``nees_mean_over_dof`` and
    ``ellipsoid_coverage`` of all accepted frames on the map; of the right ones the median and 95th percentile of the
    error ``along`` and ``aside`` of the true heading (m) and in ``yaw`` (deg).
    """
    mapped = [answer for answer in answers if answer.truth is not None]
    accepted = [answer for answer in mapped if answer.accepted]
    right = [answer for answer in accepted if answer.is_right]
    values = nees([a.found for a in accepted], np.array([a.covariance for a in accepted]), [a.truth for a in accepted])
    errors = np.array([pose_error(a.truth.inverse @ a.found, Pose.planar(0, 0, 0))[list(PLANAR)] for a in right])
    errors = np.abs(errors.reshape(-1, 3)) * (1, 1, np.degrees(1))
    return {'frames': len(mapped), 'accepted': len(accepted),
            'recall_at_5m': len(right) / len(mapped) if mapped else None,
            'wrong_accepts': len(accepted) - len(right),
            'unmapped_frames': len(answers) - len(mapped),
            'unmapped_accepts': sum(answer.accepted for answer in answers if answer.truth is None),
            **consistency(values),
            'error': {name: {'median': float(np.median(part)), 'p95': float(np.percentile(part, 95))}
                      for name, part in zip(('along', 'aside', 'yaw'), errors.T)} if len(errors) else None}


def by_condition(answers: Sequence[Answer]) -> dict[str, dict]:
    """:func:`figures` of each condition in the order of the answers, and of ``all``."""
    parts: dict[str, list[Answer]] = {}
    for answer in answers:
        parts.setdefault(answer.condition, []).append(answer)
    return {**{name: figures(part) for name, part in parts.items()}, 'all': figures(answers)}


def table(result: dict[str, dict]) -> str:
    """The figures of :func:`by_condition` for people."""
    def row(name: str, part: dict) -> list:
        error = part['error'] or {key: {'median': None, 'p95': None} for key in ('along', 'aside', 'yaw')}
        return [name, part['frames'], part['recall_at_5m'], part['wrong_accepts'], part['unmapped_accepts'],
                part['nees_mean_over_dof'], part['ellipsoid_coverage'],
                *(error[key]['median'] for key in ('along', 'aside', 'yaw'))]

    return tabulate([row(*item) for item in result.items()], floatfmt='.3f', headers=[
        'condition', 'frames', 'recall', 'wrong', 'unmapped', 'NEES / dof', 'coverage', 'along [m]', 'aside [m]',
        'yaw [deg]'])


def read_answers(condition: str, estimates: str, truth: str) -> list[Answer]:
    """Lines of ``dejavu localize --json`` held against a TUM trajectory of map_T_base; an empty ``truth``: unmapped.

    Frames without a pose in the trajectory are left out. Raises DataError for a file that cannot be read.
    """
    track = read_tum(truth) if truth else None
    answers = []
    try:
        with open(estimates) as file:
            for line in map(json.loads, file):
                pose = track.at(line['stamp_ns'], MAX_GAP_NS) if track else None
                if track and pose is None:
                    continue
                best = next(iter(line['hypotheses']), None)
                answers.append(Answer(condition, line['stamp_ns'], pose and pose[0],
                                      best and Pose.make(best['position'], best['quaternion']),
                                      best and np.reshape(best['covariance'], (6, 6)), line['accepted']))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f'{estimates} holds no lines of `dejavu localize --json`: {error!r}') from None
    return answers


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='consistency', description=__doc__.splitlines()[0])
    parser.add_argument('--drive', nargs=3, action='append', default=[], metavar=('CONDITION', 'ESTIMATES', 'TRUTH'),
                        help='lines of `dejavu localize --json` and the TUM trajectory of the drive')
    parser.add_argument('--unmapped', nargs=2, action='append', default=[], metavar=('CONDITION', 'ESTIMATES'),
                        help='lines of a drive that is on no map')
    parser.add_argument('--json', metavar='FILE', help='where the figures are written')
    arguments = parser.parse_args(argv)

    def work() -> int:
        drives = [*arguments.drive, *((*drive, '') for drive in arguments.unmapped)]
        result = by_condition([answer for drive in drives for answer in read_answers(*drive)])
        print(table(result))
        if arguments.json:
            with new_file(arguments.json, 'w') as file:
                json.dump(result, file, indent=1)
        return 0

    return exit_status('consistency', work)


if __name__ == '__main__':
    sys.exit(main())
