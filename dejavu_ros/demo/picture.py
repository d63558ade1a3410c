"""One picture of the demo: a frame of each drive, its keyframe, and the map with true and found positions."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402  (the backend first: there may be no display)

from dejavu_ros.demo.summary import Answer  # noqa: E402
from dejavu_ros.files import new_file  # noqa: E402
from dejavu_ros.images import decode_image  # noqa: E402
from dejavu_ros.keyframes import KeyframeMap  # noqa: E402


def draw(path: Path, keyframes: KeyframeMap, answers: list[Answer], title: str) -> None:
    """Write a PNG, whole or not at all; every drive needs an answer."""
    drives = list(dict.fromkeys(answer.drive for answer in answers))
    figure = plt.figure(figsize=(13, 2.7 * len(drives)), layout='constrained')
    grid = figure.add_gridspec(len(drives), 4)
    for row, drive in enumerate(drives):
        example = median_example([answer for answer in answers if answer.drive == drive])
        show(figure.add_subplot(grid[row, 0]), example.image, f'{drive}: the robot looks\n')
        keyframe = decode_image(keyframes.thumbnail(example.keyframe)) if example.keyframe >= 0 else example.image * 0
        verdict = 'accepted' if example.accepted else f'rejected: {example.reject_reason}'
        show(figure.add_subplot(grid[row, 1]), keyframe,
             f'best keyframe {example.keyframe}\nprobability {example.probability:.2f}, {verdict}')
    draw_map(figure.add_subplot(grid[:, 2:]), keyframes, {d: [a for a in answers if a.drive == d] for d in drives})
    figure.suptitle(title + '  (rendered data)')
    with new_file(path) as file:
        figure.savefig(file, format='png', dpi=90)
    plt.close(figure)


def show(axes, image: np.ndarray, title: str) -> None:
    axes.imshow(image)
    axes.set_title(title, fontsize=8)
    axes.axis('off')


def draw_map(axes, keyframes: KeyframeMap, drives: dict[str, list[Answer]]) -> None:
    """Positions from above: the mapped road, and for each drive the true and the found ones."""
    axes.plot(*keyframes.positions[:, :2].T, '-', color='0.8', linewidth=6, label='mapped road')
    colours = plt.get_cmap('tab10')
    for index, (drive, answers) in enumerate(drives.items()):
        truth = np.array([a.truth.position for a in answers if a.truth is not None]).reshape(-1, 3)
        found = np.array([a.found.position for a in answers if a.accepted and a.found is not None]).reshape(-1, 3)
        count = f'{len(found)} of {len(answers)} accepted'
        if len(truth):
            axes.plot(*truth[:, :2].T, 'o', mfc='none', color=colours(index), label=f'{drive}: true position')
        axes.plot(*found[:, :2].T, 'x', color=colours(index), label=f'{drive}: found, {count}')
    axes.set_aspect('equal', adjustable='datalim')
    axes.set_xlabel('x [m]')
    axes.set_ylabel('y [m]')
    axes.legend(fontsize=8)


def median_example(answers: list[Answer]) -> Answer:
    """A frame of middling confidence among those that ended as most of the drive did."""
    usual = max({a.accepted for a in answers}, key=lambda verdict: sum(a.accepted == verdict for a in answers))
    same = sorted((a for a in answers if a.accepted == usual), key=lambda a: a.probability)
    return same[len(same) // 2]
