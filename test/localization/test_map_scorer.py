"""A map's descriptors stay on the disk, and what is scored of them is right all the same."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from dejavu_ros.errors import ConfigError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap, MapWriter, writer
from dejavu_ros.localization import LocalizerConfig, map_scorer
from dejavu_ros.localization.background import background
from dejavu_ros.localization.coarse_map import CoarseMap
from dejavu_ros.localization.map_scorer import MapScorer
from dejavu_ros.localization.model import EvidenceModel
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.localization.places import Neighbourhoods
from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.ops.contextual import contextual_similarity

GRID = (6, 8)
CHANNELS = 10
PLACES = 300
RADIUS = 10.0


@pytest.fixture(scope='module')
def extractor():
    return FeatureExtractor(random_checkpoint(settings=FeatureSettings(64, 48, GRID[1], GRID[0], 'area')))


@pytest.fixture(scope='module')
def views():
    """(2, PLACES, n, N) float16: a map, and the same places seen again; neighbours share most of what they show."""
    rng = np.random.default_rng(0)
    road = rng.normal(size=(PLACES + 2, CHANNELS, GRID[0] * GRID[1]))
    road += rng.normal(size=(CHANNELS, 1))  # as images do, all have something in common
    places = road[:-2] + 2 * road[1:-1] + road[2:]
    seen = places + 0.5 * rng.normal(size=(2, *places.shape))
    return (seen / np.linalg.norm(seen, axis=2, keepdims=True)).astype(np.float16)


def write(path, descriptors, settings):
    with MapWriter.create(path, settings, 'c0ffee123456') as made, made.session('one', 'summer') as session:
        for number, vectors in enumerate(descriptors):
            session.add(vectors, 'front', number, Pose.planar(2 * number, 0, 0), np.eye(6), b'\xff\xd8')
    return KeyframeMap.open(path)


@pytest.fixture
def content(tmp_path, extractor, views, monkeypatch):
    """A map in shards of 7 keyframes."""
    monkeypatch.setattr(writer, 'SHARD_BYTES', 7 * views[0, 0].nbytes)
    return write(tmp_path / 'M', views[0], extractor.record)


@pytest.fixture
def scorer(content, extractor):
    return MapScorer(content, extractor, 10, 1)


@pytest.mark.filterwarnings('error')
def test_the_whole_map_is_scored_as_it_is_stored(scorer, extractor, views):
    query, stored = torch.from_numpy(views[1, 5]), torch.from_numpy(views[0])
    expected = contextual_similarity(query, stored, extractor.checkpoint.contextual)
    np.testing.assert_allclose(scorer.score(views[1, 5]), expected, rtol=1e-6)
    rows = np.array([299, 0, 6, 7, 7, 123])
    np.testing.assert_array_equal(scorer.stored[rows], stored[rows])


def test_a_shortlist_has_the_best_of_the_whole_map_on_its_scale(scorer, views):
    for place in range(3, PLACES, 20):
        whole, short = scorer.score(views[1, place]), scorer.score(views[1, place], 30)
        assert short.argmax() == whole.argmax()
        assert short.max() == pytest.approx(whole.max(), rel=1e-6)
        assert np.median(short) == pytest.approx(np.median(whole), abs=0.5 * float(whole.std()))
        exact = np.isclose(short, whole, rtol=1e-6)
        assert 30 <= exact.sum() <= 45  # the shortlist and half as large a sample
        assert short[~exact].max() <= np.sort(short)[-15]


@pytest.mark.parametrize('shortlist', [0, 30])
def test_a_query_of_another_shape_is_refused(scorer, views, shortlist):
    for query in views[1, :1], views[1, 0, :, :40], views[1, 0].T:
        with pytest.raises(ConfigError, match=rf"the map's keyframes \(10, 48\), got \({query.shape[0]}, "):
            scorer.score(query, shortlist)
    with pytest.raises(ConfigError, match=r'for a shortlist of this map a query must be \(10, 48\), got \(256,\)'):
        scorer.score(views[1, 0], 30, np.zeros(256, np.float16))
    with pytest.raises(ConfigError, match=r'queries must be \(Q, n, N1\), got \(10, 48\)'):
        scorer.exact(torch.from_numpy(views[1, 0]))


@pytest.mark.parametrize('shortlist', [0, PLACES, PLACES + 1, -1])
def test_no_shortlist_or_one_as_long_as_the_map_scores_everything(scorer, views, shortlist):
    np.testing.assert_array_equal(scorer.score(views[1, 9], shortlist), scorer.score(views[1, 9]))


def test_the_usual_shortlist_is_a_share_of_a_large_map(scorer, views, monkeypatch):
    monkeypatch.setattr(map_scorer, 'SHORTEST', 10)
    np.testing.assert_array_equal(scorer.score(views[1, 9], -1), scorer.score(views[1, 9], PLACES // 20))


def test_a_query_that_is_not_finite_has_no_score(scorer):
    query = np.full((CHANNELS, GRID[0] * GRID[1]), np.nan, np.float16)
    for shortlist in (0, 5):
        assert not np.isfinite(scorer.score(query, shortlist)).all()


def test_less_memory_makes_the_coarse_map_coarser_and_too_little_is_refused(content, extractor, views):
    assert MapScorer(content, extractor, 1, 1).coarse.vectors.shape == (PLACES, 16 * CHANNELS)
    shard = torch.from_numpy(views[0])
    sizes = [CoarseMap([shard] * count, count * PLACES, CHANNELS, GRID, 1).vectors for count in (5, 8, 20, 80)]
    assert [vectors.shape[1] // CHANNELS for vectors in sizes] == [16, 9, 4, 1]
    assert all(vectors.nbytes <= 1e6 for vectors in sizes)
    with pytest.raises(ConfigError, match='memory_limit_mb is 1, a map of 30000 keyframes needs at least 2:'):
        CoarseMap([shard] * 100, 100 * PLACES, CHANNELS, GRID, 1)


def test_a_mask_makes_nothing_look_more_or_less_alike_from_afar(views):
    """The same picture with and without a mask, as keyframe and as query: the coarse map finds both equal."""
    stored = torch.from_numpy(np.concatenate([views[0], views[0]]))
    stored.view(2 * PLACES, CHANNELS, *GRID)[PLACES:, :, 3:] = 0
    coarse = CoarseMap([stored], 2 * PLACES, CHANNELS, GRID, 10)
    similarity = coarse.similarity(stored[[5, PLACES + 5]])
    np.testing.assert_allclose(similarity[:, [5, PLACES + 5]], 1, atol=1e-3)
    assert similarity.max() < 1.001


def test_levels_of_a_large_map_follow_the_exact_ones(content, extractor, views, monkeypatch):
    """Every third keyframe resembles everything; only some levels are computed, yet all hubs are told apart."""
    hubs = views[0].astype(np.float32)
    hubs[::3] += hubs.mean(2, keepdims=True).mean(0) * 1.5
    hubs = (hubs / np.linalg.norm(hubs, axis=1, keepdims=True)).astype(np.float16)
    content = write(content.path.with_name('hubs'), hubs, extractor.record)
    scorer, calibration = MapScorer(content, extractor, 10, 1), Calibration()
    places = Neighbourhoods.of(content, LocalizerConfig(place_radius=RADIUS / 2))
    everything = scorer.backgrounds(places, calibration, EvidenceModel())[0].level
    own = contextual_similarity(torch.from_numpy(hubs), torch.from_numpy(hubs), scorer.exact.settings).numpy()
    apart = np.abs(content.positions[:, None, 0] - content.positions[None, :, 0]) > RADIUS
    reference = background(own, apart, calibration.mean)
    assert np.corrcoef(everything, reference)[0, 1] > 0.9
    monkeypatch.setattr(map_scorer, 'DISTANCES', 0)  # only the fewest keyframes
    learnt = scorer.backgrounds(places, calibration, EvidenceModel())[0].level
    assert np.isclose(learnt, everything, rtol=1e-6).sum() < 40
    assert np.corrcoef(learnt, everything)[0, 1] > 0.7
    assert learnt.mean() == pytest.approx(everything.mean(), abs=float(everything.std()))


SEARCH = """
    import resource, sys
    import numpy as np, torch
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.localization.map_scorer import MapScorer
    from dejavu_ros.nn.checkpoint import random_checkpoint
    from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings

    def memory(what):
        with open('/proc/self/status') as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what))

    torch.set_num_threads(1)
    extractor = FeatureExtractor(random_checkpoint(settings=FeatureSettings(64, 48, 16, 12, 'area')))
    before = memory('RssAnon')
    limit = memory('VmData') + 36_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    content = KeyframeMap.open(sys.argv[1])
    scorer = MapScorer(content, extractor, 2, 1)
    query = content.descriptors(4321, 4322)[0]
    whole, short = scorer.score(query), scorer.score(query, 50)
    assert whole.argmax() == short.argmax() == 4321 and len(whole) == len(content)
    print(memory('RssAnon') - before)
"""


@pytest.mark.skipif(not Path('/proc/self/status').is_file(), reason='needs /proc of Linux')
def test_a_map_larger_than_memory_is_searched(tmp_path, extractor):
    few = np.random.default_rng(0).normal(size=(500, CHANNELS, 192))
    few = (few / np.linalg.norm(few, axis=1, keepdims=True)).astype(np.float16)
    many = (np.roll(few, shift, axis=(1, 2)) for shift in range(24))
    settings = extractor.record | {'grid': [12, 16]}
    content = write(tmp_path / 'M', (vectors for part in many for vectors in part), settings)
    size = sum(array.nbytes for _, array in content.shards())
    assert size > 45e6  # more than the program may have
    done = subprocess.run([sys.executable, '-c', textwrap.dedent(SEARCH), content.path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 36e6
