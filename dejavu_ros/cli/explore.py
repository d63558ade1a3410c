"""``dejavu explore``: clicks in one picture, matches in another."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.matching.settings import DENSE, MatchSettings

HELP = 'a page where a click in one picture shows its match and a heat map in another'


def configure(parser) -> None:
    parser.add_argument('images', nargs=2, metavar='IMAGE', help='two image files')
    parser.add_argument('--features', choices=DENSE, default='dvf', help='what is compared (default: dvf)')
    parser.add_argument('--port', type=int, default=8000, help='of the page, which only this machine can reach; 0 is '
                                                              'any that is free (default: 8000)')
    add_arguments(parser, MatchSettings, skip=('features', 'keypoints', 'count', 'ratio', 'model', 'tolerance',
                                               'intrinsics'))


def run(arguments) -> int:
    from dejavu_ros.images import load_image
    from dejavu_ros.matching.explorer import HOST, Explorer, make_server
    from dejavu_ros.matching.pipeline import make_features

    settings = from_arguments(MatchSettings, arguments)
    first, second = map(load_image, arguments.images)
    explorer = Explorer(make_features(settings.features, settings).dense, first, second)
    with make_server(explorer, arguments.port) as server:
        print(f'open http://{HOST}:{server.server_port}/ (Ctrl-C ends)', flush=True)
        server.serve_forever()
    return 0
