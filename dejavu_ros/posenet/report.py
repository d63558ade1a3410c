"""The comparison for people: the paper's table 2 and its figure 7."""

import numpy as np
from tabulate import tabulate

from dejavu_ros.evaluation.figures import as_png, new_figure
from dejavu_ros.posenet.drives import Drive
from dejavu_ros.posenet.training import Poses


def report(result: dict) -> str:
    """The paper's table 2, and below it the position error of every season."""
    return f'{table(result)}\n\n{position_by_season(result)}'


def table(result: dict) -> str:
    """Position and rotation of every method: in the learned season, and over all others."""
    learned = result['settings']['train_condition']
    columns = [(season, name) for season in (learned, 'other_seasons') for name in
               ('position_m', 'rotation_deg', 'rotation_deg_per_m')
               if season in next(iter(result['methods'].values()))]
    headers = ['method', *(f'{"other seasons" if season == "other_seasons" else season}\n{unit(name)}'
                           for season, name in columns)]
    rows = [[method, *(cell(seasons[season][name], 4 if name.endswith('per_m') else 2) for season, name in columns)]
            for method, seasons in result['methods'].items()]
    return tabulate(rows, headers, disable_numparse=True, colalign=('left', *['right'] * len(columns)))


def position_by_season(result: dict) -> str:
    """Mean position error in metres over frames and trainings, its spread over trainings, a column a season asked."""
    seasons = [season for season in next(iter(result['methods'].values())) if season != 'other_seasons']
    rows = [[method, *(cell(errors[season]['position_m'], 1) for season in seasons)]
            for method, errors in result['methods'].items()]
    return tabulate(rows, ['P (m)', *seasons], disable_numparse=True, colalign=('left', *['right'] * len(seasons)))


def unit(name: str) -> str:
    kind, *parts = name.split('_')
    return f'{kind[0].upper()} ({"/".join(part for part in parts if part != "per")})'


def cell(value: dict[str, float | None], digits: int) -> str:
    if value['mean'] is None:
        return ''
    return f'{value["mean"]:.{digits}f} ± {value["deviation"]:.{digits}f}'


def trajectories(answers: dict[str, dict[str, Poses]], drives: list[Drive]) -> bytes:
    """The loop that was driven and where each method believed to be, a row a method and a column a season, as PNG.

    A dot's colour goes with the way driven, and a line leads from it to where the frame was taken.
    """
    figure = new_figure(2.2 * len(drives) + 0.5, 1.5 * len(answers) + 0.5)
    axes = figure.subplots(len(answers), len(drives), squeeze=False, sharex=True, sharey=True)
    for row, (name, seasons) in zip(axes, answers.items()):
        row[0].set_ylabel(name, fontsize=8)
        for axis, drive in zip(row, drives):
            found = seasons[drive.condition].positions.numpy()
            axis.plot(*drive.positions[:, :2].T, color='0.4', linewidth=1)
            axis.plot(*np.stack([drive.positions[:, :2], found[:, :2]]).T.swapaxes(1, 2), color='0.8', linewidth=0.4)
            axis.scatter(*found[:, :2].T, s=3, c=range(len(found)), cmap='hsv', zorder=3)
            axis.set(aspect='equal')
            axis.tick_params(labelsize=6)
    for axis, drive in zip(axes[0], drives):
        axis.set_title(drive.condition, fontsize=8)
    figure.supxlabel('metres', fontsize=8)
    return as_png(figure)
