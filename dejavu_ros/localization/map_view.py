"""The keyframes of a map in memory, and what single frames say about them: the localizer's own code, for measuring."""

import numpy as np

from dejavu_ros.localization.background import (
    BackgroundModel,
    agreement_of_unrelated,
    background,
    elsewhere,
    lead_of_neighbours,
)
from dejavu_ros.localization.model import AgreementModel, EvidenceModel
from dejavu_ros.localization.observation import Calibration, Observation, observe
from dejavu_ros.localization.places import Neighbourhoods
from dejavu_ros.localization.verification import UsualView

HIDDEN = 50.0  # metres around a frame without which its own map is one that it is not on: how it is measured, no fit


class MapView:
    """Exact scores in; without a shortlist, a sample of the map or the frames before."""

    def __init__(self, places: Neighbourhoods, features: np.ndarray, similarity: np.ndarray, grid: tuple[int, int],
                 reference: Calibration, model: EvidenceModel, cells: AgreementModel):
        """``features`` (K, n, N) of the keyframes at ``places`` and ``similarity`` (K, K) between them."""
        apart = np.array([places.far_from(row) for row in range(len(features))])
        self.places, self.features, self.model = places, features, model
        self.reference = reference.on(similarity, apart, model.pseudo_count)
        self.usual, deviation = UsualView(features, grid, cells), self.reference.deviation
        level = background(similarity, apart, reference.mean, model.pseudo_count)
        support = lead_of_neighbours(lambda row, others: similarity[row, others], level, places,
                                     np.arange(len(features)), deviation, model.support_neighbours)
        self.background = BackgroundModel(level, support - elsewhere(similarity, apart, deviation),
                                          *agreement_of_unrelated(features, self.usual, places, model))

    def observe(self, scores: np.ndarray, query: np.ndarray, rows: np.ndarray) -> Observation:
        """What a frame says whose similarities are ``scores`` (K,) and features ``query`` (n, N), if the map had only
        the keyframes ``rows`` (M,).
        """
        return observe(scores[rows], self.background.part(rows), self.places.part(rows), self.reference,
                       lambda best: self.usual.agreement(query, self.features[rows[best]]), self.model)

    def asked(self, position: np.ndarray) -> list[np.ndarray]:
        """Which rows a frame at ``position`` (3,) metres is compared with: all, and, as if it were on no map, those
        over HIDDEN metres away, if there are any and not all are.
        """
        far = np.linalg.norm(self.places.positions - position, axis=1) > HIDDEN
        rows = [np.arange(len(far))]
        return rows if far.all() or not far.any() else [*rows, np.flatnonzero(far)]
