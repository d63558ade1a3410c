"""Training as a user sees it: it learns, resumes exactly, and says what is wrong with its data."""

import dataclasses
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import dejavu_ros
from dejavu_ros.cli import main
from dejavu_ros.data.manifests import ManifestRow, write_manifest
from dejavu_ros.errors import CheckpointError, ConfigError, DataError, ImageError
from dejavu_ros.images import encode_jpeg
from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.families import FAMILIES
from dejavu_ros.training.loop import Trainer
from dejavu_ros.training.processes import Processes
from dejavu_ros.training.recipe import load_recipe
from dejavu_ros.training.state import load_state

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
    train = {'steps': 6, 'places': 4, 'warmup': 2, 'checkpoint_every': 2, 'validate_every': 3, 'bfloat16': False,
             'validate_on_training': True}
    recipe = {'train': train,
              'features': SIZE, 'sources': [{'manifest': str(manifest)}], 'validation': [str(manifest)]}
    path = tmp_path / 'recipe.yaml'
    path.write_text(yaml.safe_dump(recipe))
    return path


def log(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / 'log.jsonl').read_text().splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def losses(folder) -> dict[int, float]:
    return {entry['step']: entry['loss'] for entry in log(folder) if 'loss' in entry}


def test_a_run_leaves_weights_a_log_and_figures(tmp_path, recipe_file):
    Trainer(load_recipe(recipe_file), tmp_path / 'run').run()
    assert sorted(losses(tmp_path / 'run')) == list(range(1, 7))
    checkpoint = load_checkpoint(tmp_path / 'run' / 'best.pt')
    assert checkpoint.settings.input_width == 32
    assert checkpoint.card['validation'][0]['cross_session_auc'] > 0
    made = checkpoint.card['made']
    assert made['version'] == dejavu_ros.__version__ and made['hardware'] and made['hours'] >= 0
    seconds = sum(entry.get('seconds', 0) for entry in log(tmp_path / 'run'))
    assert load_state(tmp_path / 'run' / 'state.pt', load_recipe(recipe_file), torch.device('cpu'))['seconds'] == \
        pytest.approx(seconds, abs=0.01)
    assert (tmp_path / 'run' / 'last.pt').is_file()
    curves = EventAccumulator(str(tmp_path / 'run' / 'tensorboard')).Reload()
    assert [point.step for point in curves.Scalars('loss')] == list(range(1, 7))
    assert [point.step for point in curves.Scalars('auc/set')] == [0, 3, 6]


def test_the_loss_falls(tmp_path, recipe_file):
    Trainer(load_recipe(recipe_file, steps=25, validate_every=25), tmp_path / 'run').run()
    course = list(losses(tmp_path / 'run').values())
    assert np.mean(course[-5:]) < 0.8 * np.mean(course[:5])


def test_it_says_what_best_is_of_and_what_comes_next(tmp_path, recipe_file, capsys):
    assert main(['train', '--config', str(recipe_file), '-o', str(tmp_path / 'run'), '--learning-rate', '0']) == 0
    told = capsys.readouterr().out
    assert f'{tmp_path}/run/best.pt (step 0: the untrained network, no step since was better)' in told
    assert f'dejavu calibrate {tmp_path}/run/best.pt --manifest {tmp_path}/set.csv -o ' in told
    best = load_checkpoint(tmp_path / 'run' / 'best.pt')
    assert best.untrained and not best.calibrated
    assert 'it is an untrained network (step 0 of its training); it is not calibrated' in best.warning
    last = load_checkpoint(tmp_path / 'run' / 'last.pt')
    assert not last.untrained and last.card['step'] == 6


def test_the_step_of_best_is_told_after_an_interruption_too(tmp_path, recipe_file, capsys):
    trainer = Trainer(load_recipe(recipe_file), tmp_path / 'run')
    trainer.run()
    step = load_checkpoint(tmp_path / 'run' / 'best.pt').card['step']
    assert trainer.best_step == step
    assert main(['train', '--config', str(recipe_file), '-o', str(tmp_path / 'run')]) == 0
    told = capsys.readouterr().out
    assert (f'best.pt (step {step} of 6)' if step else 'best.pt (step 0: the untrained network') in told


