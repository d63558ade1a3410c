"""Fit the two numbers that turn similarities into probabilities, on validation places with positions."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import minimize
from scipy.special import logsumexp

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.localization.observation import Calibration, background, standardise
from dejavu_ros.nn.checkpoint import Checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import contextual_similarity

AREA_GAP = 200.0  # metres between areas that know nothing of each other
RADIUS = 5.0      # a keyframe this near shows the query's place
MAX_SHARPNESS = 50.0  # frames that separate perfectly would make it infinite, and no card may hold that


@dataclasses.dataclass(frozen=True)
class Frame:
    """A query against a map: standardised scores (K,), and which keyframes are right (none: unmapped)."""

    scores: np.ndarray
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
    reference = Calibration(**unrelated_scores(checkpoint, features, areas))
    session = np.array([row.session for row in rows])
    frames = []
    for area in range(1, areas.max() + 1):
        keyframes = np.flatnonzero((areas == area) & (session == map_session))
        if len(keyframes):
            queries = np.flatnonzero(session != map_session)
            inside = areas[queries] == area
            frames += standardised_frames(checkpoint, features, positions, keyframes, queries, inside, reference)
    if not any(frame.right.any() for frame in frames):
        raise DataError(f'no query of another session lies within {RADIUS:.0f} m of an image of session '
                        f'{map_session!r}')
    calibration = fit(frames, reference)
    mapped = [frame for frame in frames if frame.right.any()]
    top1 = np.mean([frame.right[frame.scores.argmax()] for frame in mapped])
    return calibration, {'frames': len(frames), 'mapped': len(mapped), 'top1': float(top1),
                         'negative_log_likelihood': negative_log_likelihood(frames, calibration)}


def unrelated_scores(checkpoint: Checkpoint, features: np.ndarray, areas: np.ndarray) -> dict[str, float]:
    """Mean similarity between areas, and the deviation over keyframes for one query."""
    rows = np.linspace(0, len(features) - 1, 200).astype(int)
    sample = torch.from_numpy(features[rows])
    scores = contextual_similarity(sample, sample, checkpoint.contextual).numpy()
    apart = areas[rows][:, None] != areas[rows][None]
    deviations = [scores[i][apart[i]].std() for i in range(len(rows))]
    return {'mean': float(scores[apart].mean()), 'deviation': float(np.median(deviations))}


def standardised_frames(checkpoint: Checkpoint, features: np.ndarray, positions: np.ndarray, keyframes: np.ndarray,
                        queries: np.ndarray, inside: np.ndarray, reference: Calibration) -> list[Frame]:
    """Frames of the rows ``queries`` (Q,) against the map of the rows ``keyframes`` (K,).

    ``features`` (B, n, N) and ``positions`` (B, 2) metres of all rows; ``inside`` (Q,) bool: in the area of the map.
    """
    stored = torch.from_numpy(features[keyframes])
    places = positions[keyframes]
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    own = contextual_similarity(stored, stored, checkpoint.contextual).numpy()
    hubs = background(own, distances > 2 * RADIUS, reference.mean)
    scores = contextual_similarity(torch.from_numpy(features[queries]), stored, checkpoint.contextual).numpy()
    frames = []
    for query, row, mapped in zip(queries, scores, inside):
        right = np.linalg.norm(places - positions[query], axis=1) <= RADIUS
        if mapped and not right.any():
            continue  # beside the map: neither inside nor foreign
        frames.append(Frame(standardise(row, hubs, lambda k: distances[k] > 2 * RADIUS, reference), right))
    return frames


def negative_log_likelihood(frames: Sequence[Frame], calibration: Calibration) -> float:
    """Mean of -log of the probability given to the truth; mapped and unmapped frames count alike."""
    losses: dict[bool, list[float]] = {True: [], False: []}
    for frame in frames:
        log_odds = calibration.log_odds(frame.scores) - np.log(len(frame.scores))
        everything = np.logaddexp(logsumexp(log_odds), 0.0)
        mapped = bool(frame.right.any())
        losses[mapped].append(everything - (logsumexp(log_odds[frame.right]) if mapped else 0.0))
    return float(np.mean([np.mean(part) for part in losses.values() if part]))


def fit(frames: Sequence[Frame], start: Calibration) -> Calibration:
    """The most likely ``sharpness`` (up to MAX_SHARPNESS) and ``unknown``; the rest is that of ``start``."""
    def make(numbers: np.ndarray) -> Calibration:
        return dataclasses.replace(start, sharpness=float(np.exp(numbers[0])), unknown=float(numbers[1]))

    found = minimize(lambda numbers: negative_log_likelihood(frames, make(numbers)),
                     [np.log(start.sharpness), start.unknown], method='Nelder-Mead',
                     bounds=[(None, np.log(MAX_SHARPNESS)), (-100.0, 100.0)],
                     options={'xatol': 1e-3, 'fatol': 1e-5})
    return make(found.x)
