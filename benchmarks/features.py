"""Milliseconds an image of the feature network: the plain eval-mode module beside every form that can run here.

    python benchmarks/features.py [--device cuda] [--threads 1] [--sizes 320x240] [--batches 1 4] [--compile]
                                  [--calibration MANIFEST] [--accuracy MANIFEST] [--json FILE]

From resized images (uint8) to the grid of vectors; medians of passes that take turns, so that what else the machine
does meets all alike. Times are this process's processor time with one thread on the CPU, else the wall's. Rows: the
checkpoint's network by PyTorch, as an ONNX file by onnxruntime and OpenVINO, in int8 where ``--calibration`` names
images, and the other families (random weights). What cannot run here is named with the reason. ``--accuracy`` adds
AUC, recall@1 and the cosine with the plain network's vectors on a manifest, at the checkpoint's own input.
"""

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate

from dejavu_ros.bench.networks import Way, by_torch, own_ways, precisions, times
from dejavu_ros.data.layouts import read_places
from dejavu_ros.errors import ConfigError
from dejavu_ros.evaluation.metrics import retrieval_metrics
from dejavu_ros.files import new_file
from dejavu_ros.images import load_image, resize
from dejavu_ros.nn.checkpoint import Checkpoint, load_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.families import FAMILIES
from dejavu_ros.nn.folded import FoldedNet
from dejavu_ros.nn.onnx_export import Difference, export, needed
from dejavu_ros.nn.onnx_int8 import quantise
from dejavu_ros.ops.contextual import contextual_similarity

SIZES = '320x240', '512x512', '640x480'
CALIBRATION = 100, 10  # images at the checkpoint's own size, of which accuracy is asked, and at others


def by_onnxruntime(path: Path, threads: int) -> Way:
    runtime = needed('onnxruntime')
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    return lambda images: session.run(None, {'images': images})[0]


def by_openvino(path: Path, threads: int, precision: str) -> Way:
    model = needed('openvino').Core().compile_model(str(path), 'CPU', {
        'INFERENCE_NUM_THREADS': threads, 'INFERENCE_PRECISION_HINT': precision, 'ENABLE_CPU_PINNING': False})
    request = model.create_infer_request()
    return lambda images: request.infer({0: images})[0].copy()


def torch_ways(checkpoint: Checkpoint, arguments, skipped: dict[str, str]) -> dict[str, Way]:
    """Plain first, to which the others are compared."""
    network, device, fast = checkpoint.network, arguments.device, precisions(arguments.device)
    ways = own_ways(checkpoint, device)
    if 'bfloat16' not in fast:
        skipped['bfloat16'] = 'this processor has no instructions for it'
    if 'float16' not in fast:
        skipped['float16, CUDA graph'] = 'they need --device cuda'
    if arguments.compile:
        for precision in fast:
            ways[f'{precision} compiled'] = by_torch(FoldedNet(network, precision), checkpoint, device, 'compiled')
    for name, architecture in FAMILIES.items():
        if architecture != network.architecture:
            other = DejavuNet(network.channels, network.normalise, architecture).eval()
            ways |= {f'{name} {precision}': by_torch(FoldedNet(other, precision), checkpoint, device)
                     for precision in fast}
    return ways


