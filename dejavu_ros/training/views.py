"""What is asked of a source for a batch, and what it gives."""

import dataclasses
from typing import NamedTuple

import numpy as np

from dejavu_ros.errors import ConfigError

FRAMES = (2, 4, 6)  # A0 P0; A0 A1 P0 P1; A0 A1 P0 P1 N0 N1


@dataclasses.dataclass(frozen=True)
class Views:
    """Pictures of a ``size`` (w, h), ``frames`` of them a place; with a ``grid`` (w, h), matches for its cells too.

    Pictures are not shifted and zoomed against each other where they are to be ``still``.
    """

    size: tuple[int, int]
    frames: int = 2
    grid: tuple[int, int] | None = None
    still: bool = False

    def __post_init__(self) -> None:
        if self.frames not in FRAMES:
            raise ConfigError(f'frames of a sample must be one of {", ".join(map(str, FRAMES))}, got {self.frames}')

    @property
    def positive(self) -> int:
        """Which frame of a sample is P0."""
        return 1 if self.frames == 2 else 2


class Drawn(NamedTuple):
    """``images`` (places, frames, height, width, 3) uint8 RGB, frames in the order of :mod:`dejavu_ros.losses.triplet`.

    ``matches`` (places, rows, columns, 2) of A0 in P0, see :mod:`dejavu_ros.training.correspondence`; empty where none
    were asked for. ``skipped`` has a line for each image that was unusable and had another drawn for it.
    """

    images: np.ndarray
    matches: np.ndarray
    skipped: list[str]
