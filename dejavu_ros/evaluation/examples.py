"""Which images an evaluation shows: pairs that went best and worst, and triplets that are easy, usual and hard."""

from collections.abc import Sequence

import numpy as np

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.metrics import near, same_place

EXAMPLES = 4  # pairs shown of each sort


def example_pairs(rows: Sequence[ManifestRow], similarity: np.ndarray,
                  radius: float = 0.0) -> dict[str, list[tuple[int, int]]]:
    """Pairs of different sessions: the most and the least alike of one place, the most alike of different places.

    Images within ``radius`` metres of each other are not of different places.
    """
    same = same_place(rows)
    crossing = np.triu(_crossing(rows))
    order = np.argsort(similarity, axis=None, kind='stable')

    def first(indices: np.ndarray, wanted: np.ndarray) -> list[tuple[int, int]]:
        found = indices[wanted.ravel()[indices]][:EXAMPLES]
        return [(int(i), int(j)) for i, j in zip(*np.unravel_index(found, similarity.shape))]

    return {'Same place, found most alike': first(order[::-1], same & crossing),
            'Same place, found least alike': first(order, same & crossing),
            'Different places, found most alike': first(order[::-1], ~(same | near(rows, radius)) & crossing)}


def example_triplets(rows: Sequence[ManifestRow], similarity: np.ndarray,
                     radius: float = 0.0) -> dict[str, tuple[int, int, int]]:
    """Anchor, positive of another session, and the positive's most confusing neighbour there; empty where none is.

    By how far the positive's score is above that neighbour's: the largest, the median and the smallest difference.
    A neighbour is of another place and not within ``radius`` metres.
    """
    sessions = np.array([row.session for row in rows])
    same = same_place(rows)
    right = same | near(rows, radius)
    found = []
    for anchor, positive in np.argwhere(same & _crossing(rows)):
        rivals = np.flatnonzero((sessions == sessions[positive]) & ~right[anchor])
        if len(rivals):
            negative = rivals[similarity[anchor, rivals].argmax()]
            found.append((similarity[anchor, positive] - similarity[anchor, negative], anchor, positive, negative))
    found.sort(key=lambda item: -item[0])
    if not found:
        return {}
    chosen = {'easiest': found[0], 'median': found[len(found) // 2], 'hardest': found[-1]}
    return {name: tuple(map(int, item[1:])) for name, item in chosen.items()}


def _crossing(rows: Sequence[ManifestRow]) -> np.ndarray:
    """(B, B) bool: of different sessions."""
    sessions = np.array([row.session for row in rows])
    return sessions[:, None] != sessions[None]
