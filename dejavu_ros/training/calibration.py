"""Fit the numbers that turn similarities into probabilities: on validation places, or on the sessions of a map."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import minimize
from scipy.special import logsumexp

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization.observation import Calibration, background, margin, standardise
from dejavu_ros.nn.checkpoint import Checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import contextual_similarity

AREA_GAP = 200.0  # metres between areas that know nothing of each other
HIDDEN = 50.0     # metres around a query without which its own map is one that it is not on
RADIUS = 5.0      # a keyframe this near shows the query's place
MAX_SHARPNESS = 50.0  # frames that separate perfectly would make it infinite, and no card may hold that
MAX_WEIGHT = 50.0     # likewise for the other log-odds per standard deviation
FIRST_STEPS = 0.3, 0.5, 0.3, 0.3  # of the search, in the logarithm of the sharpness and the other three
MAX_FRAMES = 2000     # of one session of a map against another: more change no figure


@dataclasses.dataclass(frozen=True)
class Frame:
    """A query against a map: standardised scores (K,), the best one's margin, and which keyframes are right (K,)
    (none: unmapped).
    """

    scores: np.ndarray
    margin: float
    right: np.ndarray


def calibrate(checkpoint: Checkpoint, rows: Sequence[ManifestRow], map_session: str) -> tuple[Calibration, dict]:
    """Fit on a manifest with positions.

    In each area, ``map_session`` is the map and the other sessions are queries; those of the other areas are its
    unmapped queries. Returns the calibration and its figures: ``frames``, ``mapped`` of them, ``top1`` (share of the
    mapped whose best keyframe is right), ``negative_log_likelihood`` (mean). Raises DataError where there are no
    positions, less than two areas, or no query near an image of ``map_session``; ImageError for an unreadable image.
    """
    if any(row.x is None or row.y is None for row in rows):
        raise DataError('calibration needs a manifest with x and y in every row')
    positions = np.array([(row.x, row.y) for row in rows])
    areas = fcluster(linkage(positions, 'single'), AREA_GAP, 'distance') if len(rows) > 1 else np.ones(1, int)
    if areas.max() < 2:
        raise DataError(f'calibration needs two areas over {AREA_GAP:.0f} m apart, each unmapped to the other; '
                        'found one')
    features = FeatureExtractor(checkpoint).extract_files([row.image for row in rows])
    reference = Calibration(**unrelated_scores(checkpoint, features, areas[:, None] != areas[None]))
    session = np.array([row.session for row in rows])
    frames = []
    for area in range(1, areas.max() + 1):
        keyframes = np.flatnonzero((areas == area) & (session == map_session))
        if len(keyframes):
            queries = np.flatnonzero(session != map_session)
            view = MapView(checkpoint, features[keyframes], positions[keyframes], reference)
            scores = view.score(features[queries])
            for query, row in zip(queries, scores):
                right = view.right(positions[query])
                if right.any() or areas[query] != area:  # beside the map is neither inside nor foreign
                    frames.append(view.frame(row, right))
    return fitted(frames, reference, f'no query of another session lies within {RADIUS:.0f} m of an image of session '
                                     f'{map_session!r}')


def calibrate_on_map(checkpoint: Checkpoint, keyframes: KeyframeMap) -> tuple[Calibration, dict]:
    """Fit on the sessions of a map: each is the map of those of other conditions.

    A query counts twice: against the whole session, and, unmapped, against what lies over HIDDEN metres from it.
    Returns as :func:`calibrate`. Raises DataError for a map without two sessions of different conditions that share
    places; MapError where a shard is damaged.
    """
    conditions = np.array([keyframe.condition for keyframe in keyframes.keyframes])
    if len(set(conditions.tolist()) - {''}) < 2:
        raise DataError(f'calibration on map {keyframes.name} needs two sessions or more of different conditions, '
                        f'found {", ".join(sorted(set(conditions.tolist()))) or "none"}: append a session of another, '
                        'or calibrate on a manifest')
    sessions = np.array([keyframe.session for keyframe in keyframes.keyframes])
    features = np.concatenate([np.array(shard) for _, shard in keyframes.shards()])
    positions = keyframes.positions[:, :2]
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    reference = Calibration(**unrelated_scores(checkpoint, features, distances > HIDDEN))
    frames = []
    for name in np.unique(sessions):
        stored = np.flatnonzero(sessions == name)
        queries = np.flatnonzero((conditions != conditions[stored[0]]) & (conditions != '')
                                 & (conditions[stored[0]] != ''))
        queries = queries[np.linspace(0, len(queries) - 1, min(len(queries), MAX_FRAMES)).astype(int)]
        view = MapView(checkpoint, features[stored], positions[stored], reference)
        for query, row in zip(queries, view.score(features[queries])):
            right = view.right(positions[query])
            if right.any():
                frames.append(view.frame(row, right))
                shown = np.flatnonzero(distances[query, stored] > HIDDEN)
                if len(shown):
                    frames.append(view.frame(row, right, shown))
    return fitted(frames, reference, f'the sessions of map {keyframes.name} share no place within {RADIUS:.0f} m')


class MapView:
    """Keyframes that queries are compared with, as the localizer does it."""

    def __init__(self, checkpoint: Checkpoint, features: np.ndarray, positions: np.ndarray, reference: Calibration):
        """``features`` (K, n, N) and ``positions`` (K, 2) metres."""
        self.contextual, self.features, self.positions = checkpoint.contextual, torch.from_numpy(features), positions
        self.reference = reference
        self.apart = np.linalg.norm(positions[:, None] - positions[None], axis=2) > 2 * RADIUS
        self.hubs = background(self.score(features), self.apart, reference.mean)

    def score(self, queries: np.ndarray) -> np.ndarray:
        """(Q, K) similarities of ``queries`` (Q, n, N)."""
        if not len(queries):
            return np.zeros((0, len(self.features)), np.float32)
        return contextual_similarity(torch.from_numpy(queries), self.features, self.contextual).numpy()

    def right(self, position: np.ndarray) -> np.ndarray:
        """(K,) mask of the keyframes within RADIUS of a position (2,)."""
        return np.linalg.norm(self.positions - position, axis=1) <= RADIUS

    def frame(self, scores: np.ndarray, right: np.ndarray, shown: np.ndarray | slice = slice(None)) -> Frame:
        """Of a query's scores (K,); ``shown`` are the rows of the keyframes that the map has."""
        apart = self.apart[shown][:, shown]
        standardised = standardise(scores[shown], self.hubs[shown], apart.__getitem__, self.reference)
        return Frame(standardised, margin(standardised, apart.__getitem__), right[shown])


