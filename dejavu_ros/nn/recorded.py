"""Work on a GPU that is recorded once and replayed: what are hundreds of small kernels starts as one (a CUDA graph)."""

import logging
from collections.abc import Callable

import torch

from dejavu_ros.nn.device import is_device_failure

WARM_UP = 3  # times that libraries may choose their kernels


class Recorded:
    """``work(network, images)`` for the one network, with a recording for each shape of the images.

    What cannot be recorded, and what is not on an NVIDIA GPU, is done as ever. A result is overwritten by the next one
    of its shape.
    """

    def __init__(self, work: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]):
        self.work = work
        self.recordings: dict[torch.Size, tuple[torch.Tensor, Callable[[], None], torch.Tensor] | None] = {}

    def __call__(self, network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
        if not images.is_cuda:
            return self.work(network, images)
        if images.shape not in self.recordings:
            try:
                self.recordings[images.shape] = self.record(network, images)
            except RuntimeError as error:  # if the GPU itself has failed, so does the work
                if not is_device_failure(error) and 'captur' not in str(error):
                    raise
                logging.getLogger(__name__).warning('images of shape %s are not recorded as a CUDA graph, which costs '
                                                    'time: %s', tuple(images.shape), str(error).partition('\n')[0])
                self.recordings[images.shape] = None
        if self.recordings[images.shape] is None:
            return self.work(network, images)
        inputs, replay, result = self.recordings[images.shape]
        inputs.copy_(images)
        replay()
        return result

    def record(self, network: torch.nn.Module,
               images: torch.Tensor) -> tuple[torch.Tensor, Callable[[], None], torch.Tensor]:
        """Where images are put, what replays the work on them, and where its result then is."""
        inputs, graph, beside = images.clone(), torch.cuda.CUDAGraph(), torch.cuda.Stream(images.device)
        beside.wait_stream(torch.cuda.current_stream(images.device))
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                self.work(network, inputs)
        torch.cuda.current_stream(images.device).wait_stream(beside)
        with torch.cuda.device(images.device), torch.cuda.graph(graph, capture_error_mode='thread_local'):
            result = self.work(network, inputs)
        return inputs, graph.replay, result
