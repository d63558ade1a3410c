"""How far several sessions saw the same places: a table and a picture for people."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dejavu_ros.data.places import NOWHERE
from dejavu_ros.data.triplets import Traversal, View

SHARED, ALONE = '#1a7f37', '0.6'


def overlap_table(traversals: Sequence[Traversal], views: Sequence[View], labels: np.ndarray, visits: np.ndarray,
                  seen: Sequence[set[str]]) -> str:
    """A row for each session, below it the share of places that two sessions or more saw, and who shares none."""
    rows, alone = [], []
    calls = {(view.session, label, visit) for view, label, visit in zip(views, labels.tolist(), visits.tolist())
             if label != NOWHERE}
    for traversal in traversals:
        own = [places for places in seen if traversal.name in places]
        shared = sum(len(places) > 1 for places in own)
        if not shared:
            alone.append(f'\n  {traversal.name} shares no place with another session')
        placed = sum(view.session == traversal.name and label != NOWHERE for view, label in zip(views, labels))
        rows.append([traversal.name, traversal.condition or '-', traversal.frames, len(traversal.views), placed,
                     len(own), sum(session == traversal.name for session, _, _ in calls), shared])
    shared = sum(len(places) > 1 for places in seen)
    table = tabulate(rows, disable_numparse=True, colalign=('left', 'left', *['right'] * 6),
                     headers=['session', 'condition', 'frames', 'kept', 'in places', 'places', 'visits', 'shared'])
    text = (f'{table}\n{len(seen)} places, {shared} of them ({shared / len(seen):.0%}) seen in two sessions or more, '
            f'{sum(len(places) == len(traversals) for places in seen)} in all {len(traversals)}')
    return ''.join([text, *alone])


def overlap_picture(path: Path, traversals: Sequence[Traversal], centres: np.ndarray, seen: Sequence[set[str]],
                    radius: float) -> None:
    """Write a PNG: the track of every session from above, and each place as a circle of ``radius`` metres.

    ``centres`` (P, 2) metres, ``seen`` the sessions of each of the P places.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import EllipseCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(10, 8), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    handles = []
    for index, traversal in enumerate(traversals):
        x, y = np.array(traversal.track).T
        # later tracks are thinner, so that those below them can be seen
        handles += axes.plot(x, y, color=f'C{index % 10}', linewidth=1.2 + 1.6 * (len(traversals) - index), alpha=0.7,
                             label=' '.join(dict.fromkeys(filter(None, (traversal.name, traversal.condition)))))
    shared = np.array([len(places) > 1 for places in seen])
    for chosen, colour, words in ((shared, SHARED, 'place seen in two sessions or more'),
                                  (~shared, ALONE, 'place seen in one session')):
        size = np.full(chosen.sum(), 2 * radius)
        axes.add_collection(EllipseCollection(size, size, 0 * size, units='x', offsets=centres[chosen], zorder=3,
                                              offset_transform=axes.transData, facecolor='none', edgecolor=colour))
        handles.append(Line2D([], [], linestyle='', marker='o', markerfacecolor='none', color=colour,
                              label=f'{words} ({chosen.sum()})'))
    axes.set(aspect='equal', xlabel='x [m]', ylabel='y [m]', title='Overlap of the sessions')
    axes.margins(0.08)
    axes.grid(alpha=0.3)
    axes.legend(handles=handles, loc='best')
    figure.savefig(path, dpi=110)