def unrelated_scores(checkpoint: Checkpoint, features: np.ndarray, unrelated: np.ndarray) -> dict[str, float]:
    """Mean similarity of unrelated images, and the deviation over keyframes for one query.

    ``features`` (B, n, N), ``unrelated`` (B, B) bool.
    """
    rows = np.linspace(0, len(features) - 1, 200).astype(int)
    sample = torch.from_numpy(features[rows])
    scores = contextual_similarity(sample, sample, checkpoint.contextual).numpy()
    apart = unrelated[np.ix_(rows, rows)]
    if not apart.any():
        raise DataError('calibration needs places that have nothing to do with each other: all images are near others')
    deviations = [row[mask].std() for row, mask in zip(scores, apart) if mask.any()]
    return {'mean': float(scores[apart].mean()), 'deviation': float(np.median(deviations))}


def fitted(frames: Sequence[Frame], reference: Calibration, nothing: str) -> tuple[Calibration, dict]:
    """The calibration and its figures. Raises DataError with the words of ``nothing`` where no frame is mapped."""
    mapped = [frame for frame in frames if frame.right.any()]
    if not mapped:
        raise DataError(nothing)
    calibration = fit(frames, reference)
    top1 = np.mean([frame.right[frame.scores.argmax()] for frame in mapped])
    return calibration, {'frames': len(frames), 'mapped': len(mapped), 'top1': float(top1),
                         'negative_log_likelihood': negative_log_likelihood(frames, calibration)}


def negative_log_likelihood(frames: Sequence[Frame], calibration: Calibration) -> float:
    """Mean of -log of the probability given to the truth; mapped and unmapped frames count alike."""
    return Likelihood(frames).negative_log(calibration)


class Likelihood:
    """Frames as arrays (F, K), padded to the largest map."""

    def __init__(self, frames: Sequence[Frame]):
        shape = len(frames), max(len(frame.scores) for frame in frames)
        self.scores, self.right = np.full(shape, -np.inf), np.full(shape, False)
        for row, frame in enumerate(frames):
            self.scores[row, :len(frame.scores)] = frame.scores
            self.right[row, :len(frame.right)] = frame.right
        self.margins = np.array([frame.margin for frame in frames])
        self.prior = -np.log([len(frame.scores) for frame in frames])
        self.mapped = self.right.any(1)

    def negative_log(self, calibration: Calibration) -> float:
        log_odds = calibration.log_odds(self.scores, self.margins) + self.prior[:, None]
        losses = np.logaddexp(logsumexp(log_odds, axis=1), 0.0)
        mapped = self.mapped
        losses[mapped] -= logsumexp(np.where(self.right, log_odds, -np.inf)[mapped], axis=1)
        return float(np.mean([losses[part].mean() for part in (mapped, ~mapped) if part.any()]))


def fit(frames: Sequence[Frame], start: Calibration) -> Calibration:
    """The most likely ``sharpness`` (up to MAX_SHARPNESS), ``unknown``, ``top`` and ``margin``; the rest is that of
    ``start``.
    """
    likelihood = Likelihood(frames)

    def make(numbers: np.ndarray) -> Calibration:
        sharpness, unknown, top, lead = map(float, numbers)
        return dataclasses.replace(start, sharpness=float(np.exp(sharpness)), unknown=unknown, top=top, margin=lead)

    first = np.array([np.log(start.sharpness), start.unknown, start.top, start.margin])
    found = minimize(lambda numbers: likelihood.negative_log(make(numbers)), first, method='Nelder-Mead',
                     bounds=[(np.log(1e-3), np.log(MAX_SHARPNESS)), (-100.0, 100.0), *[(-MAX_WEIGHT, MAX_WEIGHT)] * 2],
                     options={'xatol': 1e-3, 'fatol': 1e-5, 'maxiter': 2000, 'maxfev': 4000, 'adaptive': True,
                              # its own first steps are shares of the numbers, and would leave a 0 where it is
                              'initial_simplex': np.vstack([first, first + np.diag(FIRST_STEPS)])})
    return make(found.x)
