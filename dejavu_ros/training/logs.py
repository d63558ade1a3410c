"""What a training tells: ``log.jsonl``, one object a line, and the same figures for TensorBoard."""

import json
from pathlib import Path

from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.files import new_file


class TrainingLog:
    """Appends to a folder's ``log.jsonl`` and ``tensorboard/``."""

    def __init__(self, folder: Path, step: int, tensorboard: bool):
        """Forgets what was logged after ``step``, which the training is about to do again.

        Raises DataError where the folder cannot be written, ConfigError where TensorBoard is wanted and not installed.
        """
        self.path = folder / 'log.jsonl'
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f'cannot make the folder {folder}: {error.strerror}') from None
        if self.path.exists():
            kept = [line for line in self.path.read_text().splitlines() if logged_step(line) <= step]
            with new_file(self.path, 'w') as file:
                file.writelines(line + '\n' for line in kept)
        self.tensorboard = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise ConfigError('TensorBoard is not installed: pip install tensorboard, or train with '
                                  '--no-tensorboard') from None
            self.tensorboard = SummaryWriter(folder / 'tensorboard', purge_step=step + 1)

    def __enter__(self) -> 'TrainingLog':
        return self

    def __exit__(self, *_) -> None:
        if self.tensorboard:
            self.tensorboard.close()

    def write(self, step: int, **entry) -> None:
        """One line of the file; its numbers, also those of its dicts by name, become curves."""
        with open(self.path, 'a') as file:
            file.write(json.dumps({'step': step, **entry}) + '\n')
        if self.tensorboard:
            for name, value in entry.items():
                if isinstance(value, float):
                    self.tensorboard.add_scalar(name, value, step)

    def curve(self, step: int, name: str, value: float) -> None:
        """A figure for TensorBoard alone."""
        if self.tensorboard:
            self.tensorboard.add_scalar(name, value, step)


def logged_step(line: str) -> float:
    """Of a line of the log; that of a torn line is infinite."""
    try:
        return json.loads(line)['step']
    except (ValueError, KeyError, TypeError):
        return float('inf')
