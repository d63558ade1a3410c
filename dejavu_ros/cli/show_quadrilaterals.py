"""``dejavu show-quadrilaterals``."""

HELP = 'what train-geowarp cuts from an image: two quadrilaterals, both warped, and their intersection, as pictures'


def configure(parser) -> None:
    parser.add_argument('image', metavar='IMAGE')
    parser.add_argument('--k', type=float, default=0.6, help='how far corners lie from those of the image at most: 0 '
                                                             'not at all, 1 up to the middle (default: 0.6)')
    parser.add_argument('--seed', type=int, default=0, help='of the quadrilaterals (default: 0)')
    parser.add_argument('-o', '--output', default='.', metavar='DIR',
                        help='gets NAME_quadrilaterals.png, NAME_first.png, NAME_second.png, NAME_intersection.png '
                             '(default: the current folder)')


def run(arguments) -> int:
    from pathlib import Path

    from dejavu_ros.errors import ConfigError
    from dejavu_ros.files import new_file
    from dejavu_ros.geowarp.picture import four_pictures
    from dejavu_ros.images import encode_png, load_image

    if not 0 <= arguments.k < 1 or arguments.seed < 0:
        raise ConfigError(f'--k must be in 0 to 1, below 1, and --seed 0 or more, got {arguments.k:g} and '
                          f'{arguments.seed}')
    paths = []
    for name, picture in four_pictures(load_image(arguments.image), arguments.k, arguments.seed).items():
        paths.append(Path(arguments.output, f'{Path(arguments.image).stem}_{name}.png'))
        with new_file(paths[-1]) as file:
            file.write(encode_png(picture))
    print('written: ' + ', '.join(map(str, paths)))
    return 0
