"""One picture of the demo: a frame of each drive, its keyframe, and the map with true and found positions."""

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402  (the backend first: there may be no display)

from dejavu_ros.demo.summary import Answer  # noqa: E402
from dejavu_ros.files import new_file  # noqa: E402
from dejavu_ros.images import decode_image  # noqa: E402
from dejavu_ros.keyframes import KeyframeMap  # noqa: E402


def draw(path: Path, keyframes: KeyframeMap, answers: list[Answer], title: str) -> None:
    """Write a PNG."""
    drives = list(dict.fromkeys(answer.drive for answer in answers))
    figure = plt.figure(figsize=(12, 2.6 * len(drives)), layout='constrained')
    grid = figure.add_gridspec(len(drives), 4)
    for row, drive in enumerate(drives):
        example = median_example([answer for answer in answers if answer.drive == drive])
        query, match = figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])
        query.imshow(example.image)
        query.set_title(f'{drive}: the robot looks', fontsize=9)
        verdict = 'accepted' if example.accepted else f'rejected ({example.reject_reason})'
        if example.keyframe >= 0:
            match.imshow(decode_image(keyframes.thumbnail(example.keyframe)))
        match.set_title(f'keyframe {example.keyframe}, p = {example.probability:.2f}: {verdict}', fontsize=9)
        query.axis('off'), match.axis('off')
    axes = figure.add_subplot(grid[:, 2:])
    axes.plot(*keyframes.positions[:, :2].T, '-', color='0.8', linewidth=6, label='mapped road')
    colours = plt.get_cmap('tab10')
    for index, drive in enumerate(drives):
        part = [answer for answer in answers if answer.drive == drive]
        found = [answer.found.position for answer in part if answer.accepted and answer.found is not None]
        truth = [answer.truth.position for answer in part if answer.truth is not None]
        if truth:
            axes.plot(*zip(*[point[:2] for point in truth]), 'o', mfc='none', color=colours(index), label=f'{drive}: true')
        label = f'{drive}: found {len(found)} of {len(part)}' if truth else f'{drive}: {len(found)} of {len(part)} accepted'
        axes.plot(*(zip(*[point[:2] for point in found]) if found else ([], [])), 'x', color=colours(index), label=label)
    axes.set_aspect('equal'), axes.set_xlabel('x [m]'), axes.set_ylabel('y [m]')
    axes.legend(fontsize=8)
    figure.suptitle(title + '  (rendered data)')
    with new_file(path) as file:
        figure.savefig(file, format='png', dpi=90)
    plt.close(figure)


def median_example(answers: list[Answer]) -> Answer:
    """A frame of middling confidence among those that ended as most of the drive did."""
    usual = max({a.accepted for a in answers}, key=lambda verdict: sum(a.accepted == verdict for a in answers))
    same = sorted((a for a in answers if a.accepted == usual), key=lambda a: a.probability)
    return same[len(same) // 2]
