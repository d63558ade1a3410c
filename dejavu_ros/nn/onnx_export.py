"""A checkpoint as one ONNX file: from resized images to the grid of vectors, for runtimes that know no PyTorch.

What is exported is the folded network in float32 with what :meth:`dejavu_ros.nn.features.FeatureExtractor.extract` does
around it: division by the image's own maximum, head, unit length, averaging to the grid. The file's metadata hold the
checkpoint's identity and settings.
"""

import contextlib
import dataclasses
import importlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from dejavu_ros.errors import CheckpointError, ConfigError
from dejavu_ros.nn.checkpoint import Checkpoint
from dejavu_ros.nn.features import by_own_maximum, dense_map, reduce
from dejavu_ros.nn.folded import inference_net

INPUT, OUTPUT = 'images', 'vectors'
OPSET = 18


@dataclasses.dataclass(frozen=True)
class Difference:
    """Between two sets of vectors: the largest of any number, the mean and the lowest cosine of the vectors."""

    largest: float
    mean_cosine: float
    lowest_cosine: float

    @classmethod
    def between(cls, ours: np.ndarray, theirs: np.ndarray) -> 'Difference':
        """Of arrays (B, n, N)."""
        lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        cosine = (ours * theirs).sum(1) / np.maximum(lengths, 1e-12)
        return cls(float(np.abs(ours - theirs).max()), float(cosine.mean()), float(cosine.min()))


class GridNet(nn.Module):
    """Images (B, H, W, 3) uint8 RGB, H and W those of the checkpoint's input, to vectors (B, n, N) float32."""

    def __init__(self, checkpoint: Checkpoint):
        super().__init__()
        self.network, self.settings = inference_net(checkpoint.network), checkpoint.settings

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        dense = dense_map(self.network, by_own_maximum(images), self.settings)
        if self.settings.reduction == 'bilinear':
            return reduce(self.network, dense, self.settings).flatten(2)
        # ONNX has no average over cells of unequal size; as two matrices it is the same sum
        rows, columns = (averages(*sizes).to(dense) for sizes in
                         zip(dense.shape[2:], (self.settings.grid_height, self.settings.grid_width)))
        return self.network.unit((rows.T @ dense @ columns).flatten(2))


def averages(old: int, new: int) -> torch.Tensor:
    """The linear map (old, new) of a line to the means of ``new`` cells, as adaptive average pooling forms them."""
    return F.adaptive_avg_pool1d(torch.eye(old), new)


def export(checkpoint: Checkpoint, path: str | Path, batch: int | None = 1) -> None:
    """Write the ONNX file at ``path``, for ``batch`` images at a time; None leaves their number open.

    Raises ConfigError where the packages that this needs are not installed.
    """
    needed('onnx', 'onnxscript')
    settings = checkpoint.settings
    images = torch.zeros(batch or 2, settings.input_height, settings.input_width, 3, dtype=torch.uint8)
    shapes = None if batch else {'images': {0: torch.export.Dim('batch', min=1)}}
    with quiet():
        program = torch.onnx.export(GridNet(checkpoint).eval(), (images,), dynamo=True, verbose=False,
                                    opset_version=OPSET, input_names=[INPUT], output_names=[OUTPUT],
                                    dynamic_shapes=shapes)
        program.model.metadata_props.update(
            {'dejavu': json.dumps({'checkpoint': checkpoint.identity, 'features': dataclasses.asdict(settings),
                                   'contextual': dataclasses.asdict(checkpoint.contextual)})})
        program.save(str(path))


def checked(checkpoint: Checkpoint, path: str | Path, images: np.ndarray, tolerance: float) -> Difference:
    """How far the file's vectors are from PyTorch's for images (B, H, W, 3) uint8, run by onnxruntime on the CPU.

    Raises CheckpointError where any number differs by more than ``tolerance``; ConfigError without onnxruntime.
    """
    with torch.inference_mode():
        expected = GridNet(checkpoint)(torch.from_numpy(images)).numpy()
    found = Difference.between(run(path, images), expected)
    if not found.largest <= tolerance:
        raise CheckpointError(f'the exported network differs from PyTorch\'s by {found.largest:.2g} (mean cosine '
                              f'{found.mean_cosine:.4f}), the tolerance is {tolerance:g}: nothing is written')
    return found


def run(path: str | Path, images: np.ndarray) -> np.ndarray:
    """The vectors (B, n, N) of images (B, H, W, 3) by onnxruntime on the CPU, in the file's own batch size."""
    session = needed('onnxruntime').InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return np.concatenate([session.run(None, {INPUT: part})[0] for part in batches(session, images)])


def batches(session, images: np.ndarray) -> list[np.ndarray]:
    """Images (B, H, W, 3) as the session takes them: all at once, or in parts of its batch size.

    Raises ConfigError where they do not fill such parts.
    """
    size = session.get_inputs()[0].shape[0]
    if not isinstance(size, int):
        return [images]
    if len(images) % size or not len(images):
        raise ConfigError(f'{len(images)} images do not fill batches of {size}: give another number of them, or leave '
                          'the batch dynamic')
    return np.split(images, len(images) // size)


def needed(*names: str) -> ModuleType:
    """The last of these packages. Raises ConfigError with what to install where one is missing."""
    for name in names:
        try:
            module = importlib.import_module(name)
        except ImportError:
            raise ConfigError(f'ONNX needs the package {name}, which is not installed: '
                              'pip install onnx onnxscript onnxruntime') from None
    return module


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's remarks on itself."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
