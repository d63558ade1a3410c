"""The comparison: every input is learned from the same drives of one season, and asked about drives of others."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from dejavu_ros.files import new_file
from dejavu_ros.posenet.drives import Drive, load_drives, plan_testing, plan_training
from dejavu_ros.posenet.errors import pose_errors
from dejavu_ros.posenet.inputs import Features, Rgb, chosen_inputs, in_other_light
from dejavu_ros.posenet.report import report, trajectories
from dejavu_ros.posenet.settings import PoseNetSettings
from dejavu_ros.posenet.training import Poses, predict, train_regressor

Answers = dict[str, Poses]  # by season


def compare(settings: PoseNetSettings, folder: str | Path) -> str:
    """Write ``posenet.json`` and ``trajectories.png`` to ``folder`` and return the tables for the terminal.

    The drives are kept in ``folder/drives`` and used again. Raises CheckpointError, ConfigError, DataError,
    RenderError.
    """
    folder = Path(folder)
    inputs = chosen_inputs(settings)  # what cannot be loaded is said before the long work
    plans = plan_training(settings) + plan_testing(settings)
    drives = load_drives(plans, folder / 'drives')
    learned, asked = drives[:settings.train_drives], drives[settings.train_drives:]
    poses = poses_of(learned)
    middle = Poses(poses.positions.mean(0, keepdim=True), poses.quaternions[:1])
    found = {'middle of the loop': [{drive.condition: Poses(*(part.expand(len(drive.way), -1) for part in middle))
                                     for drive in asked}]}
    for chosen in inputs:
        found |= answer(chosen, learned, poses, asked, settings)
    result = {'settings': dataclasses.asdict(settings), 'training_frames': len(poses.positions),
              'checkpoints': {chosen.name: chosen.identity for chosen in inputs if chosen.identity},
              'methods': {name: summary(answers, asked, settings) for name, answers in found.items()}}
    with new_file(folder / 'trajectories.png') as file:
        file.write(trajectories({chosen.name: found[chosen.name][0] for chosen in inputs}, asked))
    with new_file(folder / 'posenet.json', 'w') as file:
        json.dump(result, file, indent=1, allow_nan=False)
        file.write('\n')
    return report(result)


def answer(chosen: Rgb | Features, learned: list[Drive], poses: Poses, asked: list[Drive],
           settings: PoseNetSettings) -> dict[str, list[Answers]]:
    """Train once a seed; by method, what each training says of the test drives.

    Features are also compared under CX with the training frames, the most similar of which says its own pose.
    """
    pictures = np.concatenate([drive.pictures for drive in learned])
    versions = torch.stack([
        chosen.maps(version, f'training, light {number} of {settings.versions}')
        for number, version in enumerate(in_other_light(pictures, settings.versions, settings.photometric), 1)])
    tests = {drive.condition: chosen.maps(drive.pictures, drive.condition) for drive in asked}
    found = {chosen.name: []}
    for seed in range(settings.seeds):
        network = train_regressor(versions, poses, settings, seed, f'{chosen.name}, seed {seed}')
        found[chosen.name].append({condition: predict(network, maps) for condition, maps in tests.items()})
    if isinstance(chosen, Features):
        nearest = {condition: chosen.nearest(maps, versions[0]) for condition, maps in tests.items()}
        found[f'nearest frame, {chosen.name}'] = [{condition: Poses(*(part[best] for part in poses))
                                                   for condition, best in nearest.items()}]
    return found


def poses_of(drives: list[Drive]) -> Poses:
    """The true poses of all frames."""
    return Poses(*(torch.from_numpy(np.concatenate(part)).float()
                   for part in zip(*((drive.positions, drive.quaternions) for drive in drives))))


def summary(found: list[Answers], asked: list[Drive], settings: PoseNetSettings) -> dict:
    """Mean and standard deviation over the trainings of every error: by season, and over the seasons not learned."""
    others = [drive.condition for drive in asked if drive.condition != settings.train_condition]
    errors = []
    for answers in found:
        seasons = {drive.condition: pose_errors(*(part.numpy() for part in answers[drive.condition]), drive.positions,
                                                drive.quaternions, drive.way) for drive in asked}
        if others:
            seasons['other_seasons'] = {name: mean([seasons[other][name] for other in others])
                                        for name in seasons[others[0]]}
        errors.append(seasons)
    return {season: {name: {'mean': mean(values), 'deviation': None if None in values else float(np.std(values))}
                     for name, values in ((name, [seasons[season][name] for seasons in errors])
                                          for name in errors[0][season])}
            for season in errors[0]}


def mean(values: list[float | None]) -> float | None:
    """None where one of them is."""
    return None if None in values else float(np.mean(values))
