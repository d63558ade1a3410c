"""What an evaluation leaves behind: ``metrics.json``, ``auc_matrix.png`` and a self-contained ``report.html``."""

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.evaluation.metrics import same_place
from dejavu_ros.files import new_file
from dejavu_ros.images import encode_jpeg, load_image, resize

EXAMPLES = 4          # pairs shown of each sort
THUMBNAIL_WIDTH = 240
MAX_WRITTEN = 14      # sessions up to which the heat map's cells carry their numbers

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}
img{max-width:100%}figure{margin:.6rem 0}figcaption{font-size:.85rem;color:#555}"""


def write_report(folder: str | Path, title: str, rows: Sequence[ManifestRow], metrics: dict,
                 similarity: np.ndarray) -> None:
    """Write the three files, each whole or not at all. Raises DataError where the folder cannot be written."""
    folder = Path(folder)
    picture = heat_map(metrics['auc_matrix'], f'AUC of session pairs (%): {title}')
    page = html_page(title, rows, metrics, similarity, picture)
    with new_file(folder / 'auc_matrix.png') as file:
        file.write(picture)
    with new_file(folder / 'report.html', 'w') as file:
        file.write(page)
    with new_file(folder / 'metrics.json', 'w') as file:
        json.dump(metrics, file, indent=1, allow_nan=False)
        file.write('\n')


def summary(metrics: dict) -> str:
    """The figures as a plain table."""
    return tabulate(_figures(metrics), tablefmt='plain')


def heat_map(auc_matrix: dict[str, dict[str, float | None]], title: str) -> bytes:
    """The season by season matrix as PNG; cells that are not defined stay grey."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(auc_matrix)
    values = np.array([[np.nan if auc_matrix[a][b] is None else auc_matrix[a][b] for b in names] for a in names])
    side = float(np.clip(1.5 + 0.5 * len(names), 4, 14))
    figure = Figure(figsize=(side + 1, side), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor('0.85')
    picture = axes.imshow(values, cmap='viridis', vmin=50, vmax=100)
    figure.colorbar(picture, shrink=0.8, extend='min')
    axes.set_title(title, fontsize=9)
    if len(names) <= 60:
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axes.set_yticks(range(len(names)), names, fontsize=7)
    if len(names) <= MAX_WRITTEN:
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                axes.text(j, i, f'{value:.0f}', ha='center', va='center', fontsize=7,
                          color='black' if value > 75 else 'white')
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=120)
    return buffer.getvalue()


def html_page(title: str, rows: Sequence[ManifestRow], metrics: dict, similarity: np.ndarray, picture: bytes) -> str:
    """One page with everything in it: figures, heat map, and the pairs that went best and worst."""
    parts = [f'<h1>{html.escape(title)}</h1>', tabulate(_figures(metrics), tablefmt='html'),
             '<h2>Sessions against sessions</h2>', f'<img alt="AUC matrix" src="{_data_uri(picture, "png")}">']
    for heading, pairs in example_pairs(rows, similarity).items():
        parts.append(f'<h2>{heading}</h2>')
        parts += [_figure(rows[i], rows[j], similarity[i, j]) for i, j in pairs] or ['<p>none</p>']
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f'<style>{STYLE}</style>\n' + '\n'.join(parts) + '\n</html>\n')


def example_pairs(rows: Sequence[ManifestRow], similarity: np.ndarray) -> dict[str, list[tuple[int, int]]]:
    """Pairs of different sessions: the most and the least alike of one place, the most alike of different places."""
    same = same_place(rows)
    sessions = np.array([row.session for row in rows])
    crossing = np.triu(sessions[:, None] != sessions[None])
    order = np.argsort(similarity, axis=None, kind='stable')

    def first(indices: np.ndarray, wanted: np.ndarray) -> list[tuple[int, int]]:
        found = indices[wanted.ravel()[indices]][:EXAMPLES]
        return [(int(i), int(j)) for i, j in zip(*np.unravel_index(found, similarity.shape))]

    return {'Same place, found most alike': first(order[::-1], same & crossing),
            'Same place, found least alike': first(order, same & crossing),
            'Different places, found most alike': first(order[::-1], ~same & crossing)}


def _figures(metrics: dict) -> list[tuple[str, str]]:
    def percent(value: float | None) -> str:
        return 'not defined' if value is None else f'{value:.2f} %'

    method = f'{metrics["features"]}, {metrics["similarity"]}'
    if metrics['checkpoint']:
        method += f', checkpoint {metrics["checkpoint"]} ({metrics["checkpoint_file"]})'
    return [('method', method),
            ('images / places / sessions', f'{metrics["n_images"]} / {metrics["n_places"]} / {metrics["n_sessions"]}'),
            ('AUC, different sessions', percent(metrics['cross_session_auc'])),
            ('AUC, same session', percent(metrics['within_session_auc'])),
            *((f'recall@{n}', percent(value)) for n, value in metrics['recall_at'].items())]


def _figure(a: ManifestRow, b: ManifestRow, similarity: float) -> str:
    pictures = ' '.join(f'<img alt="{html.escape(row.image.name)}" src="{_thumbnail(row.image)}">' for row in (a, b))
    caption = ' and '.join(f'{row.image.name} (place {row.place}, session {row.session})' for row in (a, b))
    return f'<figure>{pictures}<figcaption>{similarity:.4f}: {html.escape(caption)}</figcaption></figure>'


def _thumbnail(path: Path) -> str:
    image = load_image(path)
    height = max(1, round(image.shape[0] * THUMBNAIL_WIDTH / image.shape[1]))
    return _data_uri(encode_jpeg(resize(image, THUMBNAIL_WIDTH, height), 80), 'jpeg')


def _data_uri(data: bytes, kind: str) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'
