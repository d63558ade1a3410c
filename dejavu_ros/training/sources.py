"""Batches of places, each in two sessions, drawn from manifests.

A batch is a function of (seed, step) alone, so that a resumed training sees what an undisturbed one would have.
"""

from pathlib import Path

import cv2
import numpy as np

from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.errors import DataError
from dejavu_ros.images import load_image
from dejavu_ros.training.config import SourceConfig

WINDOW = (0.35, 0.75)  # side of a window cut from a fixed camera's image, as a share of the image's
JITTER = 0.08          # how far the two views of a place are shifted and zoomed against each other
MAX_OVERLAP = 0.2      # intersection over union of two windows that count as different places


class Source:
    """The places of one manifest that were seen in two sessions or more."""

    def __init__(self, config: SourceConfig):
        """Raises DataError where no place has two sessions."""
        self.config, self.name = config, Path(config.manifest).stem
        places: dict[str, dict[str, list[Path]]] = {}
        for row in read_manifest(config.manifest):
            places.setdefault(row.place, {}).setdefault(row.session, []).append(row.image)
        self.lonely = sum(len(sessions) < 2 for sessions in places.values())
        self.places = [sessions for sessions in places.values() if len(sessions) > 1]
        if not self.places or (len(self.places) < 2 and not config.fixed_camera):
            raise DataError(f'{config.manifest}: training needs places seen in two sessions, '
                            f'found {len(self.places)} of {len(places)}')

    def draw(self, rng: np.random.Generator, count: int, size: tuple[int, int]) -> np.ndarray:
        """(count, 2, height, width, 3) uint8 RGB: ``count`` different places, each from two sessions; ``size`` (w, h).

        Fewer where the manifest has fewer. One mirroring, if any, holds for the whole batch.
        """
        views = self.windows(rng, count) if self.config.fixed_camera else self.whole(rng, count)
        mirror = rng.random() < 0.5
        pairs = []
        for files, window in views:
            pair = np.stack([cut(load_image(file), jittered(rng, window), size) for file in files])
            pairs.append(pair[:, :, ::-1] if mirror else pair)
        return np.stack(pairs)

    def two_sessions(self, rng: np.random.Generator, place: int) -> list[Path]:
        sessions = list(self.places[place].values())
        picked = rng.choice(len(sessions), 2, replace=False)
        return [sessions[i][rng.integers(len(sessions[i]))] for i in picked]

    def whole(self, rng: np.random.Generator, count: int):
        """Different places, ``min_gap`` apart in the manifest's order: two files and the whole image as window each.

        With ``span`` they lie among so many neighbours, itself drawn anew for each batch.
        """
        gap, span = self.config.min_gap, self.config.span or len(self.places)
        first = rng.integers(max(len(self.places) - span, 0) + 1)
        slots = np.arange(first + rng.integers(gap), min(first + span, len(self.places)), gap)
        picked = rng.permutation(slots)[:count]
        return [(self.two_sessions(rng, place), np.array([0.0, 0.0, 1.0, 1.0])) for place in picked]

    def windows(self, rng: np.random.Generator, count: int):
        """Windows (shares of the image) of fixed cameras, hardly overlapping within one: two files, one window each."""
        views, taken = [], []
        for _ in range(count * 20):
            place = int(rng.integers(len(self.places)))
            side = rng.uniform(*WINDOW)
            corner = rng.uniform(0, 1 - side, 2)
            window = np.array([*corner, *(corner + side)])
            if any(other == place and overlap(window, box) > MAX_OVERLAP for other, box in taken):
                continue
            taken.append((place, window))
            views.append((self.two_sessions(rng, place), window))
            if len(views) == count:
                break
        return views


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    intersection = float(np.prod(sides.clip(min=0)))
    return intersection / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - intersection)


def jittered(rng: np.random.Generator, window: np.ndarray) -> np.ndarray:
    """Each edge moved on its own by up to JITTER of the side, within the image."""
    side = np.tile(window[2:] - window[:2], 2)
    return (window + rng.uniform(-JITTER, JITTER, 4) * side).clip(0, 1)


def cut(image: np.ndarray, window: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The window (shares of the image) of (H, W, 3), resized to ``size`` (w, h)."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (window * [width, height, width, height]).round().astype(int)
    piece = image[y0:max(y1, y0 + 2), x0:max(x1, x0 + 2)]
    smaller = piece.shape[1] > size[0] and piece.shape[0] > size[1]
    return cv2.resize(piece, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


class Batches:
    """``batches[step]`` is the batch of that step, a dict: ``images`` (places, 2, height, width, 3) and ``source``."""

    def __init__(self, sources: list[Source], places: int, size: tuple[int, int], seed: int, steps: int):
        self.sources, self.places, self.size, self.seed, self.steps = sources, places, size, seed, steps
        weights = np.array([source.config.weight for source in sources], float)
        if weights.sum() <= 0:
            raise DataError('every source has weight 0')
        self.shares = weights / weights.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict:
        rng = np.random.default_rng([self.seed, step])
        source = self.sources[rng.choice(len(self.sources), p=self.shares)]
        return {'images': source.draw(rng, self.places, self.size), 'source': source.name}
