"""Fit the numbers that turn similarities into probabilities: on validation places, or on the sessions of a map."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.reliability import poses
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.map_view import HIDDEN, MapView
from dejavu_ros.localization.model import AgreementModel, EvidenceModel, model_of
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.localization.places import Neighbourhoods
from dejavu_ros.nn.checkpoint import Checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ops.contextual import contextual_similarity

AREA_GAP = 200.0  # metres between areas that know nothing of each other
RADIUS = 5.0      # a keyframe this near shows the query's place
THINNED = 1, 2, 5  # a map counts whole and with every second and fifth keyframe: maps are driven finely and coarsely
BOUNDS = {'sharpness': (1e-3, 50.0), 'variation': (0.0, 1.0), 'offset': (-100.0, 100.0),
          'confirmed': (0.0, 50.0)}  # frames that separate perfectly would ask for the infinite
UNMAPPED_WEIGHT = 3.0  # of unmapped frames: a wrong pose costs more than a right one that is rejected
TRANSFER = 0.7        # of the evidence holds on a set that it was not fitted on (fitted with each real set left out)
FITTED = 5000         # frames, drawn from all, that the numbers are fitted on
MAX_FRAMES = 2000     # of one session of a map against another: more change no figure


@dataclasses.dataclass(frozen=True)
class Frame:
    """A query against a map: standardised scores (K,), the best one's cues (2,), and which keyframes are right (K,)
    (none: unmapped). ``group`` names the set that it is of.
    """

    scores: np.ndarray
    cues: np.ndarray
    right: np.ndarray
    group: str = ''


def calibrate(checkpoint: Checkpoint, sets: Sequence[Sequence[ManifestRow]], map_session: str,
              foreign: Sequence[ManifestRow] = ()) -> tuple[Calibration, dict]:
    """Fit on manifests, each a set of its own; without positions it is one area, and its places have nothing in common.

    What unrelated images score is taken from the first set that has some: of two areas or, in a single one, over HIDDEN
    metres apart. In each area of a set, ``map_session`` is the map and the other sessions are queries; in a set without
    it, each session in turn. A query is unmapped to the areas of other places, and to its own map without what lies
    within HIDDEN metres of it; ``foreign`` images show none of the areas. Of keyframes with the ``place`` of a query
    only those near it are right: the others look the same, and nobody can know.

    Returns the calibration and its figures: ``frames``, ``mapped`` of them, ``top1`` (share of the mapped whose best
    keyframe is right), ``negative_log_likelihood`` (mean). Raises DataError where no set has unrelated images, or no
    query is near an image of the map; ImageError for an unreadable image.
    """
    extractor = FeatureExtractor(checkpoint)
    strangers = extractor.extract_files([row.image for row in foreign]) if foreign else None
    areas = [areas_of(rows) for rows in sets]
    apart = [unrelated(rows, area) for rows, area in zip(sets, areas)]
    first = next((number for number, part in enumerate(apart) if part.any()), None)
    if first is None:
        raise DataError(f'calibration needs images of places over {HIDDEN:.0f} m apart, which have nothing to do with '
                        'each other, and no manifest has such with x and y: give one that has, or a map of the drives '
                        'by --map')
    found = [extractor.extract_files([row.image for row in rows]) for rows in sets]
    reference = Calibration(**unrelated_scores(checkpoint, found[first], apart[first]))
    frames = []
    for rows, area, features in zip(sets, areas, found):
        session, place = (np.array([getattr(row, name) for row in rows]) for name in ('session', 'place'))
        places = neighbourhoods(*poses(rows, np.arange(len(rows))))
        maps = [map_session] if map_session in session else np.unique(session)
        for number, mapped in itertools.product(range(1, area.max() + 1), maps):
            keyframes = np.flatnonzero((area == number) & (session == mapped))
            queries = np.flatnonzero(session != mapped)
            if not len(keyframes):
                continue
            view = view_of(checkpoint, features[keyframes], places.part(keyframes), reference)
            scores = similarities(checkpoint, features[queries], features[keyframes])
            for query, row in zip(queries, scores):
                right = view.places.around(places.positions[query], places.quaternions[query])
                alike = right | (place[keyframes] == place[query])
                if right.any() or area[query] != number:  # beside the map is neither inside nor foreign
                    frames += seen(view, row, features[query], right, alike, places.positions[query])
            if foreign:
                nowhere = np.full(len(keyframes), False)
                for stranger, row in zip(strangers, similarities(checkpoint, strangers, features[keyframes])):
                    frames += seen(view, row, stranger, nowhere, nowhere)
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
                        f'found {", ".join(sorted(set(conditions.tolist()) - {""})) or "none"}: say which they are by '
                        f'dejavu map set-condition {keyframes.name} SESSION CONDITION, append a session of another '
                        'condition, or calibrate on a manifest')
    sessions = np.array([keyframe.session for keyframe in keyframes.keyframes])
    features = np.concatenate([np.array(shard) for _, shard in keyframes.shards()])
    places = neighbourhoods(keyframes.positions, keyframes.quaternions)
    apart = cdist(places.positions, places.positions) > HIDDEN
    reference = Calibration(**unrelated_scores(checkpoint, features, apart))
    frames = []
    for name in np.unique(sessions):
        stored = np.flatnonzero(sessions == name)
        queries = np.flatnonzero((conditions != conditions[stored[0]]) & (conditions != '')
                                 & (conditions[stored[0]] != ''))
        queries = queries[np.linspace(0, len(queries) - 1, min(len(queries), MAX_FRAMES)).astype(int)]
        view = view_of(checkpoint, features[stored], places.part(stored), reference)
        for query, row in zip(queries, similarities(checkpoint, features[queries], features[stored])):
            right = view.places.around(places.positions[query], places.quaternions[query])
            if right.any():
                frames += seen(view, row, features[query], right, right, places.positions[query], thinned=(1,))
    return fitted(frames, reference, f'the sessions of map {keyframes.name} share no place within {RADIUS:.0f} m')


def areas_of(rows: Sequence[ManifestRow]) -> np.ndarray:
    """(B,) number of the area, from 1 on, of each row; one area where a row has no position."""
    if len(rows) < 2 or any(row.x is None or row.y is None for row in rows):
        return np.ones(len(rows), int)
    return fcluster(linkage(np.array([(row.x, row.y) for row in rows]), 'single'), AREA_GAP, 'distance')


def unrelated(rows: Sequence[ManifestRow], area: np.ndarray) -> np.ndarray:
    """(B, B) bool: images of different areas; of one area alone, images over HIDDEN metres apart."""
    if area.max() > 1 or any(row.x is None or row.y is None for row in rows):
        return area[:, None] != area
    positions = np.array([(row.x, row.y) for row in rows])
    return cdist(positions, positions) > HIDDEN


def neighbourhoods(positions: np.ndarray, quaternions: np.ndarray) -> Neighbourhoods:
    return Neighbourhoods(positions, quaternions, LocalizerConfig(place_radius=RADIUS))


def similarities(checkpoint: Checkpoint, queries: np.ndarray, keyframes: np.ndarray) -> np.ndarray:
    """(Q, K) of ``queries`` (Q, n, N) with ``keyframes`` (K, n, N)."""
    if not len(queries):
        return np.zeros((0, len(keyframes)), np.float32)
    return contextual_similarity(torch.from_numpy(queries), torch.from_numpy(keyframes), checkpoint.contextual).numpy()


def view_of(checkpoint: Checkpoint, features: np.ndarray, places: Neighbourhoods, reference: Calibration) -> MapView:
    """The map of keyframes with ``features`` (K, n, N)."""
    grid = checkpoint.settings.grid_height, checkpoint.settings.grid_width
    return MapView(places, features, similarities(checkpoint, features, features), grid, reference,
                   model_of(checkpoint.card, 'evidence', EvidenceModel),
                   model_of(checkpoint.card, 'agreement', AgreementModel))


def seen(view: MapView, scores: np.ndarray, query: np.ndarray, right: np.ndarray, alike: np.ndarray,
         position: np.ndarray | None = None, thinned: Sequence[int] = THINNED) -> list[Frame]:
    """A query with similarities ``scores`` (K,) against the map whole and thinned, and at a ``position`` (3,) also
    without its surroundings.

    ``right`` (K,) are the keyframes of its place, ``alike`` (K,) also those of places that nobody can tell from it.
    What lacks the right ones but not all of these is left out.
    """
    frames = []
    for rows in view.asked(position) if position is not None else [np.arange(len(scores))]:
        for kept in (rows[::step] for step in thinned):
            if right[kept].any() or not alike[rows].any():
                found = view.observe(scores, query, kept)
                frames.append(Frame(found.standardised, found.cues(), right[kept]))
    return frames


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
    """Mean of -log of the probability given to the truth; every set counts alike, and in it the mapped frames count
    together as much as, and the unmapped ones UNMAPPED_WEIGHT times as much as, those of another.
    """
    return Likelihood(frames).negative_log(calibration)


class Likelihood:
    """Frames as arrays (F, K), padded to the largest map."""

    def __init__(self, frames: Sequence[Frame]):
        shape = len(frames), max(len(frame.scores) for frame in frames)
        self.scores, self.right = np.full(shape, -np.inf), np.full(shape, False)
        for row, frame in enumerate(frames):
            self.scores[row, :len(frame.scores)] = frame.scores
            self.right[row, :len(frame.right)] = frame.right
        self.cues = np.array([frame.cues for frame in frames])
        self.mapped = self.right.any(1)
        self.found = self.right[np.arange(len(frames)), self.scores.argmax(1)]
        group = np.unique([frame.group for frame in frames], return_inverse=True)[1]
        number = 2 * group + self.mapped
        counts = np.bincount(number, minlength=2 * group.max() + 2)
        groups = np.array([(counts[::2] > 0).sum(), (counts[1::2] > 0).sum()])  # that have unmapped and mapped frames
        share = np.where(self.mapped, 1.0, UNMAPPED_WEIGHT) / counts[number] / groups[self.mapped.astype(int)]
        self.weights = share / share.sum()

    def negative_log(self, calibration: Calibration) -> float:
        """The cues are of the best place: they speak of being on the map where that is the right one."""
        evidence, mapped = calibration.evidence(self.cues), self.mapped
        losses = np.logaddexp(0.0, np.where(self.found, -evidence, evidence))
        places = calibration.log_likelihood(self.scores[mapped])
        right = logsumexp(np.where(self.right[mapped], places, -np.inf), axis=1) - logsumexp(places, axis=1)
        losses[mapped] -= right
        return float(self.weights @ losses)


def fit(frames: Sequence[Frame], start: Calibration) -> Calibration:
    """The most likely ``sharpness``, ``variation``, ``offset`` and weights of the cues; the rest as in ``start``."""
    chosen = np.random.default_rng(0).permutation(len(frames))[:FITTED]
    likelihood = Likelihood([frames[index] for index in chosen])

    def make(numbers: np.ndarray) -> Calibration:
        return dataclasses.replace(start, **dict(zip(BOUNDS, map(float, numbers))))

    first = [getattr(start, name) for name in BOUNDS]
    found = make(minimize(lambda numbers: likelihood.negative_log(make(numbers)), first, method='L-BFGS-B',
                          bounds=list(BOUNDS.values())).x)
    return dataclasses.replace(found, **{name: TRANSFER * getattr(found, name) for name in ('offset', 'confirmed')})
