"""Batches made ahead of time by worker processes."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from dejavu_ros.errors import DataError, DejavuError


class Draws(Dataset):
    """Batches with their number as ``draw``.

    A known error is returned, not raised: on its way out of a worker its one line would become a traceback.
    """

    def __init__(self, batches):
        self.batches = batches

    def __getitem__(self, draw: int) -> dict | DejavuError:
        try:
            return {**self.batches[draw], 'draw': draw}
        except DejavuError as error:
            return error


def load(batches, draws: Sequence[int], workers: int, places: int, device: torch.device) -> Iterator[dict]:
    """``batches[draw]`` for each of ``draws``, its ``images`` and ``matches`` tensors on ``device``.

    Raises DataError for a batch of less than ``places`` places, and what the batches raise.
    """
    cuda = device.type == 'cuda'
    # A town cannot be rendered in a process that was forked from one with a CUDA device open. Either way workers are
    # children of this process, and end when it is killed.
    loader = DataLoader(Draws(batches), batch_size=None, sampler=draws, num_workers=workers,
                        prefetch_factor=2 if workers else None, pin_memory=cuda,
                        multiprocessing_context=('spawn' if cuda else 'fork') if workers else None)
    for batch in loader:
        if isinstance(batch, DejavuError):
            raise batch
        found = len(batch['images'])
        if found < places:
            raise DataError(f'a batch of {batch["source"]} (draw {batch["draw"]}) has no negatives: {found} of '
                            f'{places} places or more; let the source offer more, or raise places')
        yield {**batch, **{name: batch[name].to(device, non_blocking=True) for name in ('images', 'matches')}}
