"""Batches of places, each in two sessions, drawn from several sources.

A batch is a function of (seed, step) alone, so that a resumed training sees what an undisturbed one would have.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.training.config import SourceConfig

FRAMES = (2, 4, 6)  # A0 P0; A0 A1 P0 P1; A0 A1 P0 P1 N0 N1


class Source(Protocol):
    """Draws places; ``notes`` say what was left out, a line each."""

    config: SourceConfig
    name: str
    notes: list[str]

    def draw(self, rng: np.random.Generator, step: int, count: int, size: tuple[int, int],
             frames: int) -> tuple[np.ndarray, list[str]]:
        """(count, frames, height, width, 3) uint8 RGB, and a line for each unusable image. Raises DataError."""


def open_source(config: SourceConfig) -> Source:
    """Raises DataError for a source without places to train on, ConfigError for a wrong setting."""
    if config.town:
        from dejavu_ros.training.rendered import RenderedSource

        return RenderedSource(config)
    from dejavu_ros.training.recorded import RecordedSource

    return RecordedSource(config)


class Batches:
    """``batches[step]`` is the batch of that step, a dict.

    ``images`` (places, frames, height, width, 3) uint8 RGB with frames in the order of
    :mod:`dejavu_ros.losses.triplet`, ``source`` its name, ``skipped`` a line for each image that was unusable and had
    another drawn for it.
    """

    def __init__(self, sources: Sequence[Source], places: int, size: tuple[int, int], seed: int, steps: int,
                 frames: int = 2):
        """``size`` is (w, h). Raises DataError where all weights are 0, ConfigError for a number not in FRAMES."""
        if frames not in FRAMES:
            raise ConfigError(f'frames of a sample must be one of {", ".join(map(str, FRAMES))}, got {frames}')
        self.sources, self.places, self.size, self.seed, self.steps = sources, places, size, seed, steps
        self.frames = frames
        weights = np.array([source.config.weight for source in sources], float)
        if weights.sum() <= 0:
            raise DataError('every source has weight 0')
        self.shares = weights / weights.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict:
        rng = np.random.default_rng([self.seed, step])
        source = self.sources[rng.choice(len(self.sources), p=self.shares)]
        images, skipped = source.draw(rng, step, self.places, self.size, self.frames)
        return {'images': images, 'source': source.name, 'skipped': skipped}
