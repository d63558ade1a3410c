"""``dejavu evaluate``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.errors import ConfigError
from dejavu_ros.evaluation.settings import EvaluationSettings

HELP = 'how well features tell places apart across sessions: AUC and recall of a manifest'


def configure(parser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--manifest', metavar='CSV',
                      help='columns image (relative to the file), place, session; optional x, y and others. Or a '
                           'folder in a layout of docs/training_data.md')
    what.add_argument('--compare', nargs='+', metavar='DIR', help='finished evaluations of one set, side by side')
    parser.add_argument('-o', '--output', required=True, metavar='DIR',
                        help='gets metrics.json, pictures and report.html, or compare.json and compare.html')
    add_arguments(parser, EvaluationSettings)


def run(arguments) -> int:
    settings = from_arguments(EvaluationSettings, arguments)
    if arguments.compare:
        from dejavu_ros.evaluation.compare import compare

        if settings != EvaluationSettings():
            raise ConfigError('--compare takes finished evaluations as they are, without other options')
        print(compare(arguments.compare, arguments.output))
        print(f'written: {arguments.output}/compare.json, compare.html')
        return 0
    from dejavu_ros.data.layouts import read_places
    from dejavu_ros.evaluation.measure import evaluate
    from dejavu_ros.evaluation.report import summary

    places = read_places(arguments.manifest)
    for note in places.notes:
        print(f'{places.name}: {note}')
    metrics = evaluate(places, settings, arguments.output)
    print(summary(metrics))
    pictures = 'auc_matrix.png, precision_recall.png' + (', reliability.png' if metrics['reliability'] else '')
    print(f'written: {arguments.output}/metrics.json, {pictures}, report.html')
    return 0