@pytest.mark.parametrize('change, fits', [({}, False), ({'sources': [{'without': 's0'}]}, False),
                                          ({'validation': ['folder']}, False), ({'validation': ['other.csv']}, True),
                                          ({'train': {'validate_on_training': True}}, True)])
def test_a_validation_set_with_images_that_are_trained_on_is_refused(tmp_path, recipe_file, manifest, monkeypatch,
                                                                     change, fits):
    """By the images, however a manifest is named, or linked to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'manifest.csv').write_text(manifest.read_text().replace('\n', '\n../').removesuffix('../'))
    others = [ManifestRow(tmp_path / f'o{place}_{session}.jpg', f'o{place}', f's{session}')
              for place in range(3) for session in range(2)]
    for row in others:
        row.image.write_bytes(encode_jpeg(picture(100 + int(row.place[1:]), int(row.session[1:]))))
    write_manifest(tmp_path / 'other.csv', others)
    content = yaml.safe_load(recipe_file.read_text())
    content['train'] = {**content['train'], 'validate_on_training': False, **change.get('train', {})}
    content['sources'][0] |= change.get('sources', [{}])[0]
    content['validation'] = change.get('validation', content['validation'])
    recipe_file.write_text(yaml.safe_dump(content))
    if fits:
        Trainer(load_recipe(recipe_file), tmp_path / 'run')
    else:
        with pytest.raises(DataError, match=r'(24|16) of the 24 images .* are trained on .*--validate-on-training'):
            Trainer(load_recipe(recipe_file), tmp_path / 'run')


def test_the_recipe_for_own_places_starts_from_the_shipped_checkpoint_and_learns_a_step(tmp_path, manifest,
                                                                                        monkeypatch):
    config = Path(__file__).parents[2] / 'config' / 'finetune.yaml'
    monkeypatch.chdir(tmp_path)
    rows = [(tmp_path / 'places', 'places'), (tmp_path / 'other_places', 'other')]
    for folder, name in rows:
        folder.mkdir()
        made = [ManifestRow(folder / f'{name}{place}_{session}.jpg', f'{place}', f's{session}')
                for place in range(4) for session in range(2)]
        for row in made:
            row.image.write_bytes(encode_jpeg(picture(len(name) + int(row.place), int(row.session[1:]))))
        write_manifest(folder / 'manifest.csv', made)
    recipe = load_recipe(config, steps=1, places=2, warmup=0, tensorboard=False, workers=0)
    shipped = load_checkpoint()
    assert (recipe.features, recipe.contextual) == (shipped.settings, shipped.contextual), 'as it sees and compares'
    trainer = Trainer(recipe, tmp_path / 'run')
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert all(torch.equal(value, before[name]) for name, value in shipped.network.state_dict().items())
    trainer.run()
    after = trainer.network.state_dict()
    assert any(not torch.equal(after[name], value) for name, value in before.items())
    assert load_checkpoint(tmp_path / 'run' / 'last.pt').card['step'] == 1
    assert not load_checkpoint(tmp_path / 'run' / 'best.pt').untrained, 'step 0 is the shipped one'


def test_the_papers_recipe_trains(tmp_path, recipe_file):
    paper = load_recipe(Path(__file__).parents[2] / 'config' / 'paper.yaml', epochs=1,
                        validate_on_training=True)
    small = dataclasses.replace(load_recipe(recipe_file), train=paper.train, contextual=paper.contextual)
    Trainer(small, tmp_path / 'run').run()
    assert len(losses(tmp_path / 'run')) == 2, '8 places, 4 in a batch'


def begin(recipe_file, folder, *flags) -> multiprocessing.Process:
    """``dejavu train`` in a process of its own, which can be killed; torch is loaded once for all of them."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['dejavu_ros.training.loop', 'dejavu_ros.training.recorded',
                                    'torch.utils.tensorboard'])
    process = context.Process(target=main, args=(['train', '--config', str(recipe_file), '--threads', '1',
                                                  '-o', str(folder), *flags],))
    process.start()
    return process


