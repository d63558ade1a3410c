"""``dejavu calibrate``."""

HELP = 'fit a checkpoint\'s probabilities on validation places and write it with them'


def configure(parser) -> None:
    parser.add_argument('checkpoint', help='checkpoint to calibrate')
    parser.add_argument('--manifest', required=True,
                        help='validation manifest with x, y: two areas or more, two sessions or more')
    parser.add_argument('--map-session', default='overcast-summer',
                        help='the session that is the map (default: %(default)s)')
    parser.add_argument('--name', default='', help='name in the card (default: the checkpoint\'s own)')
    parser.add_argument('--licence', default='', help='licence and data terms for the card')
    for side in ('width', 'height'):
        parser.add_argument(f'--grid-{side}', type=int, help='grid of the result (default: as in the checkpoint)')
    parser.add_argument('-o', '--output', required=True, help='checkpoint to write')


def run(arguments) -> int:
    import dataclasses

    from dejavu_ros.config import build
    from dejavu_ros.data.manifests import read_manifest
    from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
    from dejavu_ros.nn.features import FeatureSettings
    from dejavu_ros.training.calibration import calibrate

    checkpoint = load_checkpoint(arguments.checkpoint)
    sides = {f'grid_{side}': getattr(arguments, f'grid_{side}') for side in ('width', 'height')}
    settings = {**dataclasses.asdict(checkpoint.settings), **{name: value for name, value in sides.items() if value}}
    checkpoint = dataclasses.replace(checkpoint, settings=build(FeatureSettings, settings))
    calibration, figures = calibrate(checkpoint, read_manifest(arguments.manifest), arguments.map_session)
    named = {key: value for key, value in (('name', arguments.name), ('licence', arguments.licence)) if value}
    card = {**checkpoint.card, **named, 'calibration': dataclasses.asdict(calibration), 'calibrated_on': figures}
    save_checkpoint(arguments.output, checkpoint.network, checkpoint.settings, checkpoint.contextual, card)
    for name, value in {**dataclasses.asdict(calibration), **figures}.items():
        print(f'{name:24}{value:.4g}')
    return 0
