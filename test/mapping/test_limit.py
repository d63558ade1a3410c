"""A map within a size: every place stays while there is room, by the view that the other drives know best."""

import re

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.keyframes.verify import verify
from dejavu_ros.mapping.config import LimitConfig
from dejavu_ros.mapping.limit import choose, conditions, limit, neighbours, usefulness

SETTINGS = {'input_size': [64, 48], 'grid': [12, 16], 'channels': 10}
PLACES = 40
NOISE = {'june': 0.3, 'blurred': 3.0, 'january': 0.6}  # how far its views are from what the place looks like
CONDITION = {'june': 'summer', 'blurred': 'summer', 'january': 'snow'}


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    """Three drives past the same places, 10 m apart; the third turns back after half the way."""
    rng = np.random.default_rng(0)
    places = rng.normal(size=(PLACES, 10, 192))
    path = tmp_path_factory.mktemp('maps') / 'all.dvmap'
    with MapWriter.create(path, SETTINGS, 'abcdef012345') as writer:
        for name, noise in NOISE.items():
            with writer.session(name, CONDITION[name]) as session:
                for i, place in enumerate(places[:PLACES // 2] if name == 'january' else places):
                    view = place + noise * rng.normal(size=place.shape)
                    picture = rng.integers(0, 255, (rng.integers(10, 60), 64, 3)).astype(np.uint8)
                    session.add((view / np.linalg.norm(view, axis=0)).astype(np.float16), 'front', i,
                                Pose.planar(10 * i + rng.uniform(-1, 1), 0, 0), np.eye(6), encode_jpeg(picture))
    return path


def size_of(folder):
    return sum(file.stat().st_size for file in folder.rglob('*') if file.is_file())


def limited(path, output, size):
    with KeyframeMap.open(path) as source:
        kept = limit(source, output, LimitConfig(size=size))
    assert size_of(output) <= size * 1e6 and list(verify(output)) == []
    with KeyframeMap.open(output) as new:
        return kept, {session.name: np.round(new.positions[new.session_index == i, 0] / 10).astype(int).tolist()
                      for i, session in enumerate(new.sessions)}


@pytest.mark.parametrize('size', [0.15, 0.3, 0.45, 0.6, 0.75])
def test_the_size_is_kept_to_and_used(path, tmp_path, size):
    kept, _ = limited(path, tmp_path / 'new.dvmap', size)
    assert size_of(tmp_path / 'new.dvmap') > 0.75 * size * 1e6 - 1e5 and sum(kept.values()) < 100


def test_places_come_first_then_conditions_then_the_clearest_view(path, tmp_path):
    """Room for about one view of each place: none has two, and where three drives can tell, none is the blurred one."""
    kept, where = limited(path, tmp_path / 'new.dvmap', 0.37)
    everywhere = sum(where.values(), [])
    assert PLACES - 10 < len(set(everywhere)) == len(everywhere), 'no place twice before all are there'
    assert min(where['blurred'], default=PLACES) >= PLACES // 2
    kept, where = limited(path, tmp_path / 'wider.dvmap', 0.55)
    assert where['january'] == list(range(PLACES // 2)), 'a second condition comes before a second summer'
    assert sorted(where['june'] + where['blurred'])[:PLACES // 2] == list(range(PLACES // 2))


def test_a_view_that_others_know_is_worth_more(path):
    with KeyframeMap.open(path) as source:
        useful = usefulness(source, neighbours(source, LimitConfig()))
        means = {session.name: useful[source.session_index == i][:PLACES // 2].mean()
                 for i, session in enumerate(source.sessions)}
    assert means['june'] > means['january'] > means['blurred']


def test_a_turned_view_is_another_place():
    """Both ways along a street are kept before a second drive of one of them."""
    near = [np.array([0, 1]), np.array([0, 1]), np.array([2])]
    assert choose(near, np.zeros(3), np.array([3.0, 2.0, 1.0]), np.ones(3), 2.0).tolist() == [0, 2]


def test_a_drive_alone(tmp_path):
    """Nobody else knows its views; they are spread over its way."""
    with MapWriter.create(tmp_path / 'a', SETTINGS, 'abcdef012345') as writer, writer.session('one', '') as session:
        for i in range(60):
            session.add(np.ones((10, 192), np.float16), 'front', i, Pose.planar(i, 0, 0), np.eye(6), b'\xff\xd8')
    with KeyframeMap.open(tmp_path / 'a') as source:
        near = neighbours(source, LimitConfig())
        chosen = choose(near, conditions(source), usefulness(source, near), np.ones(60), 6.0)
        assert np.diff(np.sort(source.positions[chosen, 0])).min() > 5.0


def test_the_command_says_what_was_dropped(path, tmp_path, capsys):
    assert main(['map', 'limit', str(path), '-o', str(tmp_path / 'new'), '--size', '0.37']) == 0
    out = capsys.readouterr().out
    rows = {row[0]: [int(number) for number in row[-2:]] for row in map(str.split, out.splitlines())
            if row and row[0] in NOISE}
    assert sum(kept for kept, _ in rows.values()) == int(re.search(r'(\d+) keyframes of 100', out)[1])
    assert [sum(row) for row in rows.values()] == [40, 40, 20]
    assert main(['map', 'limit', str(path), '-o', str(tmp_path / 'less'), '--size', '0.1']) == 1
    assert 'nothing of' in capsys.readouterr().err and not (tmp_path / 'less.dvmap').exists()