def wait_for(happened) -> None:
    end = time.monotonic() + 250
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


def weights(folder) -> dict[str, torch.Tensor]:
    return torch.load(folder / 'state.pt', weights_only=True)['network']


def lines_logged(folder) -> int:
    path = folder / 'log.jsonl'
    return path.read_text().count('\n') if path.exists() else 0


@pytest.mark.timeout(300)
def test_a_run_killed_at_any_instant_goes_on_to_the_same_weights(tmp_path, recipe_file):
    """Killed between any two steps, while it writes a state, before there is one: the log is that of a quiet run."""
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    quiet = begin(recipe_file, whole)
    rng = np.random.default_rng()  # other instants each time: none may matter
    reached = 0
    process = begin(recipe_file, cut)
    for _ in range(3):
        wait_for(lambda: lines_logged(cut) > reached or not process.is_alive())
        reached = lines_logged(cut)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.join()
        for name in ('best.pt', 'last.pt'):
            if (cut / name).exists():
                load_checkpoint(cut / name)
        process = begin(recipe_file, cut)
    for finished in (process, quiet):
        finished.join()
        assert finished.exitcode == 0
    timeless = [[{**entry, 'seconds': 0} for entry in log(folder)] for folder in (cut, whole)]
    assert timeless[0] == timeless[1]
    for ours, theirs in zip(weights(cut).values(), weights(whole).values()):
        assert torch.equal(ours, theirs)


@pytest.mark.timeout(300)
def test_two_processes_train_as_one_that_takes_both_halves(tmp_path, recipe_file):
    """Losses, weights and running statistics are equal to the last bit: a sum of two numbers has but one rounding."""
    one = begin(recipe_file, tmp_path / 'one', '--accumulate', '2')
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2', '-m',
               'dejavu_ros.cli', 'train', '--config', str(recipe_file), '--threads', '1', '--accumulate', '2',
               '--no-tensorboard', '-o', str(tmp_path / 'two')]
    together = subprocess.run(command, capture_output=True, text=True)
    assert together.returncode == 0, together.stderr
    assert together.stdout.count('done') == 1, 'one of them speaks'
    one.join()
    assert len(losses(tmp_path / 'one')) == 6
    assert losses(tmp_path / 'two') == losses(tmp_path / 'one')
    for ours, theirs in zip(weights(tmp_path / 'two').values(), weights(tmp_path / 'one').values()):
        assert torch.equal(ours, theirs)


@pytest.mark.timeout(300)
def test_a_process_whose_partner_stops_says_so_in_one_line(tmp_path):
    script = tmp_path / 'half.py'
    script.write_text('import torch\n'
                      'from dejavu_ros.errors import DataError, exit_status\n'
                      'from dejavu_ros.training.processes import join\n'
                      'def work():\n'
                      '    with join("cpu") as processes:\n'
                      '        for step in range(9):\n'
                      '            if step == 2 and not processes.first:\n'
                      '                raise DataError("no more images")\n'
                      '            processes.add([torch.ones(9)])\n'
                      '            processes.gather([step])\n'
                      'raise SystemExit(exit_status("half", work))\n')
    environment = {**os.environ, 'TORCH_CPP_LOG_LEVEL': 'FATAL', 'WORLD_SIZE': '2', 'MASTER_ADDR': '127.0.0.1',
                   'MASTER_PORT': str(free_port()), 'TORCHELASTIC_RUN_ID': 'test'}
    both = [subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True,
                             env={**environment, 'RANK': str(rank), 'LOCAL_RANK': str(rank)}) for rank in range(2)]
    said = [process.communicate(timeout=200)[1].strip().splitlines() for process in both]
    assert [process.returncode for process in both] == [1, 1]
    assert said[1] == ['half: no more images']
    assert said[0][-1].startswith('half: another process of this training has stopped')
    assert not any('Traceback' in line for line in said[0])


