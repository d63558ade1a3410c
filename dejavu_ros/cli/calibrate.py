"""``dejavu calibrate``."""

HELP = 'fit a checkpoint\'s probabilities on validation places and write it with them'
SIZES = ('input_width', 'input_height', 'grid_width', 'grid_height')


def configure(parser) -> None:
    parser.add_argument('checkpoint', help='checkpoint to calibrate')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--manifest', nargs='+', metavar='CSV',
                      help='validation manifests of two sessions or more, each a set of its own, as extract-triplets '
                           'writes them; one at least with x and y')
    what.add_argument('--map', metavar='MAP', help='keyframe map made with this checkpoint: two sessions or more of '
                                                   'different conditions')
    parser.add_argument('--foreign', nargs='+', default=[], metavar='CSV',
                        help='--manifest: images that show none of the areas')
    parser.add_argument('--map-session', default='overcast-summer',
                        help='--manifest: the session that is the map; of a set without it each in turn '
                             '(default: %(default)s)')
    parser.add_argument('--name', default='', help='name in the card (default: the checkpoint\'s own)')
    parser.add_argument('--licence', default='', help='licence and data terms for the card')
    for name in SIZES:
        parser.add_argument(f'--{name.replace("_", "-")}', type=int,
                            help='of the result: features are computed so from then on (default: as in the checkpoint)')
    parser.add_argument('-o', '--output', required=True, help='checkpoint to write')


def run(arguments) -> int:
    import dataclasses

    from dejavu_ros.config import build
    from dejavu_ros.data.layouts import read_places
    from dejavu_ros.errors import ConfigError
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
    from dejavu_ros.nn.features import FeatureSettings
    from dejavu_ros.training.calibration import calibrate, calibrate_on_map

    checkpoint = load_checkpoint(arguments.checkpoint)
    sizes = {name: getattr(arguments, name) for name in SIZES if getattr(arguments, name) is not None}
    settings = {**dataclasses.asdict(checkpoint.settings), **sizes}
    if arguments.map and sizes:
        raise ConfigError('--map keeps the size of the input that the map was made with: leave --input-*, --grid-* out')
    if arguments.map and arguments.foreign:
        raise ConfigError('--foreign goes with --manifest: a map knows its own unmapped places')
    checkpoint = dataclasses.replace(checkpoint, settings=build(FeatureSettings, settings))
    if arguments.map:
        with KeyframeMap.open(arguments.map, checkpoint.identity) as keyframes:
            calibration, figures = calibrate_on_map(checkpoint, keyframes)
    else:
        calibration, figures = calibrate(checkpoint, [read_places(name).rows for name in arguments.manifest],
                                         arguments.map_session,
                                         [row for name in arguments.foreign for row in read_places(name).rows])
    named = {key: value for key, value in (('name', arguments.name), ('licence', arguments.licence)) if value}
    card = {**checkpoint.card, **named, 'calibration': dataclasses.asdict(calibration), 'calibrated_on': figures}
    save_checkpoint(arguments.output, checkpoint.network, checkpoint.settings, checkpoint.contextual, card)
    for name, value in {**dataclasses.asdict(calibration), **figures}.items():
        print(f'{name:24}{value:.4g}')
    return 0
