"""Pictures of an evaluation as PNG: season by season heat maps, precision-recall curves, features as colours."""

import io
from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA

from dejavu_ros.evaluation.metrics import CURVE_POINTS

MAX_WRITTEN = 14  # sessions up to which the heat map's cells carry their numbers
MAX_NAMED = 60    # and up to which its rows carry their names
Matrix = dict[str, dict[str, float | None]]


def heat_maps(matrices: dict[str, Matrix]) -> bytes:
    """Season by season matrices side by side (the paper's figure 5), by title; undefined cells stay grey."""
    side = float(np.clip(1.5 + 0.5 * max(map(len, matrices.values())), 4, 14 if len(matrices) == 1 else 6))
    figure = new_figure(side * len(matrices) + 1, side)
    axes = figure.subplots(1, len(matrices), squeeze=False)[0]
    for axis, (title, matrix) in zip(axes, matrices.items()):
        names = list(matrix)
        values = np.array([[np.nan if matrix[a][b] is None else matrix[a][b] for b in names] for a in names])
        axis.set_facecolor('0.85')
        picture = axis.imshow(values, cmap='viridis', vmin=50, vmax=100)
        axis.set_title(title, fontsize=9)
        if len(names) <= MAX_NAMED:
            axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
            axis.set_yticks(range(len(names)), names, fontsize=7)
        if len(names) <= MAX_WRITTEN:
            for (i, j), value in np.ndenumerate(values):
                if np.isfinite(value):
                    axis.text(j, i, f'{value:.0f}', ha='center', va='center', fontsize=7,
                              color='black' if value > 75 else 'white')
    figure.colorbar(picture, ax=axes, shrink=0.8, extend='min', label='AUC of session pairs (%)')
    return as_png(figure)


def precision_recall_curves(curves: dict[str, Sequence[float] | None]) -> bytes:
    """Curves by name, as ``precision_recall`` of the metrics has them; one that is not defined is left out."""
    figure = new_figure(6, 4)
    axis = figure.add_subplot()
    for name, precision in curves.items():
        if precision is not None:
            axis.plot(np.linspace(0, 1, CURVE_POINTS), precision, label=name)
    axis.set(xlabel='recall', ylabel='precision', xlim=(0, 1), ylim=(0, 1.02),
             title='Pairs of different sessions: same place or not')
    axis.grid(alpha=0.3)
    if axis.lines:
        axis.legend(fontsize=8)
    return as_png(figure)


def reliability_diagram(bins: Sequence[dict]) -> bytes:
    """Share of right answers over their probability, above how many answers there are; ``bins`` as the metrics have
    them.
    """
    figure = new_figure(5, 5.5)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    width = 1 / len(bins)
    middles = (np.arange(len(bins)) + 0.5) * width
    told = [part for part in bins if part['queries']]
    above.plot([0, 1], [0, 1], color='0.6', linestyle='--', label='honest')
    above.plot([part['probability'] for part in told], [part['right'] for part in told], 'o-', label='measured')
    above.set(ylabel='share of right answers', xlim=(0, 1), ylim=(-0.02, 1.02),
              title='Top place of single frames: said and true')
    above.legend(fontsize=8)
    below.bar(middles, [part['queries'] for part in bins], 0.9 * width)
    below.set(xlabel='probability of the top place', ylabel='queries')
    for axis in (above, below):
        axis.grid(alpha=0.3)
    return as_png(figure)


def colours(maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Dense maps (n, h, w) to pictures (h, w, 3) uint8: their first three principal components, fitted jointly.

    The same colour means the same feature in all of them (the paper's figure 4).
    """
    vectors = np.concatenate([part.reshape(len(part), -1) for part in maps], 1).T
    components = PCA(min(3, vectors.shape[1]), random_state=0).fit_transform(vectors)
    components = np.pad(components, ((0, 0), (0, 3 - components.shape[1])))
    low, high = np.percentile(components, (1, 99), axis=0)
    painted = ((components - low) / np.where(high > low, high - low, 1)).clip(0, 1) * 255
    ends = np.cumsum([part[0].size for part in maps])[:-1]
    return [piece.reshape(*part.shape[1:], 3).round().astype(np.uint8)
            for piece, part in zip(np.split(painted, ends), maps)]


def new_figure(width: float, height: float):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def as_png(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=120)
    return buffer.getvalue()
