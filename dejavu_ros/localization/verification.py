"""Do two grids agree, cell by cell, with one view of a place, beyond what the views of a map have in common?

Streets have the ground below and the sky above, and agree in that wherever they are. So a cell speaks by what it shows
beyond the usual: its mean over the map is taken away, and what varies there from keyframe to keyframe is brought to
one scale in all directions, as in linear discriminant analysis.
"""

import numpy as np

from dejavu_ros.localization.model import AgreementModel

SAMPLED = 512  # keyframes, at most, that say what is usual on a map: more change nothing and take time


class UsualView:
    """What the keyframes of one map show in each cell: the mean, and how it varies."""

    def __init__(self, keyframes: np.ndarray, grid: tuple[int, int], model: AgreementModel = AgreementModel()):
        """``keyframes`` (K, n, gh * gw), up to SAMPLED spread over the map; ``grid`` is (gh, gw)."""
        vectors, self.grid, self.model = keyframes.astype(np.float32), grid, model
        self.mean = vectors.sum(0) / (len(vectors) + model.doubt)
        varying = vectors - self.mean
        scatter = np.einsum('kin,kjn->nij', varying, varying, optimize=True)
        pooled = scatter.mean(0) / len(vectors)
        floor = (model.floor * np.trace(pooled) / len(pooled) + 1e-6) * np.eye(len(pooled))
        values, axes = np.linalg.eigh((scatter + model.pooled * pooled) / (len(vectors) + model.pooled) + floor)
        self.whiten = np.einsum('nij,nj,nkj->nik', axes, values**-0.5, axes)

    def beyond(self, view: np.ndarray) -> np.ndarray:
        """What a view (n, N) shows beyond the usual: (n, gh, gw) of unit length; 0 where that is nothing."""
        vectors = np.einsum('nij,jn->in', self.whiten, (view.astype(np.float32) - self.mean) * view.any(0))
        return (vectors / np.linalg.norm(vectors, axis=0).clip(min=1e-6)).reshape(-1, *self.grid)

    def agreement(self, query: np.ndarray, view: np.ndarray) -> float:
        """Share of the cells of two views (n, N) that agree, less those that disagree, under the best small shift of
        the view; from 0 to 1.
        """
        return self.agreement_beyond(self.beyond(query), self.beyond(view))

    def agreement_beyond(self, a: np.ndarray, b: np.ndarray) -> float:
        """As :meth:`agreement`, of what two views show beyond the usual (n, gh, gw).

        A cell counts with the cosine of what both show there.
        """
        rows, columns = a.shape[1:]
        reaches = max(1, rows // self.model.rows_part), columns // self.model.columns_part
        up, sideways = (range(-reach, reach + 1) for reach in reaches)
        best = max(float(np.vdot(a[:, overlap(-dy), overlap(-dx)], b[:, overlap(dy), overlap(dx)]))
                   for dy in up for dx in sideways)
        return max(0.0, best / (rows * columns))


def needed_cells(keyframes: np.ndarray, least: int, model: AgreementModel = AgreementModel()) -> int:
    """How many cells must agree with the best of a map's ``keyframes`` (K, n, N), ``least`` in a map of many.

    In a map of a few keyframes nothing is known to be usual, and a frame agrees with them from 5 to 20 m away; it is
    only near where nearly all that is seen agrees (docs/cameras.md). A ``least`` of 0 asks for nothing.
    """
    if len(keyframes) > model.small_map or not least:
        return least
    seen = int(keyframes.any(1).sum(1).max(initial=0))
    return max(least, round((model.small_map_share - model.small_map_relief * len(keyframes)) * seen))


def overlap(shift: int) -> slice:
    """The part of an axis that is still there ``shift`` cells further."""
    return slice(shift, None) if shift >= 0 else slice(None, shift)
