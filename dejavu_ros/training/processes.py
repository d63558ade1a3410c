"""The processes that train together under torchrun, or this one alone."""

import contextlib
import dataclasses
import datetime
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist

from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.nn.device import usable_device

PATIENCE = datetime.timedelta(hours=2)  # the others wait while the first one validates


@dataclasses.dataclass(frozen=True)
class Processes:
    """This process is number ``rank`` of ``count`` and computes on ``device``."""

    device: torch.device = torch.device('cpu')
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """The one that writes, prints and validates."""
        return self.rank == 0

    def share(self, total: int) -> range:
        """Which of ``total`` batches of a step are this process's. Raises ConfigError where they cannot be shared."""
        if total % self.count:
            raise ConfigError(f'accumulate {total} cannot be shared by {self.count} processes: set it to a multiple of '
                              f'{self.count}')
        own = total // self.count
        return range(self.rank * own, (self.rank + 1) * own)

    def add(self, tensors: list[torch.Tensor]) -> None:
        """Sum each tensor over the processes, in place and in one message."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with in_unison():
            dist.all_reduce(flat)
        for tensor, summed in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
            tensor.copy_(summed.view_as(tensor))

    def gather(self, items: list) -> list:
        """The items of all processes, in the order of their ranks, given to each."""
        if self.count == 1:
            return items
        lists: list = [None] * self.count
        with in_unison():
            dist.all_gather_object(lists, items)
        return [item for part in lists for item in part]


@contextlib.contextmanager
def in_unison() -> Iterator[None]:
    """Around what all processes do at once. Raises DataError where one of them has stopped."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and 'gloo' not in str(error):  # gloo's are plain RuntimeErrors
            raise
        raise DataError('another process of this training has stopped, its own message says why '
                        f'({str(error).splitlines()[0]})') from None


@contextlib.contextmanager
def join(device: str) -> Iterator[Processes]:
    """Meet the other processes where torchrun started this one: over gloo on a CPU, nccl on CUDA.

    ``cuda`` is then each process's own device. Raises ConfigError for a device that is not there.
    """
    together = dist.is_torchelastic_launched()
    if together and device == 'cuda':
        device = f'cuda:{os.environ["LOCAL_RANK"]}'
    chosen = usable_device(device)
    if not together:
        yield Processes(chosen)
        return
    if chosen.type == 'cuda':
        torch.cuda.set_device(chosen)
    dist.init_process_group('nccl' if chosen.type == 'cuda' else 'gloo', timeout=PATIENCE)
    try:
        yield Processes(chosen, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
