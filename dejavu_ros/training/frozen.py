"""Trainings over the maps of a backbone that does not learn."""

from pathlib import Path

import torch

from dejavu_ros.training.loop import Trainer
from dejavu_ros.training.processes import Processes


class FrozenTrainer(Trainer):
    """A :class:`Trainer` that, with a ``cache``, goes round among so many batches, whose maps it makes once and keeps.

    Subclasses say in :meth:`make_maps` what is kept of a batch.
    """

    def __init__(self, recipe, folder: str | Path, processes: Processes, cache: int):
        self.cache = cache
        self.kept: dict[int, torch.Tensor] = {}  # by the batch's draw
        super().__init__(recipe, folder, processes)

    def draws(self) -> list[int]:
        return [draw % self.cache for draw in super().draws()] if self.cache else super().draws()

    def maps(self, batch: dict) -> torch.Tensor:
        """What :meth:`make_maps` makes of a batch, in float32; what is kept is rounded to float16."""
        draw = batch['draw']
        if draw in self.kept:
            return self.kept[draw].float()
        maps = self.make_maps(batch)
        if self.cache:
            maps = self.kept[draw] = maps.half()
        return maps.float()

    def make_maps(self, batch: dict) -> torch.Tensor:
        raise NotImplementedError
