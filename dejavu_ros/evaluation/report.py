"""What an evaluation leaves behind: ``metrics.json``, pictures and a self-contained ``report.html``."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.examples import example_pairs, example_triplets
from dejavu_ros.evaluation.figures import colours, heat_maps, precision_recall_curves, reliability_diagram
from dejavu_ros.evaluation.page import figure, heading, page, png, table, thumbnail
from dejavu_ros.files import new_file
from dejavu_ros.images import load_image

CONDITION_HEADERS = ('condition', 'queries', 'not in the map', 'recall@1', 'recall@5', 'recall@10')
RELIABILITY_HEADERS = ('condition', 'queries', 'in the map', 'ECE', 'recall at 100 % precision', 'accepted right',
                       'accepted wrong', 'accepted though not in the map')
TRADE_OFF_HEADERS = ('min_probability', *RELIABILITY_HEADERS[-3:])
Dense = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 RGB to (n, h, w)


def write_report(folder: str | Path, title: str, rows: Sequence[ManifestRow], metrics: dict, similarity: np.ndarray,
                 dense: Dense | None = None) -> None:
    """Write ``metrics.json``, ``auc_matrix.png``, ``precision_recall.png``, with a map ``reliability.png``, and
    ``report.html``, each whole or not at all.

    With ``dense`` features the page shows them as colours. Raises DataError where the folder cannot be written.
    """
    folder = Path(folder)
    pictures = {'auc_matrix': heat_maps({title: metrics['auc_matrix']}),
                'precision_recall': precision_recall_curves({title: metrics['precision_recall']})}
    if metrics['reliability']:
        pictures['reliability'] = reliability_diagram(metrics['reliability']['bins'])
    text = report_page(title, rows, metrics, similarity, pictures, dense)
    for name, picture in pictures.items():
        with new_file(folder / f'{name}.png') as file:
            file.write(picture)
    with new_file(folder / 'report.html', 'w') as file:
        file.write(text)
    with new_file(folder / 'metrics.json', 'w') as file:
        json.dump(metrics, file, indent=1, allow_nan=False)
        file.write('\n')


def report_page(title: str, rows: Sequence[ManifestRow], metrics: dict, similarity: np.ndarray,
                pictures: dict[str, bytes], dense: Dense | None) -> str:
    parts = [table(figures(metrics))]
    if metrics['recall_by_condition']:
        parts += [heading(f'Against the map {metrics["map"]}'), table(conditions(metrics), CONDITION_HEADERS)]
    if metrics['reliability']:
        parts += [heading('Probability of single frames'), png(pictures['reliability'], 'reliability diagram'),
                  table(reliability_rows(metrics), RELIABILITY_HEADERS),
                  table(trade_off_rows(metrics), TRADE_OFF_HEADERS)]
    parts += [heading('Sessions against sessions'), png(pictures['auc_matrix'], 'AUC matrix'),
              heading('Precision and recall'), png(pictures['precision_recall'], 'precision-recall curve')]
    radius = metrics['radius'] or 0.0
    if dense:
        parts += triplet_pictures(rows, example_triplets(rows, similarity, radius), similarity, dense)
    for name, pairs in example_pairs(rows, similarity, radius).items():
        parts.append(heading(name))
        parts += [_row_of(rows, pair, f'{similarity[pair]:.4f}: ') for pair in pairs] or ['<p>none</p>']
    return page(title, parts)


def triplet_pictures(rows: Sequence[ManifestRow], triplets: dict[str, tuple[int, int, int]], similarity: np.ndarray,
                     dense: Dense) -> list[str]:
    """Anchor, positive and negative above their features as colours, a fit of its own for each triplet."""
    parts = []
    for name, triplet in triplets.items():
        images = [load_image(rows[index].image) for index in triplet]
        painted = colours([dense(image) for image in images])
        anchor, positive, negative = triplet
        parts += [heading(f'Features as colours: the {name} triplet'),
                  _row_of(rows, triplet, f'similarity to the positive {similarity[anchor, positive]:.4f}, to the most '
                                         f'confusing image of its session {similarity[anchor, negative]:.4f}: '),
                  figure([thumbnail(picture, 'features') for picture in painted],
                         'first three principal components, fitted jointly: the same colour is the same feature')]
    return parts


def summary(metrics: dict) -> str:
    """The figures as plain tables."""
    text = tabulate(figures(metrics), tablefmt='plain')
    if metrics['recall_by_condition']:
        text += '\n\n' + tabulate(conditions(metrics), CONDITION_HEADERS, disable_numparse=True,
                                  colalign=('left', *['right'] * 5))
    if metrics['reliability']:
        text += '\n\n' + tabulate(reliability_rows(metrics), RELIABILITY_HEADERS, disable_numparse=True,
                                  colalign=('left', *['right'] * 7))
        text += '\n\n' + tabulate(trade_off_rows(metrics), TRADE_OFF_HEADERS, disable_numparse=True,
                                  colalign=['right'] * 4)
    return text


def percent(value: float | None) -> str:
    return 'not defined' if value is None else f'{value:.2f} %'


def method_name(metrics: dict) -> str:
    """Features, similarity and weights in words."""
    name = f'{metrics["features"]}, {metrics["similarity"]}{", centred" if metrics["centre"] else ""}'
    if metrics['checkpoint']:
        name += f', checkpoint {metrics["checkpoint"]} ({Path(metrics["checkpoint_file"]).name})'
    return name


def figures(metrics: dict) -> list[tuple[str, str]]:
    before = metrics.get('recall_before_rerank')
    return [('method', method_name(metrics)),
            ('images / places / sessions', f'{metrics["n_images"]} / {metrics["n_places"]} / {metrics["n_sessions"]}'),
            *([('re-ranked', f'the first {metrics["rerank_top"]} by {metrics["rerank"]} '
                             f'({metrics["rerank_checkpoint"]}); recall@1 before {before["1"]:.2f} %, @5 '
                             f'{before["5"]:.2f} %')] if before and before['1'] is not None else []),
            ('AUC, different sessions', percent(metrics['cross_session_auc'])),
            ('AUC, same session', percent(metrics['within_session_auc'])),
            ('a right answer', 'same place' + (f', or within {metrics["radius"]:g} m' if metrics['radius'] else '')),
            *((f'recall@{n}', percent(value)) for n, value in metrics['recall_at'].items()),
            ('average precision', percent(metrics['average_precision'])),
            ('recall of pairs at 100 % precision', percent(metrics['pair_recall_at_100_precision']))]


def conditions(metrics: dict) -> list[tuple[str, ...]]:
    return [(name, str(row['queries']), str(row['not_in_map']), *(percent(row[n]) for n in ('1', '5', '10')))
            for name, row in metrics['recall_by_condition'].items()]


def reliability_rows(metrics: dict) -> list[tuple[str, ...]]:
    """One a condition, then all; accepted is from the default ``min_probability`` on."""
    return [(name, str(row['queries']), str(row['in_map']),
             'not defined' if row['ece'] is None else f'{row["ece"]:.3f}', percent(row['recall_at_100_precision']),
             percent(row['accepted_right']), percent(row['accepted_wrong']), percent(row['accepted_not_in_map']))
            for name, row in {**metrics['reliability_by_condition'], 'all': metrics['reliability']}.items()]


def trade_off_rows(metrics: dict) -> list[tuple[str, ...]]:
    """What the queries of all conditions would be told at other thresholds."""
    return [(f'{row["min_probability"]:g}', percent(row['accepted_right']), percent(row['accepted_wrong']),
             percent(row['accepted_not_in_map'])) for row in metrics['reliability']['trade_off']]


def _row_of(rows: Sequence[ManifestRow], indices: Sequence[int], caption: str) -> str:
    chosen = [rows[index] for index in indices]
    names = ', '.join(f'{row.image.name} (place {row.place}, session {row.session})' for row in chosen)
    return figure([thumbnail(load_image(row.image), row.image.name) for row in chosen], caption + names)
