"""The table of drives asked of maps: what was found, what was wrong, and whether the probabilities say so."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from tabulate import tabulate

from dejavu_ros.evaluation.consistency import Answer, figures
from dejavu_ros.evaluation.judgement import (
    RADIUS,
    Verdict,
    auroc,
    bootstrap,
    bound,
    calibration_error,
    places_held,
    recall_at_full_precision,
    summary,
)
from dejavu_ros.evaluation.replay import Recording

ENOUGH = 300  # scored frames of a set for a calibration error of its own
POOLED, ALL = 'sets under 300 frames', 'all'
LOOK_ALIKE = 'look-alike floors'
OFF_MAP = 'not on the map, look-alike floors aside'
STRETCH, REST = 'where it is removed', 'where it is not'


@dataclasses.dataclass(frozen=True)
class Question:
    """A drive asked of a map of the ``rows`` of the ``mapped`` recording.

    ``row`` names the line of the table. ``off_map``: the map shows nothing of the drive. ``gone`` (F,) bool: the
    keyframes nearest to these frames were taken out of the map; None where it is whole.
    """

    row: str
    mapped: Recording
    rows: np.ndarray
    drive: Recording
    off_map: bool = False
    gone: np.ndarray | None = None

    @property
    def family(self) -> str:
        """The set of the map."""
        return self.mapped.family

    @property
    def families(self) -> frozenset[str]:
        """The sets of which it shows frames."""
        return frozenset((self.mapped.family, self.drive.family))

    @property
    def is_whole(self) -> bool:
        """Whether the drive is on the map, and the map complete."""
        return self.gone is None and not self.off_map

    @property
    def keyframes(self) -> np.ndarray:
        """(K, 3) positions in metres."""
        return np.array([self.mapped.poses[row].position for row in self.rows])

    def is_mapped(self) -> np.ndarray:
        """(F,) bool: which frames have a true pose within RADIUS of a keyframe."""
        keyframes = self.keyframes
        return np.array([not self.off_map and pose is not None
                         and np.linalg.norm(keyframes - pose.position, axis=1).min() <= RADIUS
                         for pose in self.drive.poses])


@dataclasses.dataclass(frozen=True)
class Judged:
    """A question and what became of its frames.

    ``answers`` are kept where covariances can be held against the truth. ``first`` are the numbers of frames until one
    was accepted, from several starts.
    """

    question: Question
    verdicts: Sequence[Verdict]
    answers: Sequence[Answer] = ()
    first: Sequence[int] = ()


def table(found: Mapping[str, Sequence[Judged]]) -> list[dict]:
    """Lines of the table from the answers in each way of asking.

    One for each row of questions; drives on a whole map also by condition; where a stretch of the map was removed, the
    frames there and the others in two lines; and all that was asked off the map together. Counts are those of
    :func:`dejavu_ros.evaluation.judgement.summary`; ``off_map``: no answer can be right; None stands for nothing to be
    measured.
    """
    lines = []
    for way, parts in found.items():
        for row in dict.fromkeys(part.question.row for part in parts):
            own = [part for part in parts if part.question.row == row]
            whole = [part for part in own if part.question.gone is None]
            if whole:
                lines.append(line(row, way, whole))
            conditions = dict.fromkeys(part.question.drive.condition for part in own if part.question.is_whole)
            for condition in conditions if len(conditions) > 1 else ():
                lines.append(line(f'{row}, {condition}', way,
                                  [part for part in own if part.question.drive.condition == condition]))
            for where, gone in ((STRETCH, True), (REST, False)) if len(whole) < len(own) else ():
                lines.append(line(f'{row}: {where}', way, [only(part, part.question.gone == gone) for part in own]))
        off = [part for part in parts if part.question.off_map and part.question.row != LOOK_ALIKE]
        if len({part.question.row for part in off}) > 1:
            lines.append(line(OFF_MAP, way, off))
    return lines


def only(part: Judged, frames: np.ndarray) -> Judged:
    """The verdicts of some frames (F,) bool alone."""
    return Judged(part.question, [verdict for verdict, kept in zip(part.verdicts, frames) if kept])


def line(row: str, way: str, parts: Sequence[Judged]) -> dict:
    """The figures of some questions together."""
    verdicts = [verdict for part in parts for verdict in part.verdicts]
    whole = [part for part in parts if part.question.is_whole]
    held = np.sum([(0, 0)] + [places_held(part.question.keyframes, part.question.drive.poses, part.verdicts)
                              for part in whole], axis=0)
    first = [count for part in parts for count in part.first]
    poses = figures([answer for part in whole for answer in part.answers])
    return {'row': row, 'way': way, **summary(verdicts),
            'off_map': all(part.question.off_map for part in parts),
            'recall_at_full_precision': recall_at_full_precision(verdicts),
            'places_held': float(held[0] / held[1]) if held[1] else None,
            'first_pose_median': float(np.median(first)) if first else None,
            'first_pose_worst': max(first, default=None),
            **{name: poses[name] for name in ('nees_mean_over_dof', 'ellipsoid_coverage')}}


def calibration_errors(parts: Sequence[Judged]) -> list[dict]:
    """Expected calibration error of the first hypotheses, by set of questions (row of the table).

    A set of fewer than ENOUGH scored frames is judged together with the others of this kind; the last line has all.
    ``ece_interval`` is the 5th and 95th percentile over samples of drives, None with a single drive.
    """
    sets: dict[str, list[tuple[float, bool, str]]] = {}
    for part in parts:
        sets.setdefault(part.question.row, []).extend(
            (verdict.probability, verdict.error <= RADIUS, part.question.drive.name)
            for verdict in part.verdicts if verdict.error is not None)
    large = {row: scored for row, scored in sets.items() if len(scored) >= ENOUGH}
    small = [frame for row, scored in sets.items() if row not in large for frame in scored]
    groups = {**large, POOLED: small, ALL: [frame for scored in sets.values() for frame in scored]}
    lines = []
    for name, scored in groups.items():
        if scored:
            probability, right, drive = (np.array(column) for column in zip(*scored))
            lines.append({'set': name, 'frames': len(scored), 'ece': calibration_error(probability, right),
                          'ece_interval': bootstrap(probability, right, drive)})
    return lines


def areas_under_roc(parts: Sequence[Judged]) -> list[dict]:
    """How well the probability of a frame's first hypothesis tells frames that a map shows from others, by set of maps.

    ``auroc_foreign``: frames of drives on the whole map beside those of what it does not show; ``auroc_removed``: of
    the maps without a stretch, frames within RADIUS of a keyframe that is left beside the others. None where there is
    nothing on either side.
    """
    lines = []
    for family in dict.fromkeys(part.question.family for part in parts):
        own = [part for part in parts if part.question.family == family]
        whole, off, left, removed = ([
            verdict.probability for part in own if wanted(part.question)
            for verdict, is_mapped in zip(part.verdicts, part.question.is_mapped())
            if verdict.error is not None and mapped in (None, is_mapped)] for wanted, mapped in (
                (lambda asked: asked.is_whole, None), (lambda asked: asked.off_map, None),
                (lambda asked: asked.gone is not None, True), (lambda asked: asked.gone is not None, False)))
        lines.append({'maps': family, 'auroc_foreign': auroc(whole, off), 'foreign_frames': len(off),
                      'auroc_removed': auroc(left, removed), 'removed_frames': len(removed)})
    return lines


def worse_than_single(found: Mapping[str, Sequence[Judged]]) -> list[str]:
    """Drives on which the filter found fewer frames than single frames did, or accepted more wrong ones."""
    lines = []
    if not {'filter', 'single'} <= found.keys():
        return lines
    for filtered, single in zip(found['filter'], found['single']):
        with_filter, alone = summary(filtered.verdicts), summary(single.verdicts)
        if with_filter['found'] < alone['found'] or with_filter['wrong'] > alone['wrong']:
            asked = filtered.question
            lines.append(f'{asked.row}: {asked.drive.name} on {asked.mapped.name}: found {with_filter["found"]} for '
                         f'{alone["found"]}, wrong {with_filter["wrong"]} for {alone["wrong"]}')
    return lines


def results(found: Mapping[str, Sequence[Judged]]) -> dict:
    """All figures of one fit of the probabilities, for JSON: those of the table, of each drive on a whole map, of the
    probabilities in each way of asking, and where the filter is worse than single frames.
    """
    drives = [{'drive': part.question.drive.name, 'map': part.question.mapped.name, 'way': way,
               **summary(part.verdicts)} for way, parts in found.items() for part in parts if part.question.is_whole]
    return {'rows': table(found), 'drives': drives,
            'calibration_error': [{'way': way, **part} for way, parts in found.items()
                                  for part in calibration_errors(parts)],
            'auroc': [{'way': way, **part} for way, parts in found.items() for part in areas_under_roc(parts)],
            'filter_worse_than_single': worse_than_single(found)}


def shown(fits: Mapping[str, dict]) -> str:
    """The :func:`results` of each fit for people: the first in full, of the others what was found and what was wrong,
    or the figure itself, in columns that bear their names.
    """
    return '\n\n'.join((rows_shown(fits), errors_shown(fits), areas_shown(fits)))


def rows_shown(fits: Mapping[str, dict]) -> str:
    rows = []
    for first, *others in aligned(fits, 'rows'):
        off = first['off_map']
        rows.append([first['row'], first['way'], first['scored'],
                     *(None if off else percent(part['found'], part['scored']) for part in (first, *others)),
                     *(bound(part['wrong'], part['scored']) for part in (first, *others)),
                     *(None if off else value for value in (
                         percent(first['first_right'], first['scored']), first['near'],
                         first['recall_at_full_precision'], first['places_held'], first['first_pose_median'],
                         first['first_pose_worst'], first['nees_mean_over_dof'], first['ellipsoid_coverage']))])
    return tabulate(rows, floatfmt='.3g', headers=['drive', 'way', 'frames', *columns('found', fits),
                                                   *columns('wrong', fits), 'first right', 'near', 'recall at 100 %',
                                                   'places', 'first pose', 'worst', 'NEES / dof', 'coverage'])


def errors_shown(fits: Mapping[str, dict]) -> str:
    def cell(part: dict) -> str:
        interval = part['ece_interval']
        return f'{part["ece"]:.3f}' + (f' ({interval[0]:.3f} to {interval[1]:.3f})' if interval else '')

    return tabulate([[parts[0]['set'], parts[0]['way'], parts[0]['frames'], *map(cell, parts)]
                     for parts in aligned(fits, 'calibration_error')],
                    headers=['calibration error (90 % interval over drives)', 'way', 'frames', *columns('ECE', fits)])


def areas_shown(fits: Mapping[str, dict]) -> str:
    return tabulate([[parts[0]['maps'], parts[0]['way'], parts[0]['foreign_frames'],
                      *(part['auroc_foreign'] for part in parts), parts[0]['removed_frames'],
                      *(part['auroc_removed'] for part in parts)] for parts in aligned(fits, 'auroc')],
                    floatfmt='.3f', headers=['area under the ROC curve, maps of', 'way', 'foreign frames',
                                             *columns('foreign', fits), 'removed frames', *columns('removed', fits)])


def aligned(fits: Mapping[str, dict], what: str) -> Iterator[tuple[dict, ...]]:
    """The same line of every fit."""
    return zip(*(part[what] for part in fits.values()))


def columns(name: str, fits: Iterable[str]) -> list[str]:
    return [f'{name}, {fit}' for fit in fits]


def percent(count: int, total: int) -> str | None:
    return f'{100 * count / total:.1f} %' if total else None
