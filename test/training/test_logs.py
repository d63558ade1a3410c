"""The log holds every step once, however often a training was cut."""

import json

import pytest

from dejavu_ros.errors import DataError
from dejavu_ros.training.logs import TrainingLog


def steps(folder) -> list[int]:
    return [json.loads(line)['step'] for line in (folder / 'log.jsonl').read_text().splitlines()]


def test_what_is_done_again_is_logged_once(tmp_path):
    with TrainingLog(tmp_path / 'run', -1, tensorboard=False) as log:
        for step in range(4):
            log.write(step, loss=1.0)
    with open(tmp_path / 'run' / 'log.jsonl', 'a') as file:
        file.write('{"step": 4, "lo')  # the machine went down here
    with TrainingLog(tmp_path / 'run', 2, tensorboard=False) as log:
        assert steps(tmp_path / 'run') == [0, 1, 2]
        log.write(3, loss=1.0)
    assert steps(tmp_path / 'run') == [0, 1, 2, 3]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match='file/run'):
        TrainingLog(tmp_path / 'file' / 'run', -1, tensorboard=False)
