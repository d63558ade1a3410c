"""Separation of places (AUC, precision and recall) and retrieval (recall@N) from one similarity matrix.

After Spencer et al., CVPR 2020, section 5: an area under the ROC curve for every pair of sessions. In percent, but for
the points of the precision-recall curve.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError

RANKS = (1, 5, 10)
CURVE_POINTS = 101  # of a precision-recall curve, at even recalls


def retrieval_metrics(rows: Sequence[ManifestRow], similarity: np.ndarray, radius: float = 0.0) -> dict:
    """All figures of one similarity matrix (B, B), entry ``[i, j]`` saying how much image j looks like image i.

    Returns ``n_images``, ``n_places``, ``n_sessions``, ``auc_matrix``, ``cross_session_auc``, ``within_session_auc``,
    ``recall_at`` and what :func:`precision_recall` says; None stands where nothing was there to be measured. With a
    ``radius`` in metres, an image that near (where both have x, y) is a right answer for the recall, beside one of the
    same place. Raises DataError for a matrix of another shape, or with entries that are no numbers.
    """
    similarity = checked(rows, similarity)
    same = same_place(rows)
    sessions = by_session(rows)
    matrix = auc_matrix(similarity, same, sessions)
    crossing = [matrix[a][b] for a in sessions for b in sessions if a != b]
    return {
        'n_images': len(rows), 'n_places': len({row.place for row in rows}), 'n_sessions': len(sessions),
        'auc_matrix': matrix,
        'cross_session_auc': defined_mean(crossing),
        'within_session_auc': defined_mean([matrix[a][a] for a in sessions]),
        'recall_at': recall_of(rows, similarity, radius),
        **precision_recall(rows, similarity),
    }


def checked(rows: Sequence[ManifestRow], similarity: np.ndarray) -> np.ndarray:
    """The matrix as float64. Raises DataError for another shape than (B, B), and for entries that are no numbers."""
    similarity = np.asarray(similarity, np.float64)
    if similarity.shape != (len(rows), len(rows)):
        raise DataError(f'{len(rows)} images need a similarity matrix of that many rows and columns, '
                        f'got {similarity.shape}')
    broken = np.flatnonzero(~np.isfinite(similarity).all(1))
    if len(broken):
        raise DataError(f'the similarity of {rows[broken[0]].image} to others is not a number: its features are broken')
    return similarity


def centred(rows: Sequence[ManifestRow], similarity: np.ndarray) -> np.ndarray:
    """Each score less the map image's mean score with the other images of its own session; an image alone keeps its.

    What looks like everything (a hub) then stands out no more. Uses no label of a place.
    """
    similarity = checked(rows, similarity).copy()
    for columns in by_session(rows).values():
        if len(columns) > 1:
            own = similarity[np.ix_(columns, columns)]
            similarity[:, columns] -= (own.sum(0) - own.diagonal()) / (len(columns) - 1)
    return similarity


def same_place(rows: Sequence[ManifestRow]) -> np.ndarray:
    """(B, B) bool."""
    places = np.unique([row.place for row in rows], return_inverse=True)[1]
    return places[:, None] == places[None]


def near(rows: Sequence[ManifestRow], radius: float) -> np.ndarray:
    """(B, B) bool: within ``radius`` metres of each other; never where a position is missing."""
    if radius <= 0:
        return np.zeros((len(rows), len(rows)), bool)
    positions = np.array([(np.nan, np.nan) if row.x is None else (row.x, row.y) for row in rows])
    return np.linalg.norm(positions[:, None] - positions[None], axis=2) <= radius


def by_session(rows: Sequence[ManifestRow]) -> dict[str, np.ndarray]:
    """Session -> indices of its images, sessions in order of name."""
    names = np.array([row.session for row in rows])
    return {str(name): np.flatnonzero(names == name) for name in np.unique(names)}


def auc_matrix(similarity: np.ndarray, same: np.ndarray,
               sessions: dict[str, np.ndarray]) -> dict[str, dict[str, float | None]]:
    """ROC over all image pairs of two sessions, no image paired with itself; None where a class is empty."""
    matrix = {}
    for a, rows in sessions.items():
        matrix[a] = {}
        for b, columns in sessions.items():
            block = np.ix_(rows, columns)
            label, score = same[block], similarity[block]
            if a == b:
                others = ~np.eye(len(rows), dtype=bool)
                label, score = label[others], score[others]
            defined = label.any() and not label.all()
            matrix[a][b] = 100 * float(roc_auc_score(label.ravel(), score.ravel())) if defined else None
    return matrix


def recall_of(rows: Sequence[ManifestRow], similarity: np.ndarray, radius: float = 0.0) -> dict[str, float | None]:
    """:func:`recall_at` of a whole set, right being what :func:`retrieval_metrics` says."""
    return recall_at(similarity, same_place(rows) | near(rows, radius), by_session(rows))


def recall_at(similarity: np.ndarray, correct: np.ndarray,
              sessions: dict[str, np.ndarray]) -> dict[str, float | None]:
    """Queries with a right answer among the N most similar images of another session: mean over ordered pairs.

    A query counts only where the other session holds a right answer. A tie between a right and a wrong image counts
    as a miss, so that features that cannot tell gain nothing.
    """
    shares: dict[int, list[float]] = {n: [] for n in RANKS}
    for a, rows in sessions.items():
        for b, columns in sessions.items():
            if a == b:
                continue
            block = np.ix_(rows, columns)
            rank = ranks(similarity[block], correct[block])
            for n in RANKS if len(rank) else ():
                shares[n].append(100 * float((rank <= n).mean()))
    return {str(n): defined_mean(values) for n, values in shares.items()}


def ranks(similarity: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """The rank, from 1, of the first right answer of each query that has one; (Q, K) each."""
    answerable = correct.any(1)
    score, right = similarity[answerable], correct[answerable]
    best_right = np.where(right, score, -np.inf).max(1, keepdims=True, initial=-np.inf)
    return 1 + (~right & (score >= best_right)).sum(1)


def recall_by_condition(rows: Sequence[ManifestRow], similarity: np.ndarray, map_session: str,
                        radius: float = 0.0) -> dict[str, dict[str, float | None]]:
    """Recall of all other sessions against ``map_session``, by their ``condition`` (the session where it has none).

    ``{condition: {'1': percent, '5': ..., '10': ..., 'queries': n, 'not_in_map': m}}``; a right answer is as in
    :func:`retrieval_metrics`, and the ``not_in_map`` images without one count for nothing: where that is all of them,
    None stands for the percent. Raises KeyError where there is no such session.
    """
    columns, correct = by_session(rows)[map_session], same_place(rows) | near(rows, radius)
    conditions: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row.session != map_session:
            conditions.setdefault(row.condition or row.session, []).append(index)
    found = {}
    for condition, queries in sorted(conditions.items()):
        block = np.ix_(queries, columns)
        rank = ranks(similarity[block], correct[block])
        found[condition] = {**{str(n): 100 * float((rank <= n).mean()) if len(rank) else None for n in RANKS},
                            'queries': len(rank), 'not_in_map': len(queries) - len(rank)}
    return found


def precision_recall(rows: Sequence[ManifestRow], similarity: np.ndarray) -> dict:
    """Of all pairs of images of different sessions, same place or not.

    ``average_precision`` and ``pair_recall_at_100_precision`` in percent, ``precision_recall``: the precision that is
    reached at CURVE_POINTS even recalls from 0 to 1 or above them. None where one of the two classes is empty.
    """
    names = np.array([row.session for row in rows])
    crossing = names[:, None] != names[None]
    label, score = same_place(rows)[crossing], similarity[crossing]
    if not label.any() or label.all():
        return {'average_precision': None, 'pair_recall_at_100_precision': None, 'precision_recall': None}
    precision, recall, _ = precision_recall_curve(label, score)
    reached = np.maximum.accumulate(precision[:-1])[::-1]  # by rising recall
    recall = recall[:-1][::-1]  # the last point, (0, 1), is of no threshold
    at = np.searchsorted(recall, np.linspace(0, 1, CURVE_POINTS))
    return {'average_precision': 100 * float(average_precision_score(label, score)),
            'pair_recall_at_100_precision': 100 * float(recall[reached == 1].max(initial=0.0)),
            'precision_recall': [round(float(value), 4) for value in reached[at.clip(max=len(reached) - 1)]]}


def defined_mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
