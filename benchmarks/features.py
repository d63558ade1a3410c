"""Milliseconds a frame of the feature network: the plain eval-mode module beside the forms that are run.

    python benchmarks/features.py [--device cuda] [--threads 1] [--json FILE]

From a normalised image to the half-size map, one image at a time, medians of passes that take turns, so that what else
the machine does meets all alike. With one thread on the CPU it is the thread's processor time that counts.
"""

import argparse
import json
import statistics
import time

import torch
from tabulate import tabulate

from dejavu_ros.files import new_file
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.folded import FoldedNet

SIZES = ((512, 512), (640, 480), (320, 240))  # (w, h), beside the checkpoint's own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--checkpoint', default='', help='file of weights (default: the shipped one)')
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument('--repeats', type=int, default=5, help='passes, of which the median counts')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--json', help='also write the figures here')
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    checkpoint = load_checkpoint(arguments.checkpoint)
    own = checkpoint.settings.input_width, checkpoint.settings.input_height
    cuda = torch.device(arguments.device).type == 'cuda'
    clock = time.thread_time if arguments.threads == 1 and not cuda else time.perf_counter
    ways = {'plain': checkpoint.network, 'float32': FoldedNet(checkpoint.network)}
    # without the processor's own instructions bfloat16 is emulated, and slower than float32
    if cuda or torch.backends.cpu.get_cpu_capability() == 'AVX512' and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        ways['bfloat16'] = FoldedNet(checkpoint.network, 'bfloat16')
    if cuda:
        ways['float16'] = FoldedNet(checkpoint.network, 'float16')
    ways = {name: network.to(arguments.device) for name, network in ways.items()}
    figures = {}
    with torch.inference_mode():
        for width, height in (own, *SIZES):
            image = torch.rand(1, 3, height, width, device=arguments.device)
            taken = {name: [] for name in ways}
            for _ in range(1 + arguments.repeats):
                for name, network in ways.items():
                    began = clock()
                    network.half_size(image)
                    if cuda:
                        torch.cuda.synchronize()
                    taken[name].append((clock() - began) * 1e3)
            found = {name: statistics.median(times[1:]) for name, times in taken.items()}
            figures[f'{width}x{height}'] = {f'{name}_ms': value for name, value in found.items()} | {
                f'{name}_ratio_vs_plain': found['plain'] / value for name, value in found.items() if name != 'plain'}
    print(tabulate([{'input': size, **row} for size, row in figures.items()], headers='keys', floatfmt='.3g'))
    if arguments.json:
        with new_file(arguments.json, 'w') as file:
            json.dump({'device': arguments.device, 'threads': arguments.threads, 'torch': torch.__version__,
                       'features': figures}, file, indent=2)


if __name__ == '__main__':
    main()
