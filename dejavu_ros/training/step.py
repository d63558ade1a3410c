"""One optimiser step over several batches: the same in one process as in several that share the batches out.

Gradients are averaged over the batches. So is what batch norm keeps running: each batch is normalised by itself, and
the running statistics move once a step, by the mean of what its batches would have moved them.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

from dejavu_ros.training.processes import Processes


@dataclasses.dataclass(frozen=True)
class BatchResult:
    """``loss``, the share of places told apart ``right``, the ``source`` of the batch, lines on what it ``skipped``."""

    loss: float
    right: float
    source: str
    skipped: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class StepResult:
    """All batches of a step, whoever computed them, and the norm of their mean gradient."""

    batches: list[BatchResult]
    gradient_norm: float

    @property
    def loss(self) -> float:
        return sum(batch.loss for batch in self.batches) / len(self.batches)

    @property
    def right(self) -> float:
        return sum(batch.right for batch in self.batches) / len(self.batches)

    @property
    def bad(self) -> str:
        """Why nothing may be learned from this step; empty where all is well."""
        for batch in self.batches:
            if not math.isfinite(batch.loss):
                return f'the loss is {batch.loss} on a batch of {batch.source}'
        return '' if math.isfinite(self.gradient_norm) else f'the gradient\'s norm is {self.gradient_norm}'


def train_step(network: nn.Module, optimiser: torch.optim.Optimizer, batches: Sequence[dict],
               cost: Callable[[dict], tuple[torch.Tensor, torch.Tensor]], processes: Processes) -> StepResult:
    """Learn from this process's ``batches`` and as many of each other process; ``cost`` gives loss and share right.

    A step whose loss or gradient is not finite changes nothing.
    """
    total = len(batches) * processes.count
    buffers = [buffer for module in network.modules() if module.training for buffer in module.buffers(recurse=False)]
    before = [buffer.clone() for buffer in buffers]
    statistics = [torch.zeros_like(buffer) for buffer in buffers if buffer.is_floating_point()]
    optimiser.zero_grad(set_to_none=True)
    results = []
    for batch in batches:
        put(buffers, before)
        loss, right = cost(batch)
        (loss / total).backward()
        for mean, buffer in zip(statistics, (buffer for buffer in buffers if buffer.is_floating_point())):
            mean += buffer / total
        results.append(BatchResult(loss.item(), right.item(), batch['source'], tuple(batch['skipped'])))
    gradients = [parameter.grad for parameter in network.parameters() if parameter.requires_grad]
    processes.add(gradients + statistics)
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm().item()
    result = StepResult(processes.gather(results), norm)
    if result.bad:
        put(buffers, before)
    else:
        put([buffer for buffer in buffers if buffer.is_floating_point()], statistics)
        optimiser.step()
    return result


def put(buffers: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    for buffer, value in zip(buffers, values):
        buffer.copy_(value)
