"""An exported network in 8-bit integers: static quantisation by onnxruntime.

Convolutions and what lies between them compute in int8, with a scale for each channel of the weights and one for each
map, from the ranges met on calibration images. What makes the vectors of the last map stays in float32.
"""

import tempfile
from pathlib import Path

import numpy as np

from dejavu_ros.nn.onnx_export import INPUT, batches, needed, quiet


def quantise(source: str | Path, path: str | Path, images: np.ndarray) -> None:
    """Write the float32 ONNX file ``source`` at ``path`` in int8, calibrated on images (B, H, W, 3) uint8.

    Raises ConfigError without onnxruntime, or where the images do not fill the batches of ``source``.
    """
    preparation = needed('onnx', 'onnxruntime.quantization.shape_inference')
    quantisation, runtime = needed('onnxruntime.quantization'), needed('onnxruntime')

    class Reader(quantisation.CalibrationDataReader):
        def __init__(self) -> None:
            session = runtime.InferenceSession(str(source), providers=['CPUExecutionProvider'])
            self.rest = iter(batches(session, images))

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self.rest, None)
            return None if part is None else {INPUT: part}

    with tempfile.TemporaryDirectory() as folder, quiet():
        prepared = Path(folder) / 'prepared.onnx'
        preparation.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantisation.quantize_static(str(prepared), str(path), Reader(), per_channel=True,
                                     op_types_to_quantize=['Conv', 'Add', 'Relu', 'Clip', 'Concat'])
