"""The next frame of each image of a set: named by the manifest, or the row after it where that is near enough."""

import math
from collections.abc import Sequence
from pathlib import Path

from dejavu_ros.data.manifests import ManifestRow

WITHIN_SECONDS = 1.0
WITHIN_METRES = 2.0


def next_images(rows: Sequence[ManifestRow]) -> list[Path | None]:
    """For each row its ``next``, or the image of the following row of its session, None where neither is there.

    Rows follow each other by their stamps, or in the order given where a session has none. A row that is over
    ``WITHIN_SECONDS`` or ``WITHIN_METRES`` away is not the next frame, nor is one that says neither time nor place.
    """
    sessions: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        sessions.setdefault(row.session, []).append(index)
    following = [row.next for row in rows]
    for indices in sessions.values():
        if all(rows[index].stamp_ns is not None for index in indices):
            indices.sort(key=lambda index: rows[index].stamp_ns)
        for index, after in zip(indices, indices[1:]):
            if following[index] is None and _is_next(rows[index], rows[after]):
                following[index] = rows[after].image
    return following


def _is_next(row: ManifestRow, after: ManifestRow) -> bool:
    near = []
    if row.stamp_ns is not None and after.stamp_ns is not None:
        near.append(after.stamp_ns - row.stamp_ns <= WITHIN_SECONDS * 1e9)
    if row.x is not None and after.x is not None:
        near.append(math.hypot(after.x - row.x, after.y - row.y) <= WITHIN_METRES)
    return bool(near) and all(near)
