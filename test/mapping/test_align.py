"""A drive with an odometry origin of its own finds its way into a map of the same road."""

import math

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.errors import DataError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.mapping.align import align, bend, consensus
from dejavu_ros.mapping.config import AlignConfig
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor

SECOND = 1_000_000_000
ROAD = [Pose.planar(25 * math.sin(i / 12), 25 - 25 * math.cos(i / 12), i / 12) for i in range(48)]  # most of a circle
ORIGIN = Pose.planar(-300.0, 120.0, 2.0, z=3.0)  # of the map, as the second drive's odometry has it


@pytest.fixture(scope='module')
def extractor():
    return FeatureExtractor(load_checkpoint())


def drive(path, extractor, poses, views, name='later', noise=0.0, seed=1):
    """A map of ``poses``, each showing the place of the same number in ``views`` (K, n, N)."""
    rng = np.random.default_rng(seed)
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer, \
            writer.session(name, 'snow') as session:
        for i, (pose, view) in enumerate(zip(poses, views)):
            view = view + noise * rng.normal(size=view.shape)
            session.add((view / np.linalg.norm(view, axis=0)).astype(np.float16), 'front', i * SECOND, pose,
                        np.eye(6) * 0.01, b'\xff\xd8')
    return path


@pytest.fixture(scope='module')
def views(extractor):
    """Of the places of ROAD; neighbours share most of what they see."""
    rows, columns = extractor.grid
    rng = np.random.default_rng(0)
    road = rng.normal(size=(len(ROAD) + 2, extractor.channels, rows * columns))
    return road[:-2] + 2 * road[1:-1] + road[2:]


@pytest.fixture
def summer(tmp_path, extractor, views):
    return drive(tmp_path / 'summer.dvmap', extractor, ROAD, views, 'summer')


def drifting(poses, turn=math.radians(0.4), stretch=1.02):
    """Odometry that turns and stretches a little more with every step."""
    here, track = ORIGIN @ poses[0], []
    for before, after in zip([poses[0], *poses], poses):
        step = before.inverse @ after
        here = here @ Pose.planar(*(step.position[:2] * stretch), step.yaw + (turn if track else 0))
        track.append(here)
    return track


def errors(poses, truth):
    return np.array([np.linalg.norm(a.position - b.position) for a, b in zip(poses, truth)])


def test_a_drifting_drive_is_brought_in_and_straightened(tmp_path, extractor, summer, views):
    winter = drive(tmp_path / 'winter.dvmap', extractor, drifting(ROAD), views, noise=1.0)
    with KeyframeMap.open(summer) as ours, KeyframeMap.open(winter) as theirs:
        found = align(ours, theirs, 'later', extractor)
    assert len(found.recognised) > 0.7 * len(ROAD)
    off = errors(found.poses, ROAD)
    rigid = errors([found.map_T_track @ pose for pose in drifting(ROAD)], ROAD)
    assert off.max() < 2.0 and np.median(off) < 0.7 and off.mean() < 0.7 * rigid.mean()
    assert np.median(found.bent) < np.median(found.rigid)
    assert (np.linalg.eigvalsh(found.spread) >= 0).all() and found.spread[0, 0] > 0


def test_align_appends_to_the_map(tmp_path, extractor, summer, views, capsys):
    winter = drive(tmp_path / 'winter.dvmap', extractor, [ORIGIN @ pose for pose in ROAD[5:30]], views[5:30], noise=1.0)
    assert main(['map', 'align', str(summer), str(winter), '--dry-run']) == 0
    with KeyframeMap.open(summer) as before:
        assert len(before) == 48 and before.revision == 1
    said = capsys.readouterr().out
    assert 'later: ' in said and 'turned by -114.6 degrees' in said
    assert main(['map', 'align', str(summer), str(winter)]) == 0
    assert '73 keyframes' in capsys.readouterr().out
    with KeyframeMap.open(summer) as after:
        assert [session.name for session in after.sessions] == ['summer', 'later'] and after.revision == 2
        assert np.linalg.norm(after.positions[48:] - after.positions[5:30], axis=1).max() < 0.5
        assert after.keyframes[50].covariance[0, 0] >= 0.01  # of the session; here nothing is left to add
    assert main(['map', 'verify', str(summer)]) == 0


def test_another_road_is_refused(tmp_path, extractor, summer, capsys):
    rows, columns = extractor.grid
    foreign = np.random.default_rng(9).normal(size=(48, extractor.channels, rows * columns))
    elsewhere = drive(tmp_path / 'elsewhere.dvmap', extractor, ROAD, foreign)
    with KeyframeMap.open(summer) as ours, KeyframeMap.open(elsewhere) as theirs:
        with pytest.raises(DataError, match='cannot be placed .* of its 48 keyframes are recognised and agree, 8 must'):
            align(ours, theirs, 'later', extractor)
    assert main(['map', 'align', str(summer), str(elsewhere)]) == 1
    with KeyframeMap.open(summer) as ours:
        assert ours.revision == 1


def test_another_checkpoints_map_is_refused(tmp_path, extractor, summer):
    with MapWriter.create(tmp_path / 'x', extractor.record, '0' * 12) as writer, writer.session('a', '') as session:
        rows, columns = extractor.grid
        session.add(np.zeros((extractor.channels, rows * columns), np.float16), 'c', 0, ROAD[0], np.eye(6), b'\xff\xd8')
    with KeyframeMap.open(summer) as ours, KeyframeMap.open(tmp_path / 'x') as theirs:
        with pytest.raises(MapError, match='build one of them again'):
            align(ours, theirs, 'a', extractor)


def test_a_third_of_wrong_places_is_outvoted():
    rng = np.random.default_rng(2)
    track = [ORIGIN @ pose for pose in ROAD]
    places = [Pose.planar(*rng.uniform(-50, 50, 2), rng.uniform(-3, 3)) if i % 3 == 0 else pose
              for i, pose in enumerate(ROAD)]
    agreed, map_T_track = consensus(track, places, 2.0)
    assert set(range(48)) - set(range(0, 48, 3)) <= set(agreed.tolist())
    assert errors([map_T_track @ pose for pose in track], ROAD).max() < 1e-6
    # the same in the graph: those that agree by chance hardly pull
    bent = bend(list(ROAD), np.arange(48), places, AlignConfig())
    assert np.median(errors(bent, ROAD)) < 0.5


def test_heights_and_tilts_stay():
    tilted = [Pose.make([i, 0, 0.1 * i], [0.05, 0.05, 0, 1]) for i in range(10)]
    bent = bend(tilted, np.array([0, 9]), [tilted[0], tilted[9]], AlignConfig())
    for before, after in zip(tilted, bent):
        assert before.distance(after)[0] < 1e-3 and before.distance(after)[1] < 1e-3