def onnx_ways(checkpoint: Checkpoint, batch: int, arguments, folder: Path, skipped: dict[str, str],
              calibration: int) -> dict[str, Way]:
    """On the CPU, for one size and batch, with so many images for the ranges of int8."""
    ways = {}
    path, int8 = folder / 'float32.onnx', folder / 'int8.onnx'
    try:
        export(checkpoint, path, batch)
        ways['onnxruntime'] = by_onnxruntime(path, arguments.threads)
    except ConfigError as error:
        skipped['onnxruntime, openvino'] = str(error)
        return ways
    if arguments.calibration:
        quantise(path, int8, pictures(arguments.calibration, checkpoint, max(1, calibration // batch) * batch)[1])
        ways['onnxruntime int8'] = by_onnxruntime(int8, arguments.threads)
    else:
        skipped['int8'] = 'it needs --calibration MANIFEST'
    try:
        ways['openvino'] = by_openvino(path, arguments.threads, 'f32')
    except ConfigError:
        skipped['openvino'] = 'not installed: pip install openvino'
        return ways
    if 'bfloat16' not in skipped:
        ways['openvino bfloat16'] = by_openvino(path, arguments.threads, 'bf16')
    if arguments.calibration:
        ways['openvino int8'] = by_openvino(int8, arguments.threads, 'f32')
    return ways


def pictures(manifest: str, checkpoint: Checkpoint, count: int | None = None) -> tuple[list, np.ndarray]:
    """Rows and images (B, H, W, 3), ``count`` of them evenly spread, or all."""
    rows = read_places(manifest).rows
    if count:
        rows = [rows[row] for row in np.linspace(0, len(rows) - 1, count).astype(int)]
    size = checkpoint.settings.input_width, checkpoint.settings.input_height
    return rows, np.stack([resize(load_image(row.image), *size) for row in rows])


def accuracy(ways: dict[str, Way], checkpoint: Checkpoint, manifest: str) -> dict[str, dict[str, float]]:
    """Of the checkpoint's own network in every form, on a manifest."""
    rows, images = pictures(manifest, checkpoint)
    own = {name: way for name, way in ways.items() if name.split()[0] not in FAMILIES}
    vectors = {name: np.concatenate([way(image[None]) for image in images]) for name, way in own.items()}
    found = {}
    for name, these in vectors.items():
        stored = torch.from_numpy(these).half()
        figures = retrieval_metrics(rows, contextual_similarity(stored, stored, checkpoint.contextual).numpy())
        found[name] = {'cross_session_auc': figures['cross_session_auc'], 'recall_at_1': figures['recall_at']['1'],
                       'mean_cosine': Difference.between(these, vectors['plain']).mean_cosine}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--checkpoint', default='', help='file of weights (default: the shipped one)')
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument('--repeats', type=int, default=5, help='passes, of which the median counts')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--batches', type=int, nargs='+', default=[1], help='images in one pass, such as 1 2 4')
    parser.add_argument('--sizes', nargs='*', default=SIZES, metavar='WxH', help='inputs beside the checkpoint\'s own')
    parser.add_argument('--compile', action='store_true', help='also by torch.compile, which takes minutes')
    parser.add_argument('--calibration', metavar='MANIFEST', help='also in int8, with the ranges met on these images')
    parser.add_argument('--accuracy', metavar='MANIFEST', help='also how well each form tells these places apart')
    parser.add_argument('--json', help='also write the figures here')
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    checkpoint = load_checkpoint(arguments.checkpoint)
    own = checkpoint.settings.input_width, checkpoint.settings.input_height
    cuda = torch.device(arguments.device).type == 'cuda'
    clock = time.process_time if arguments.threads == 1 and not cuda else time.perf_counter
    skipped, figures, told = {}, {}, {}
    by_name = torch_ways(checkpoint, arguments, skipped)
    for width, height in (own, *(tuple(map(int, size.split('x'))) for size in arguments.sizes)):
        settings = dataclasses.replace(checkpoint.settings, input_width=width, input_height=height)
        sized = dataclasses.replace(checkpoint, settings=settings)
        for batch in arguments.batches:
            with tempfile.TemporaryDirectory() as folder:
                if cuda:
                    ways, skipped['onnxruntime, openvino'] = by_name, 'they are measured on the CPU'
                else:
                    ways = by_name | onnx_ways(sized, batch, arguments, Path(folder), skipped,
                                               CALIBRATION[(width, height) != own])
                found = times(ways, width, height, batch, arguments.repeats, clock)
                if arguments.accuracy and (width, height) == own and batch == 1:
                    told = accuracy(ways, checkpoint, arguments.accuracy)
            figures[f'{width}x{height}' + (f' batch {batch}' if batch > 1 else '')] = found
    names = [name.removesuffix('_ms') for name in next(iter(figures.values())) if name.endswith('_ms')]
    print(tabulate([[name, *(row[f'{name}_ms'] for row in figures.values()), *told.get(name, {}).values()]
                    for name in names], ['ms an image', *figures, *next(iter(told.values()), {})], floatfmt='.4g'))
    for name, reason in skipped.items():
        print(f'left out: {name}: {reason}')
    if arguments.json:
        with new_file(arguments.json, 'w') as file:
            json.dump({'device': arguments.device, 'threads': arguments.threads, 'torch': torch.__version__,
                       'checkpoint': checkpoint.identity, 'features': figures, 'accuracy': told,
                       'left_out': skipped}, file, indent=2)


if __name__ == '__main__':
    main()
