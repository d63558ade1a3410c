"""Batches of places, each in two sessions, drawn from several sources.

A batch is a function of (seed, step) alone, so that a resumed training sees what an undisturbed one would have.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from dejavu_ros.errors import DataError
from dejavu_ros.training.config import SourceConfig
from dejavu_ros.training.views import Drawn, Views


class Source(Protocol):
    """Draws from ``n_places`` places in the files ``images``; ``notes`` say what was left out, a line each."""

    config: SourceConfig
    name: str
    n_places: int
    notes: list[str]
    images: set[Path]

    def draw(self, rng: np.random.Generator, step: int, count: int, views: Views) -> Drawn:
        """``count`` different places, fewer where there are fewer. Raises DataError."""


def open_source(config: SourceConfig) -> Source:
    """Raises DataError for a source without places to train on, ConfigError for a wrong setting."""
    if config.town:
        from dejavu_ros.training.rendered import RenderedSource

        return RenderedSource(config)
    from dejavu_ros.training.recorded import RecordedSource

    return RecordedSource(config)


class Batches:
    """``batches[step]`` is the batch of that step, a dict.

    The fields of :class:`dejavu_ros.training.views.Drawn`, and the ``source``'s name.
    """

    def __init__(self, sources: Sequence[Source], places: int, views: Views, seed: int, steps: int):
        """Raises DataError where all weights are 0."""
        self.sources, self.places, self.views, self.seed, self.steps = sources, places, views, seed, steps
        weights = np.array([source.config.weight for source in sources], float)
        if weights.sum() <= 0:
            raise DataError('every source has weight 0')
        self.shares = weights / weights.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict:
        rng = np.random.default_rng([self.seed, step])
        source = self.sources[rng.choice(len(self.sources), p=self.shares)]
        return {**source.draw(rng, step, self.places, self.views)._asdict(), 'source': source.name}