def test_a_step_that_processes_cannot_share_is_refused(tmp_path, recipe_file):
    with pytest.raises(ConfigError, match='accumulate 3 cannot be shared by 2'):
        Trainer(load_recipe(recipe_file, accumulate=3), tmp_path / 'run', Processes(count=2))


def test_another_recipe_does_not_take_over_a_run(tmp_path, recipe_file):
    Trainer(load_recipe(recipe_file, steps=2, validate_every=1), tmp_path / 'run').run()
    with pytest.raises(DataError, match='another recipe.*seed 0, now 5'):
        Trainer(load_recipe(recipe_file, steps=2, validate_every=1, seed=5), tmp_path / 'run')
    more_often = load_recipe(recipe_file, steps=2, validate_every=1, workers=0, checkpoint_every=1)
    assert Trainer(more_often, tmp_path / 'run').step == 2, 'what changes nothing that is learned may be changed'
    (tmp_path / 'run' / 'state.pt').write_bytes(b'half a sta')
    with pytest.raises(DataError, match='no training state'):
        Trainer(more_often, tmp_path / 'run')


def test_a_run_from_before_there_was_an_option_goes_on(tmp_path, recipe_file):
    recipe = load_recipe(recipe_file, steps=1)
    Trainer(recipe, tmp_path / 'run').run()
    state = torch.load(tmp_path / 'run' / 'state.pt', weights_only=True)
    del state['recipe']['train']['family']
    torch.save(state, tmp_path / 'run' / 'state.pt')
    assert Trainer(recipe, tmp_path / 'run').step == 1
    with pytest.raises(DataError, match="family 'published', now 'student'"):
        Trainer(load_recipe(recipe_file, steps=1, family='student'), tmp_path / 'run')


def test_a_finished_run_gives_its_weights_again(tmp_path, recipe_file):
    recipe = load_recipe(recipe_file, steps=1)
    Trainer(recipe, tmp_path / 'run').run()
    lines, checkpoint = log(tmp_path / 'run'), load_checkpoint(tmp_path / 'run' / 'last.pt')
    (tmp_path / 'run' / 'last.pt').unlink()
    Trainer(recipe, tmp_path / 'run').run()
    again = load_checkpoint(tmp_path / 'run' / 'last.pt')
    assert (again.identity, again.card) == (checkpoint.identity, checkpoint.card)
    assert log(tmp_path / 'run') == lines


def test_an_epoch_has_as_many_samples_as_there_are_places(tmp_path, recipe_file):
    trainer = Trainer(load_recipe(recipe_file, epochs=3, accumulate=2), tmp_path / 'run')
    assert trainer.steps == 3, '3 epochs of 8 places, 2 batches of 4 places a step'


def test_features_that_are_no_numbers_stop_the_training(tmp_path, recipe_file):
    trainer = Trainer(load_recipe(recipe_file, max_bad_steps=3), tmp_path / 'run')
    trainer.validation = []
    trainer.network.final.weight.data.fill_(float('nan'))
    with pytest.raises(DataError, match='stopped at step 3: .* 3 steps in a row.*the loss is nan on a batch of set'):
        trainer.run()
    steps = [entry for entry in log(tmp_path / 'run') if entry['step']]
    assert [entry['left_out'] for entry in steps] == ['the loss is nan on a batch of set'] * 3


def test_a_corrupt_image_is_named_and_done_without(tmp_path, recipe_file, capsys):
    (tmp_path / '3_1.jpg').write_bytes(b'no picture')
    recipe = load_recipe(recipe_file, steps=4, places=8)
    Trainer(dataclasses.replace(recipe, validation=()), tmp_path / 'run').run()
    lines = [line for entry in log(tmp_path / 'run') for line in entry.get('skipped', ())]
    assert lines and all('3_1.jpg' in line for line in lines)
    assert lines[0] in capsys.readouterr().out
    with pytest.raises(ImageError, match='3_1.jpg'):
        Trainer(recipe, tmp_path / 'validated').run()


