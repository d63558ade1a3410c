"""Training as a user sees it: it learns, resumes exactly, and says what is wrong with its data."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import yaml

from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.errors import CheckpointError, ConfigError, DataError
from dejavu_ros.images import encode_jpeg
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.training.loop import Trainer
from dejavu_ros.training.recipe import load_recipe

SIZE = {'input_width': 32, 'input_height': 24, 'grid_width': 4, 'grid_height': 3, 'reduction': 'area'}


def picture(place: int, session: int) -> np.ndarray:
    """A place is a pattern of blocks, a session its brightness."""
    blocks = np.random.default_rng(place).integers(40, 255, (6, 8, 3))
    return (np.kron(blocks, np.ones((8, 8, 1))) * (1.0, 0.5, 0.8)[session]).astype(np.uint8)


@pytest.fixture
def manifest(tmp_path):
    rows = []
    for place in range(8):
        for session in range(3):
            path = tmp_path / f'{place}_{session}.jpg'
            path.write_bytes(encode_jpeg(picture(place, session)))
            rows.append(ManifestRow(path, str(place), f's{session}'))
    write_manifest(tmp_path / 'set.csv', rows)
    return tmp_path / 'set.csv'


@pytest.fixture
def recipe_file(tmp_path, manifest):
    train = {'steps': 6, 'places': 4, 'warmup': 2, 'checkpoint_every': 2, 'validate_every': 3, 'bfloat16': False}
    recipe = {'train': train,
              'features': SIZE, 'sources': [{'manifest': str(manifest)}], 'validation': [str(manifest)]}
    path = tmp_path / 'recipe.yaml'
    path.write_text(yaml.safe_dump(recipe))
    return path


def losses(folder) -> dict[int, float]:
    entries = [json.loads(line) for line in (folder / 'log.jsonl').read_text().splitlines()]
    return {entry['step']: entry['loss'] for entry in entries if 'loss' in entry}


def test_a_run_leaves_weights_a_log_and_figures(tmp_path, recipe_file):
    Trainer(load_recipe(recipe_file), tmp_path / 'run').run()
    assert sorted(losses(tmp_path / 'run')) == list(range(1, 7))
    checkpoint = load_checkpoint(tmp_path / 'run' / 'best.pt')
    assert checkpoint.settings.input_width == 32
    assert checkpoint.card['validation'][0]['cross_session_auc'] > 0
    assert (tmp_path / 'run' / 'last.pt').is_file()


def test_the_loss_falls(tmp_path, recipe_file):
    Trainer(load_recipe(recipe_file, steps=25, validate_every=25), tmp_path / 'run').run()
    course = list(losses(tmp_path / 'run').values())
    assert np.mean(course[-5:]) < 0.8 * np.mean(course[:5])


def test_a_killed_run_goes_on_with_the_same_losses(tmp_path, recipe_file):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the killed run: sums depend on how many share them
    try:
        Trainer(load_recipe(recipe_file), tmp_path / 'whole').run()
    finally:
        torch.set_num_threads(threads)
    command = [sys.executable, '-m', 'dejavu_ros.cli', 'train', '--config', str(recipe_file), '--threads', '1',
               '-o', str(tmp_path / 'cut')]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (tmp_path / 'cut' / 'state.pt').is_file():
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert losses(tmp_path / 'cut') == losses(tmp_path / 'whole')


def test_another_recipe_does_not_take_over_a_run(tmp_path, recipe_file):
    Trainer(load_recipe(recipe_file, steps=2, validate_every=1), tmp_path / 'run').run()
    with pytest.raises(DataError, match='another recipe'):
        Trainer(load_recipe(recipe_file, seed=5), tmp_path / 'run')


def test_unusable_data_is_named(tmp_path, recipe_file):
    trainer = Trainer(load_recipe(recipe_file), tmp_path / 'run')
    trainer.network.final.weight.data.fill_(float('nan'))
    with pytest.raises(DataError, match='loss is nan at step 0'):
        trainer.train_step(torch.from_numpy(trainer.batches[0]['images'].copy()))
    with pytest.raises(CheckpointError, match='channels'):
        save = tmp_path / 'six.pt'
        from dejavu_ros.nn.checkpoint import save_checkpoint
        from dejavu_ros.nn.dejavu import DejavuNet
        save_checkpoint(save, DejavuNet(6), trainer.recipe.features, trainer.recipe.contextual)
        Trainer(load_recipe(recipe_file, start_from=str(save)), tmp_path / 'other')


@pytest.mark.parametrize('change, match', [({'train': {'stepz': 1}}, 'stepz'), ({'sources': []}, 'sources'),
                                           ({'optimiser': {}}, 'optimiser'), ({'train': {'steps': 0}}, 'steps'),
                                           ({'sources': [{'weight': 'a'}]}, 'weight'),
                                           ({'validation': 'x.csv'}, 'validation')])
def test_a_wrong_recipe_is_refused_by_name(tmp_path, recipe_file, change, match):
    content = {**yaml.safe_load(recipe_file.read_text()), **change}
    recipe_file.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=match):
        load_recipe(recipe_file)
