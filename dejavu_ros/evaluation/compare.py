"""Several finished evaluations of one set of images, side by side."""

import json
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.figures import heat_maps, precision_recall_curves
from dejavu_ros.evaluation.page import heading, page, png, table
from dejavu_ros.evaluation.report import method_name, percent
from dejavu_ros.files import new_file

HEADERS = ('evaluation', 'method', 'AUC, different sessions', 'AUC, same session', 'recall@1', 'recall@5', 'recall@10',
           'average precision')


def compare(folders: Sequence[str | Path], output: str | Path) -> str:
    """Write ``compare.json`` and ``compare.html`` to ``output`` and return the table for the terminal.

    Raises DataError for a folder without metrics, or with those of other images or of another radius.
    """
    evaluations = {name: read_metrics(Path(folder)) for name, folder in zip(_names(folders), folders)}
    first, *others = evaluations
    for name in others:
        if evaluations[name]['images'] != evaluations[first]['images']:
            raise DataError(f'{name} is of other images than {first}: {_set(evaluations[name])} beside '
                            f'{_set(evaluations[first])}; compare evaluations of one manifest')
        if evaluations[name]['radius'] != evaluations[first]['radius']:
            raise DataError(f'{name} has --radius {evaluations[name]["radius"] or 0:g} and {first} '
                            f'{evaluations[first]["radius"] or 0:g}: their recall cannot be compared')
    rows = [_row(name, metrics) for name, metrics in evaluations.items()]
    by_condition = _by_condition(evaluations)
    parts = [table(rows, HEADERS)]
    if by_condition:
        parts += [heading('Recall@1 by condition'), table(by_condition, ('condition', *evaluations))]
    parts += [heading('Sessions against sessions'),
              png(heat_maps({name: metrics['auc_matrix'] for name, metrics in evaluations.items()}), 'AUC matrices'),
              heading('Precision and recall'),
              png(precision_recall_curves({name: metrics['precision_recall']
                                           for name, metrics in evaluations.items()}), 'precision-recall curves')]
    with new_file(Path(output) / 'compare.html', 'w') as file:
        file.write(page(f'{len(evaluations)} evaluations of {_set(evaluations[first])}', parts))
    with new_file(Path(output) / 'compare.json', 'w') as file:
        json.dump(evaluations, file, indent=1, allow_nan=False)
        file.write('\n')
    text = tabulate(rows, HEADERS, disable_numparse=True)
    return text + ('\n\n' + tabulate(by_condition, ('recall@1', *evaluations), disable_numparse=True)
                   if by_condition else '')


def read_metrics(folder: Path) -> dict:
    """``metrics.json`` of an evaluation. Raises DataError where there is none that can be read."""
    try:
        metrics = json.loads((folder / 'metrics.json').read_text())
        metrics['images'], metrics['auc_matrix'], metrics['precision_recall'], method_name(metrics)
    except OSError as error:
        raise DataError(f'{folder} holds no evaluation: metrics.json: {error.strerror}') from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f'{folder}/metrics.json is not of dejavu evaluate, or of another version: evaluate again') \
            from None
    return metrics


def _names(folders: Sequence[str | Path]) -> list[str]:
    """The folders' own names where they differ, else their paths."""
    names = [Path(folder).resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _set(metrics: dict) -> str:
    return f'{metrics["set"]} ({metrics["n_images"]} images)'


def _row(name: str, metrics: dict) -> tuple[str, ...]:
    return (name, method_name(metrics), percent(metrics['cross_session_auc']), percent(metrics['within_session_auc']),
            *(percent(metrics['recall_at'][n]) for n in ('1', '5', '10')), percent(metrics['average_precision']))


def _by_condition(evaluations: dict[str, dict]) -> list[tuple[str, ...]]:
    """Recall@1 of each condition in each evaluation; empty where not all have one map."""
    maps = {metrics['map'] for metrics in evaluations.values()}
    if maps == {None} or len(maps) > 1:
        return []
    names = next(iter(evaluations.values()))['recall_by_condition']
    return [(name, *(percent(metrics['recall_by_condition'][name]['1']) for metrics in evaluations.values()))
            for name in names]
