"""The feature network by PyTorch: the plain eval-mode module beside every form that can run here."""

from collections.abc import Callable

import numpy as np
import torch

from dejavu_ros.bench.turns import medians
from dejavu_ros.nn.checkpoint import Checkpoint
from dejavu_ros.nn.features import by_own_maximum, to_grid
from dejavu_ros.nn.folded import inference_net
from dejavu_ros.nn.recorded import Recorded

Way = Callable[[np.ndarray], np.ndarray]  # (B, H, W, 3) uint8 to (B, n, N)


def by_torch(network: torch.nn.Module, checkpoint: Checkpoint, device: str, form: str = '') -> Way:
    """The network as it is called in a program, ``compiled``, or, on CUDA, replayed as one ``graph`` for each shape."""
    network = network.eval().to(device)

    def grid(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
        return to_grid(network, by_own_maximum(images), checkpoint.settings).flatten(2)

    call = torch.compile(grid, dynamic=False) if form == 'compiled' else Recorded(grid) if form == 'graph' else grid

    @torch.inference_mode()
    def run(images: np.ndarray) -> np.ndarray:
        return call(network, torch.from_numpy(images).to(device)).float().cpu().numpy()

    return run


def precisions(device: str) -> list[str]:
    """Those in which a network is fast there: without the processor's own instructions bfloat16 is emulated."""
    if torch.device(device).type == 'cuda':
        return ['float32', 'bfloat16', 'float16']
    half = torch.backends.cpu.get_cpu_capability() == 'AVX512' and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return ['float32', 'bfloat16'] if half else ['float32']


def own_ways(checkpoint: Checkpoint, device: str) -> dict[str, Way]:
    """Plain first, to which the others are compared; sizes are those of the images."""
    network = checkpoint.network
    ways = {'plain': by_torch(network, checkpoint, device)}
    ways |= {precision: by_torch(inference_net(network, precision), checkpoint, device)
             for precision in precisions(device)}
    if torch.device(device).type == 'cuda':
        ways['float16 graph'] = by_torch(inference_net(network, 'float16'), checkpoint, device, 'graph')
    return ways


def times(ways: dict[str, Way], width: int, height: int, batch: int, repeats: int,
          clock: Callable[[], float]) -> dict[str, float]:
    """``NAME_ms`` an image of each way, and the plain one's time as a multiple of it."""
    images = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3)).astype(np.uint8)
    taken = medians({name: lambda way=way: way(images) for name, way in ways.items()}, repeats, clock)
    return ({f'{name}_ms': spent / batch for name, spent in taken.items()}
            | {f'{name}_ratio_vs_plain': taken['plain'] / spent for name, spent in taken.items() if name != 'plain'})