def test_a_batch_without_negatives_is_refused(tmp_path, recipe_file):
    with pytest.raises(DataError, match='no negatives: 1 of 2 places'):
        Trainer(load_recipe(recipe_file, places=1), tmp_path / 'run').run()


def test_a_student_comes_to_give_its_teachers_maps(tmp_path, recipe_file):
    recipe = load_recipe(recipe_file)
    save_checkpoint(tmp_path / 'teacher.pt', DejavuNet(), recipe.features, recipe.contextual)
    taught = load_recipe(recipe_file, family='student', teacher=str(tmp_path / 'teacher.pt'), loss='none', steps=20,
                         learning_rate=5e-3, validate_every=20)
    Trainer(taught, tmp_path / 'run').run()
    course = list(losses(tmp_path / 'run').values())
    assert np.mean(course[-4:]) < 0.6 * np.mean(course[:2])
    checkpoint = load_checkpoint(tmp_path / 'run' / 'last.pt')
    assert checkpoint.network.architecture == FAMILIES['student']
    assert checkpoint.card['teachers'] == [load_checkpoint(tmp_path / 'teacher.pt').identity]


def test_a_network_learns_from_two_teachers_whose_vectors_are_not_alike(tmp_path, recipe_file):
    recipe, teachers = load_recipe(recipe_file), [tmp_path / f'{channels}.pt' for channels in (6, 10)]
    for channels, path in zip((6, 10), teachers):
        save_checkpoint(path, DejavuNet(channels), recipe.features, recipe.contextual)
    taught = load_recipe(recipe_file, family='student', teacher=' '.join(map(str, teachers)), loss='none', steps=20,
                         imitation=0.0, relations=1.0, learning_rate=5e-3, validate_every=20)
    Trainer(taught, tmp_path / 'run').run()
    course = list(losses(tmp_path / 'run').values())
    assert np.mean(course[-4:]) < 0.6 * np.mean(course[:2])
    card = load_checkpoint(tmp_path / 'run' / 'last.pt').card
    assert card['teachers'] == [load_checkpoint(path).identity for path in teachers]


@pytest.mark.parametrize('part, said', [('teacher', '6 channels, the recipe 10'), ('start_from', '6 channels')])
def test_a_teacher_or_start_of_another_width_is_refused(tmp_path, recipe_file, part, said):
    recipe = load_recipe(recipe_file, **{part: str(tmp_path / 'six.pt')})
    save_checkpoint(tmp_path / 'six.pt', DejavuNet(6), recipe.features, recipe.contextual)
    with pytest.raises(CheckpointError, match=said):
        Trainer(recipe, tmp_path / 'run')


def test_weights_of_another_family_are_no_start(tmp_path, recipe_file):
    recipe = load_recipe(recipe_file, start_from=str(tmp_path / 'small.pt'))
    save_checkpoint(tmp_path / 'small.pt', DejavuNet(architecture=FAMILIES['student']), recipe.features,
                    recipe.contextual)
    with pytest.raises(CheckpointError, match='family student, the recipe published'):
        Trainer(recipe, tmp_path / 'run')


@pytest.mark.parametrize('change, match', [({'train': {'stepz': 1}}, 'stepz'), ({'sources': []}, 'sources'),
                                           ({'optimiser': {}}, 'optimiser'), ({'train': {'steps': -1}}, 'steps'),
                                           ({'sources': [{'weight': 'a'}]}, 'weight'),
                                           ({'validation': 'x.csv'}, 'validation')])
def test_a_wrong_recipe_is_refused_by_name(tmp_path, recipe_file, change, match):
    content = {**yaml.safe_load(recipe_file.read_text()), **change}
    recipe_file.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=match):
        load_recipe(recipe_file)
