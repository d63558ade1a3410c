"""Does a probability mean what it says? What the localizer would answer to single frames, held against the truth.

The localizer's own code says it (:mod:`dejavu_ros.localization.observation`, :mod:`dejavu_ros.localization.places`),
from exact scores over the whole map, without a shortlist and the frames before. Every query is asked twice: of the map,
and, as half of what a robot sees may be on none, of the map without the query's surroundings.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.metrics import by_session, near, same_place
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.map_view import MapView
from dejavu_ros.localization.model import AgreementModel, EvidenceModel
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.localization.places import Neighbourhoods

BINS = 10
THRESHOLDS = 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995  # of the probability, to choose ``min_probability`` by
APART = 10_000.0  # metres between places of which no position is known


@dataclasses.dataclass(frozen=True)
class Answers:
    """Of Q questions: the query's row, the probability of the top place, whether it is right, whether any could be."""

    rows: np.ndarray
    probability: np.ndarray
    right: np.ndarray
    in_map: np.ndarray

    def of(self, chosen: np.ndarray) -> 'Answers':
        """Those of a mask or of indices."""
        return Answers(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))


def answers(rows: Sequence[ManifestRow], similarity: np.ndarray, features: np.ndarray, grid: tuple[int, int],
            map_session: str, calibration: Calibration, radius: float = 0.0, evidence: EvidenceModel = EvidenceModel(),
            cells: AgreementModel = AgreementModel()) -> Answers:
    """What single frames of the other sessions are told about ``map_session``, whole and without their surroundings.

    ``similarity`` (B, B) is that of the ``features`` (B, n, gh * gw), not centred; ``grid`` is (gh, gw). Keyframes
    within ``radius`` metres (0: the localizer's own) and its angle are one place; the top place is right where its
    likeliest keyframe is of the query's place or within ``radius``. Without x, y in every row a place is its label
    alone; without yaw all look the same way.
    """
    keyframes = by_session(rows)[map_session]
    queries = np.setdiff1d(np.arange(len(rows)), keyframes)
    config = LocalizerConfig(place_radius=radius) if radius else LocalizerConfig()
    everywhere = Neighbourhoods(*poses(rows, np.arange(len(rows))), config)
    view = MapView(everywhere.part(keyframes), features[keyframes], similarity[np.ix_(keyframes, keyframes)], grid,
                   calibration, evidence, cells)
    correct = (same_place(rows) | near(rows, radius))[:, keyframes]
    found = []
    for query in queries:
        for shown in view.asked(everywhere.positions[query]):
            seen = view.observe(similarity[query, keyframes], features[query], shown)
            row, _, belief = view.places.part(shown).groups(seen.alone(calibration))[0]
            found.append((query, belief.sum(), correct[query, shown[row]], correct[query, shown].any()))
    rows, probability, right, in_map = np.array(found, float).reshape(-1, 4).T
    return Answers(rows.astype(int), probability, right.astype(bool), in_map.astype(bool))


def poses(rows: Sequence[ManifestRow], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (K, 3) metres and quaternions (K, 4) xyzw of ``chosen`` rows."""
    if all(row.x is not None and row.y is not None for row in rows):
        positions = np.array([(rows[index].x, rows[index].y, 0.0) for index in chosen])
    else:
        numbers = np.unique([row.place for row in rows], return_inverse=True)[1][chosen]
        positions = np.outer(APART * numbers, [1.0, 0.0, 0.0])
    yaws = [0.0 if row.yaw is None else row.yaw for row in (rows[index] for index in chosen)]
    return positions, Rotation.from_euler('z', np.array(yaws)[:, None]).as_quat()


def reliability(found: Answers, min_probability: float = LocalizerConfig().min_probability) -> dict:
    """Figures of some answers; None where there was nothing to be measured.

    ``ece``: expected calibration error, mean over queries of the difference between the mean probability of a bin and
    the share of right answers in it, from 0 to 1. ``recall_at_100_precision``: percent of the queries that are in the
    map and are answered right with a probability above that of every wrong answer. ``bins``: for each ``queries``,
    mean ``probability`` and share ``right``. Besides :func:`accepted` at ``min_probability``, and in ``trade_off`` at
    each of THRESHOLDS.
    """
    inside = found.in_map
    number = np.minimum((found.probability * BINS).astype(int), BINS - 1)
    bins = [{'queries': int(mask.sum()), 'probability': mean(found.probability[mask]), 'right': mean(found.right[mask])}
            for mask in (number == bin for bin in range(BINS))]
    gaps = [part['queries'] * abs(part['probability'] - part['right']) for part in bins if part['queries']]
    threshold = found.probability[~found.right].max(initial=-np.inf)
    best = (found.right & (found.probability > threshold))[inside]
    return {'ece': sum(gaps) / len(found.right) if gaps else None,
            'recall_at_100_precision': percentage(best),
            'queries': len(found.right), 'in_map': int(inside.sum()), **accepted(found, min_probability),
            'trade_off': [accepted(found, threshold) for threshold in THRESHOLDS], 'bins': bins}


def accepted(found: Answers, min_probability: float) -> dict[str, float | None]:
    """At ``min_probability`` and above, percent of the queries in the map ``accepted_right`` and ``accepted_wrong``,
    and ``accepted_not_in_map`` of the others.
    """
    inside, above = found.in_map, found.probability >= min_probability
    return {'min_probability': min_probability, 'accepted_right': percentage((above & found.right)[inside]),
            'accepted_wrong': percentage((above & ~found.right)[inside]),
            'accepted_not_in_map': percentage(above[~inside])}


def reliability_by_condition(rows: Sequence[ManifestRow], found: Answers) -> dict[str, dict]:
    """``{condition: figures}`` of the queries' conditions (the session where a row has none)."""
    names = np.array([rows[row].condition or rows[row].session for row in found.rows])
    return {str(name): reliability(found.of(names == name)) for name in np.unique(names)}


def mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def percentage(values: np.ndarray) -> float | None:
    return None if mean(values) is None else 100 * mean(values)
