"""Without a checkpoint named, a map is used with the one that made it, by whoever opens it."""

import json

import cv2
import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.errors import CheckpointError, MapError
from dejavu_ros.images import encode_png
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.keyframes.own_checkpoint import checkpoint_for, extractor_for, identity_in
from dejavu_ros.nn.checkpoint import (default_checkpoint_path, installed_checkpoints, load_checkpoint,
                                      random_checkpoint, save_checkpoint)
from dejavu_ros.nn.features import FeatureSettings

OLDER = '13480f5d504d'  # the default of version 0.2


def picture(place):
    small = np.random.default_rng(place).integers(0, 255, (6, 8, 3), np.uint8)
    return cv2.resize(small, (256, 192), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def drive(tmp_path):
    """A folder of six pictures, 10 m apart."""
    (tmp_path / 'images').mkdir()
    for i in range(6):
        (tmp_path / 'images' / f'{100 + i}.000000000.png').write_bytes(encode_png(picture(i)))
    (tmp_path / 'poses.tum').write_text(''.join(f'{100 + i} {10 * i} 0 0 0 0 0 1\n' for i in range(6)))
    return tmp_path


def build(folder, name, *more):
    return main(['build-map', '-o', str(folder / name), '--images', str(folder / 'images'), '--poses',
                 str(folder / 'poses.tum'), *map(str, more)])


def save_random(path, seed):
    made = random_checkpoint(seed, FeatureSettings(64, 48, 16, 12, 'area'))
    save_checkpoint(path, made.network, made.settings, made.contextual)
    return load_checkpoint(path).identity


@pytest.fixture
def other_default(tmp_path, monkeypatch):
    """Somebody's default is another network."""
    (tmp_path / 'home').mkdir()
    save_random(tmp_path / 'home' / 'default.pt', seed=1)
    monkeypatch.setenv('DEJAVU_CHECKPOINT', str(tmp_path / 'home' / 'default.pt'))


def first_answers(folder, name, *more):
    assert main(['localize', '--map', str(folder / name), '--images', str(folder / 'images'), '--json',
                 str(folder / 'answers.jsonl'), '--no-use-filter', *map(str, more)]) == 0
    lines = [json.loads(line) for line in (folder / 'answers.jsonl').read_text().splitlines()]
    return [line['hypotheses'][0]['keyframe'] for line in lines]


@pytest.mark.skipif(not any(path.name == 'dejavu-0.2.pt' for path in installed_checkpoints()), reason='not shipped')
@pytest.mark.parametrize('default', ['shipped', 'other_default'])
def test_a_map_of_version_0_2_is_used_with_its_network_whatever_the_default_is(drive, default, request):
    if default != 'shipped':
        request.getfixturevalue(default)
    older, = (path for path in installed_checkpoints() if path.name == 'dejavu-0.2.pt')
    assert build(drive, 'street', '--session', 'summer', '--checkpoint', older) == 0
    assert identity_in(drive / 'street') == OLDER != load_checkpoint().identity
    assert first_answers(drive, 'street') == list(range(6))
    assert build(drive, 'street', '--session', 'winter', '--append') == 0, 'what is appended is described alike'
    with KeyframeMap.open(drive / 'street', OLDER) as content:
        assert [session.name for session in content.sessions] == ['summer', 'winter']


def test_a_checkpoint_beside_the_map_is_found(drive, other_default, capsys):
    identity = save_random(drive / 'mine.pt', seed=2)
    (drive / 'notes.pt').write_bytes(b'no checkpoint at all')
    assert build(drive, 'street', '--checkpoint', drive / 'mine.pt') == 0
    assert first_answers(drive, 'street') == list(range(6))
    capsys.readouterr()
    main(['doctor', '--map', str(drive / 'street')])
    said = capsys.readouterr().out
    assert f'{drive / "mine.pt"}: {identity}' in said and 'was made with' not in said


def test_a_checkpoint_that_is_not_there_is_named_with_what_to_do(drive, other_default, capsys):
    identity = save_random(drive / 'mine.pt', seed=2)
    assert build(drive, 'street', '--checkpoint', drive / 'mine.pt') == 0
    (drive / 'mine.pt').rename(drive / 'home' / 'elsewhere.pt')
    capsys.readouterr()
    for command in (['localize', '--map', 'street', '--images', 'images'],
                    ['build-map', '-o', 'street', '--append', '--images', 'images', '--poses', 'poses.tum',
                     '--session', 'b'], ['map', 'align', 'street', 'street']):
        words = [str(drive / word) if word in ('street', 'images', 'poses.tum') else word for word in command]
        assert main(words) == 1
        said = capsys.readouterr().err
        assert f'made with checkpoint {identity}' in said and '--checkpoint' in said and len(said.splitlines()) == 1
    assert first_answers(drive, 'street', '--checkpoint', drive / 'home' / 'elsewhere.pt') == list(range(6))


def test_a_file_that_is_given_is_used_and_without_a_map_the_default(drive, other_default):
    save_random(drive / 'mine.pt', seed=2)
    assert build(drive, 'street', '--checkpoint', drive / 'mine.pt') == 0
    assert checkpoint_for(drive / 'street', default_checkpoint_path()).identity == load_checkpoint().identity
    assert checkpoint_for('').identity == load_checkpoint().identity
    with pytest.raises(CheckpointError, match='no checkpoint'):
        checkpoint_for(drive / 'street', drive / 'none.pt')
    with pytest.raises(MapError, match='no keyframe map'):
        checkpoint_for(drive / 'nowhere')


def test_a_network_that_is_loaded_is_kept_where_the_next_map_is_made_with_it(drive, other_default):
    save_random(drive / 'mine.pt', seed=2)
    assert build(drive, 'one', '--checkpoint', drive / 'mine.pt') == 0
    assert build(drive, 'two') == 0
    first = extractor_for(drive / 'one')
    assert extractor_for(drive / 'one', present=first) is first and extractor_for('', present=first) is first
    second = extractor_for(drive / 'two', present=first)
    assert second.checkpoint.identity == load_checkpoint().identity != first.checkpoint.identity
