"""The state that a training resumes from: a file that appears whole or not at all."""

import dataclasses
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from dejavu_ros.errors import DataError
from dejavu_ros.files import new_file
from dejavu_ros.nn.device import is_device_failure
from dejavu_ros.training.config import TrainConfig
from dejavu_ros.training.recipe import Recipe

# settings that change what a training leaves behind or how fast it goes, not what it learns
FREE = {'device', 'weights', 'workers', 'checkpoint_every', 'max_bad_steps', 'tensorboard', 'whitening',
        'whitening_samples', 'whitening_power', 'validate_on_training'}


def save_state(path: Path, recipe: Recipe, content: dict[str, Any]) -> None:
    """``content`` holds tensors, plain numbers, strings, lists and dicts."""
    buffer = io.BytesIO()
    torch.save({**content, 'recipe': dataclasses.asdict(recipe)}, buffer)
    with new_file(path) as file:
        file.write(buffer.getvalue())


def load_state(path: Path, recipe: Recipe, device: torch.device) -> dict[str, Any] | None:
    """What was saved at ``path``; None where nothing was. Raises DataError for a damaged file or another recipe's."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        theirs, step = state['recipe'], state['step']
        # options that came later are at their defaults in what was made before
        theirs['train'] = dataclasses.asdict(TrainConfig()) | theirs['train']
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        if is_device_failure(error):
            raise
        raise DataError(f'{path} is no training state: choose another folder, or move it away') from None
    ours = dataclasses.asdict(recipe)
    changed = next((name for part in ours for name in differences(part, theirs.get(part), ours[part])), None)
    if changed:
        raise DataError(f'{path} was made by another recipe, at step {step} ({changed}): choose another folder, or '
                        'move it away')
    return state


def differences(part: str, theirs: Any, ours: Any) -> list[str]:
    """What a person would have to change back, of one part of a recipe."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [f'{name} {theirs.get(name)!r}, now {ours.get(name)!r}' for name in sorted({*theirs, *ours} - FREE)
                if theirs.get(name) != ours.get(name)]
    return [] if theirs == ours else [f'other {part}']
