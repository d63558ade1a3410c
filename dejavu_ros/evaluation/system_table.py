"""The table of all systems, as the terminal and a document show it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dejavu_ros.files import new_file

BEGIN, END = '<!-- systems.json -->', '<!-- end -->'  # around the table in a document


def write_systems(rows: Sequence[dict], folder: Path) -> str:
    """Write ``systems.json`` to ``folder`` and return the table."""
    with new_file(folder / 'systems.json', 'w') as file:
        json.dump(list(rows), file, indent=1, allow_nan=False)
        file.write('\n')
    return table(rows)


def table(rows: Sequence[dict]) -> str:
    """A row a system, a column a set: AUC across sessions, recall@1 (percent) and position error, then what it costs.

    Time and bytes are the medians over the sets.
    """
    sets = list(dict.fromkeys(row['dataset'] for row in rows))
    lines = []
    for name in dict.fromkeys(row['system'] for row in rows):
        own = {row['dataset']: row for row in rows if row['system'] == name}
        found = [quality(own[dataset]) if dataset in own else '' for dataset in sets]
        lines.append([name, *found, cost(own.values(), 'ms_per_frame_ratio', '.2f'),
                      cost(own.values(), 'bytes_per_keyframe', ',.0f')])
    return tabulate(lines, ['system', *sets, 'time', 'bytes a keyframe'], tablefmt='github', disable_numparse=True)


def quality(row: dict) -> str:
    """AUC / recall@1, and metres where positions are known; - where one does not apply."""
    shares = ' / '.join('-' if row[key] is None else f'{row[key]:.1f}' for key in ('cross_session_auc', 'recall_at_1'))
    metres = row['median_position_error_m']
    return shares if metres is None else f'{shares}, {metres:.2f} m'


def cost(rows: Iterable[dict], key: str, form: str) -> str:
    known = [row[key] for row in rows if row[key] is not None]
    return format(float(np.median(known)), form) if known else '-'
