"""What a soak found, in one file of figures and one table for people."""

from collections.abc import Iterable, Sequence

import numpy as np
from tabulate import tabulate

from dejavu_ros.evaluation.consistency import consistency
from dejavu_ros.soak.drives import SPEED, STEP


def summarise(drives: Sequence[dict], memory: Sequence[dict], fuzz: Sequence[dict], kills: Sequence[dict]) -> dict:
    """The content of ``summary.json`` from the results of all parts; rates are fractions, None of nothing."""
    mapped = [drive for drive in drives if drive['mapped']]
    unmapped = [drive for drive in drives if not drive['mapped']]
    conditions = list(dict.fromkeys(drive['condition'] for drive in mapped))
    said = answers(mapped, 'with_filter')
    return {
        'frames': len(said),
        'recall_at_5m': {condition: {way: recall(answers(of(mapped, condition), way))
                                     for way in ('with_filter', 'without')} for condition in conditions},
        'wrong_accepts': wrong(said),
        'unmapped_frames': len(answers(unmapped, 'with_filter')),
        'unmapped_accepts': accepted(answers(unmapped, 'with_filter')),
        **consistency(np.array([answer['nees'] for answer in said if answer['accepted']])),
        'rss_growth_percent': memory[0]['growth_percent'],
        'kills': total(kills, 'kills'),
        'lost_keyframes': total(kills, 'lost_keyframes'),
        'fuzzed_messages': total(fuzz, 'messages'),
        'crashes': total(fuzz, 'crashes') + total(memory, 'crashes'),
    }


def table(drives: Sequence[dict]) -> str:
    """Markdown: what came of each condition, with the filter and (in brackets) without."""
    def row(name: str, part: list[dict]) -> list:
        on = [drive for drive in part if drive['mapped']]
        off = [drive for drive in part if not drive['mapped']]
        both = [(answers(on, way), answers(off, way)) for way in ('with_filter', 'without')]
        figures = consistency(np.array([answer['nees'] for answer in both[0][0] if answer['accepted']]))
        metres = [answer['metres'] for answer in both[0][0] if answer['right']]
        return [name, len(both[0][0]), *(f'{inside} ({outside})' for inside, outside in zip(
            *((number(recall(mapped)), wrong(mapped), accepted(unmapped)) for mapped, unmapped in both))),
            len(both[0][1]), first_accepted(on), number(np.median(metres)) if metres else '-',
            number(figures['nees_mean_over_dof']), number(figures['ellipsoid_coverage'])]

    conditions = list(dict.fromkeys(drive['condition'] for drive in drives))
    rows = [row(condition, of(drives, condition)) for condition in conditions]
    return tabulate([*rows, row('all', list(drives))], tablefmt='pipe', disable_numparse=True, headers=[
        'condition', 'frames', 'recall at 5 m', 'wrong', 'unmapped accepted', 'of unmapped frames',
        'first accepted after [s]', 'median error [m]', 'NEES / dof', 'coverage'])


def answers(drives: Iterable[dict], way: str) -> list[dict]:
    return [answer for drive in drives for answer in drive['answers'][way]]


def of(drives: Iterable[dict], condition: str) -> list[dict]:
    return [drive for drive in drives if drive['condition'] == condition]


def recall(said: list[dict]) -> float | None:
    return sum(answer['right'] for answer in said) / len(said) if said else None


def accepted(said: list[dict]) -> int:
    return sum(answer['accepted'] for answer in said)


def wrong(said: list[dict]) -> int:
    return sum(answer['accepted'] and not answer['right'] for answer in said)


def first_accepted(drives: Iterable[dict]) -> str:
    """Seconds until the first pose was accepted: median and longest over the drives, and how many had none."""
    firsts = [next((index for index, answer in enumerate(drive['answers']['with_filter']) if answer['accepted']), None)
              for drive in drives]
    seconds = [index * STEP / SPEED for index in firsts if index is not None]
    never = firsts.count(None)
    text = f'{np.median(seconds):.1f}, {max(seconds):.1f}' if seconds else '-'
    return text + (f'; never in {never} of {len(firsts)}' if never else '')


def total(results: Iterable[dict], name: str) -> int:
    return sum(result[name] for result in results)


def number(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'
