"""``dejavu match``: the paper's figure 6 for two images of one's own."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.matching.settings import MatchSettings

HELP = 'points of one image in another: matches, those that agree with one geometry, pictures'


def configure(parser) -> None:
    parser.add_argument('images', nargs=2, metavar='IMAGE', help='two image files')
    parser.add_argument('-o', '--output', metavar='DIR', help='gets inliers.png, features.png (dvf: principal '
                                                              'components of both images as colours), matches.json')
    add_arguments(parser, MatchSettings)


def run(arguments) -> int:
    from dejavu_ros.errors import ImageError
    from dejavu_ros.images import load_image
    from dejavu_ros.matching.models import camera_matrix, fit
    from dejavu_ros.matching.pipeline import make_features, match

    settings = from_arguments(MatchSettings, arguments)
    images = [load_image(path) for path in arguments.images]
    features = make_features(settings.features, settings)
    described = [features(image) for image in images]
    pairs = match(*described, settings.features, settings.ratio)
    a, b = (part.points[column] for part, column in zip(described, pairs.T))
    print(f'{settings.features}: {len(described[0].points)} and {len(described[1].points)} keypoints, '
          f'{len(pairs)} matches')
    camera = camera_matrix(settings.camera_numbers()) if settings.intrinsics else None
    try:
        found = fit(settings.model, a, b, settings.tolerance, camera)
    except ImageError as error:
        raise ImageError(f'{arguments.images[0]} and {arguments.images[1]}: {error}') from None
    print(_words(found, settings))
    if arguments.output:
        _write(arguments, settings, features, images, a, b, found)
    return 0


def _words(found, settings) -> str:
    import numpy as np

    lines = [f'{found.inliers.sum()} inliers ({found.inliers.mean():.0%}) of one {settings.model} within '
             f'{settings.tolerance:g} px:']
    lines += ['  ' + ' '.join(f'{value:14.6g}' for value in row) for row in found.matrix]
    if found.rotation is not None:
        cosine = np.clip((np.trace(found.rotation) - 1) / 2, -1, 1)
        direction = ', '.join(f'{value:.3f}' for value in found.direction)
        lines.append(f'the camera turned by {np.degrees(np.arccos(cosine)):.1f} degrees; the first camera lies towards '
                     f'({direction}) in the second one\'s frame (x right, y down, z forward)')
    return '\n'.join(lines)


def _write(arguments, settings, features, images, a, b, found) -> None:
    import json
    from pathlib import Path

    from dejavu_ros.evaluation.figures import colours
    from dejavu_ros.files import new_file
    from dejavu_ros.matching.picture import beside, draw_matches, encode_png

    pictures = {'inliers.png': draw_matches(*images, a[found.inliers], b[found.inliers])}
    if settings.features == 'dvf':
        pictures['features.png'] = beside(colours([features.dense(image) for image in images]))
    for name, picture in pictures.items():
        with new_file(Path(arguments.output) / name) as file:
            file.write(encode_png(picture))
    with new_file(Path(arguments.output) / 'matches.json', 'w') as file:
        json.dump({'images': arguments.images, 'features': settings.features, 'model': settings.model,
                   'matrix': found.matrix.tolist(), 'a': a.tolist(), 'b': b.tolist(),
                   'inliers': found.inliers.tolist()}, file, allow_nan=False)
        file.write('\n')
    print(f'written: {arguments.output}/{", ".join([*pictures, "matches.json"])}')
