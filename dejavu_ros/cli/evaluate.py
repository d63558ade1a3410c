"""``dejavu evaluate``."""

from dejavu_ros.config import add_arguments, from_arguments
from dejavu_ros.evaluation.settings import EvaluationSettings

HELP = 'how well features tell places apart across sessions: AUC and recall of a manifest'


def configure(parser) -> None:
    parser.add_argument('--manifest', required=True, metavar='CSV',
                        help='columns image (relative to the file), place, session; optional x, y and others')
    parser.add_argument('-o', '--output', required=True, metavar='DIR',
                        help='gets metrics.json, auc_matrix.png and report.html')
    add_arguments(parser, EvaluationSettings)


def run(arguments) -> int:
    from pathlib import Path

    from dejavu_ros.data.manifests import read_manifest
    from dejavu_ros.evaluation.measure import evaluate
    from dejavu_ros.evaluation.report import summary

    settings = from_arguments(EvaluationSettings, arguments)
    rows = read_manifest(arguments.manifest)
    title = f'{Path(arguments.manifest).stem}: {settings.features}, {settings.similarity}'
    metrics = evaluate(rows, settings, arguments.output, title)
    print(summary(metrics))
    print(f'written: {arguments.output}/metrics.json, auc_matrix.png, report.html')
    return 0
