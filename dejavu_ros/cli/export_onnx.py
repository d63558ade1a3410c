"""``dejavu export-onnx``."""

HELP = 'write a checkpoint\'s network as an ONNX file, checked against PyTorch'
NOISE = 4  # images, or batches of them, that both compute
MOST = 200  # images that int8 is calibrated on and compared on
TOLERANCE, INT8_TOLERANCE = 1e-3, 0.2


def configure(parser) -> None:
    parser.add_argument('--checkpoint', default='', help='file of weights (default: the shipped one)')
    parser.add_argument('--width', type=int, help='of the images it takes, in pixels (default: the checkpoint\'s)')
    parser.add_argument('--height', type=int, help='likewise')
    parser.add_argument('--batch', default='1', metavar='N', help='images at a time, or dynamic (default: %(default)s)')
    parser.add_argument('--int8', metavar='MANIFEST',
                        help='in 8-bit integers, calibrated on every second one of these images and compared on the '
                             'others')
    parser.add_argument('--tolerance', type=float,
                        help='largest difference of any number of the unit vectors with PyTorch\'s that is not refused '
                             f'(default: {TOLERANCE}, with --int8 {INT8_TOLERANCE})')
    parser.add_argument('-o', '--output', required=True, help='ONNX file to write')


def run(arguments) -> int:
    import dataclasses
    import tempfile
    from pathlib import Path

    from dejavu_ros.config import build
    from dejavu_ros.errors import ConfigError
    from dejavu_ros.files import new_path
    from dejavu_ros.nn.checkpoint import load_checkpoint
    from dejavu_ros.nn.features import FeatureSettings
    from dejavu_ros.nn.onnx_export import INPUT, OUTPUT, checked, export

    if arguments.batch != 'dynamic' and not (arguments.batch.isdecimal() and int(arguments.batch)):
        raise ConfigError(f'--batch must be a number of images or dynamic, got {arguments.batch!r}')
    batch = None if arguments.batch == 'dynamic' else int(arguments.batch)
    checkpoint = load_checkpoint(arguments.checkpoint)
    size = {'input_width': arguments.width, 'input_height': arguments.height}
    given = {name: value for name, value in size.items() if value is not None}
    settings = build(FeatureSettings, {**dataclasses.asdict(checkpoint.settings), **given})
    checkpoint = dataclasses.replace(checkpoint, settings=settings)
    tolerance = arguments.tolerance if arguments.tolerance is not None else TOLERANCE
    with tempfile.TemporaryDirectory() as folder, new_path(arguments.output) as part:
        plain = Path(folder) / 'float32.onnx' if arguments.int8 else part
        export(checkpoint, plain, batch)
        if arguments.int8:
            found = quantised(checkpoint, plain, part, arguments, batch or 1)
        else:
            found = checked(checkpoint, plain, noise(settings, NOISE * (batch or 1)), tolerance)
    print(f'largest difference with PyTorch {found.largest:.2g}, cosine of the vectors {found.mean_cosine:.5f} in the '
          f'mean, {found.lowest_cosine:.5f} at the lowest')
    print(f'written: {arguments.output}: {INPUT} ({batch or "B"}, {settings.input_height}, {settings.input_width}, 3) '
          f'uint8 RGB to {OUTPUT} ({batch or "B"}, {checkpoint.network.channels}, '
          f'{settings.grid_height * settings.grid_width}) float32')
    return 0


def noise(settings, count: int):
    """Images (count, H, W, 3) uint8 of noise, from dark to bright."""
    import numpy as np

    shape = count, settings.input_height, settings.input_width, 3
    bright = np.linspace(20, 256, count).reshape(-1, 1, 1, 1)
    return np.random.default_rng(0).integers(0, bright, shape).astype(np.uint8)


def quantised(checkpoint, plain, path, arguments, batch: int):
    """Write ``plain`` in int8 at ``path``; the difference on images that it was not calibrated on.

    Raises DataError where there are too few images; as the parts do.
    """
    import numpy as np

    from dejavu_ros.data.layouts import read_places
    from dejavu_ros.errors import DataError
    from dejavu_ros.images import load_image, resize
    from dejavu_ros.nn.onnx_export import checked
    from dejavu_ros.nn.onnx_int8 import quantise

    rows = read_places(arguments.int8).rows
    count = min(len(rows), MOST) // (2 * batch) * 2 * batch
    if not count:
        raise DataError(f'{arguments.int8} has {len(rows)} images: int8 needs {2 * batch} or more, half of them to '
                        'calibrate on')
    size = checkpoint.settings.input_width, checkpoint.settings.input_height
    images = np.stack([resize(load_image(rows[row].image), *size)
                       for row in np.linspace(0, len(rows) - 1, count).astype(int)])
    quantise(plain, path, images[::2])
    tolerance = arguments.tolerance if arguments.tolerance is not None else INT8_TOLERANCE
    return checked(checkpoint, path, images[1::2], tolerance)
