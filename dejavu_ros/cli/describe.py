"""``dejavu describe``."""

HELP = 'one vector an image (NetVLAD, GeM), for files of images or for the keyframes of a map'


def configure(parser) -> None:
    parser.add_argument('images', nargs='*', metavar='IMAGE', help='image files, or folders of them')
    parser.add_argument('-o', '--output', metavar='FILE.npz',
                        help='gets images (B), descriptors (B, D) float16 of unit length, describer (its identity)')
    parser.add_argument('--map', metavar='M.dvmap', help='instead of images: describe its keyframes, by their '
                                                         'thumbnails, for the localizer\'s --describer')
    parser.add_argument('--describer', default='', metavar='FILE.pt', help='made by dejavu train-netvlad; empty is the '
                                                                           'shipped one; FILE.pt@MODULE:CALLABLE where '
                                                                           'it was trained over a backbone of your own')
    parser.add_argument('--device', default='cpu', help='torch device, e.g. cpu or cuda (default: cpu)')


def run(arguments) -> int:
    from dejavu_ros.errors import ConfigError
    from dejavu_ros.retrieval.describer import Describer
    from dejavu_ros.retrieval.files import load_describer

    if bool(arguments.images) != bool(arguments.output) or bool(arguments.images) == bool(arguments.map):
        raise ConfigError('give either images and -o FILE.npz, or --map M.dvmap')
    describer = Describer(load_describer(arguments.describer), arguments.device)
    print(describe_map(describer, arguments.map) if arguments.map
          else describe_images(describer, arguments.images, arguments.output))
    return 0


def describe_images(describer, named: list[str], output: str) -> str:
    from pathlib import Path

    import numpy as np

    from dejavu_ros.data.folders import list_images
    from dejavu_ros.files import new_file

    files = [file for name in named for file in (list_images(name) if Path(name).is_dir() else [Path(name)])]
    descriptors = describer.describe_files(files)
    with new_file(output) as file:
        np.savez(file, images=np.array([str(name) for name in files]), descriptors=descriptors,
                 describer=np.array(describer.identity))
    return f'written: {output}, {len(files)} descriptors of {descriptors.shape[1]} values'


def describe_map(describer, name: str) -> str:
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.retrieval.map_descriptors import describe_keyframes

    with KeyframeMap.open(name) as keyframes:
        path, new = describe_keyframes(keyframes, describer)
    return f'written: {path}, {new} keyframes described'
