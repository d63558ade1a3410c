"""What a robot sees of the localizer: where it says it is, when it says nothing, and why.

Features are made, not computed: a place is a set of vectors, a view of it the same vectors with noise, so that
the truth is known and no checkpoint is needed.
"""

import contextlib
import sqlite3

import numpy as np
import pytest

from dejavu_ros.errors import ConfigError, DataError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.geowarp.files import save_geowarp
from dejavu_ros.geowarp.network import GeoWarpNet
from dejavu_ros.geowarp.settings import GeoWarpSettings
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings

GRID = (18, 24)
SPACING = 2.0
SECOND = 1_000_000_000


class KnownFeatures(FeatureExtractor):
    """Stands in for a trained network: an image whose first pixel holds a place shows that place."""

    def __init__(self, places: int):
        super().__init__(random_checkpoint(settings=FeatureSettings(96, 72, GRID[1], GRID[0], 'area')))
        rng = np.random.default_rng(0)
        road = rng.normal(size=(places + 8, 10, GRID[0] * GRID[1]))
        # neighbours share most of what they see
        self.places = unit(sum(road[i:places + i] * weight for i, weight in enumerate((1, 2, 1))))
        self.rng = np.random.default_rng(1)
        self.noise = 0.15

    def extract(self, images):
        shape = self.places[0].shape
        views = [self.places[image[0, 0, 0]] + self.noise * self.rng.normal(size=shape) for image in images]
        return unit(np.stack(views)).astype(np.float16)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def image_of(place: int) -> np.ndarray:
    image = np.random.default_rng(5).integers(0, 255, (72, 96, 3), np.uint8)
    image[0, 0, 0] = place
    return image


@pytest.fixture
def extractor():
    return KnownFeatures(60)


def write_map(path, extractor, places, position=lambda place: (SPACING * place, 0.0, 0.0)):
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session('summer-1', 'summer') as session:
            for place in places:
                session.add(extractor.extract([image_of(place)])[0], 'camera', place * SECOND,
                            Pose.make(position(place)), np.diag([0.01] * 6), encode_jpeg(image_of(place)))
    return KeyframeMap.open(path, extractor.checkpoint.identity)


@pytest.fixture
def road(tmp_path, extractor):
    """Keyframes of places 0 to 39; 40 to 59 are not on the map."""
    return write_map(tmp_path / 'road.dvmap', extractor, range(40))


def test_a_mapped_place_is_accepted_near_the_truth(extractor, road):
    localizer = Localizer(extractor, road)
    for place in (3, 20, 37):
        localizer.reset()
        estimate = localizer.process(image_of(place), place * SECOND)
        assert estimate.accepted and estimate.reject_reason == ''
        best = estimate.hypotheses[0]
        assert abs(best.map_T_base.position[0] - SPACING * place) < 2
        assert best.probability > 0.9 and best.inliers >= 12
        assert best.session == 'summer-1' and best.condition == 'summer'
        assert np.all(np.linalg.eigvalsh(best.covariance) > 0)
        assert estimate.latency_ms > 0


def test_geowarp_puts_the_best_keyframes_in_another_order(tmp_path, extractor, road):
    settings = GeoWarpSettings(rows=GRID[0], columns=GRID[1], width=4)
    save_geowarp(tmp_path / 'geowarp.pt', GeoWarpNet(settings, None), {})
    localizer = Localizer(extractor, road, LocalizerConfig(geowarp=str(tmp_path / 'geowarp.pt'), rerank=3))
    asked = []
    same = localizer.reranker.similarity
    localizer.reranker.similarity = lambda query, candidates, usual: asked.append(len(candidates)) or same(
        query, candidates, usual)
    estimate = localizer.process(image_of(20), 0)
    assert estimate.accepted and abs(estimate.hypotheses[0].map_T_base.position[0] - SPACING * 20) < 2
    localizer.reranker.similarity = lambda query, candidates, usual: np.arange(len(candidates))  # the third is best
    localizer.reset()
    other = localizer.process(image_of(20), 0).hypotheses[0]
    assert asked == [3] and other.keyframe != estimate.hypotheses[0].keyframe
    save_geowarp(tmp_path / 'other.pt', GeoWarpNet(GeoWarpSettings(rows=6, columns=8, width=4), None), {})
    with pytest.raises(ConfigError, match='the checkpoint has grids of 18x24'):
        Localizer(extractor, road, LocalizerConfig(geowarp=str(tmp_path / 'other.pt')))


def test_an_unmapped_place_is_not_accepted(extractor, road):
    localizer = Localizer(extractor, road, LocalizerConfig(use_filter=False))
    estimates = [localizer.process(image_of(place), place * SECOND) for place in range(43, 60)]
    assert not any(estimate.accepted for estimate in estimates)
    assert {estimate.reject_reason for estimate in estimates} <= {'unknown_place', 'too_few_inliers', 'ambiguous'}
    assert all(estimate.hypotheses for estimate in estimates)


def test_two_equal_places_are_ambiguous_with_both_named(tmp_path, extractor):
    twins = write_map(tmp_path / 'twins.dvmap', extractor, [*range(20), *range(20)], make_twins())
    estimate = Localizer(extractor, twins).process(image_of(10), 0)
    assert not estimate.accepted and estimate.reject_reason == 'ambiguous'
    sides = {round(hypothesis.map_T_base.position[1]) for hypothesis in estimate.hypotheses[:2]}
    assert sides == {0, 500}


def test_a_street_of_equal_houses_is_ambiguous_with_all_of_them_named(tmp_path, extractor):
    road, house, houses = range(40), range(42, 46), 4
    sides = iter(np.repeat([-1000.0, *100.0 * np.arange(houses)], [len(road), *[len(house)] * houses]))
    street = write_map(tmp_path / 'street.dvmap', extractor, [*road, *[*house] * houses],
                       lambda place: (SPACING * place, next(sides), 0.0))
    localizer = Localizer(extractor, street)
    for place in (43, 44, 44):  # and driving on does not settle it
        estimate = localizer.process(image_of(place), place * SECOND // 4)
        assert estimate.reject_reason == 'ambiguous'
        found = {round(hypothesis.map_T_base.position[1]) for hypothesis in estimate.hypotheses[:houses]}
        assert found == {100 * number for number in range(houses)}


def make_twins():
    count = -1

    def position(place):
        nonlocal count
        count += 1
        return (SPACING * place, 0.0 if count < 20 else 500.0, 0.0)
    return position


def test_an_empty_frame_says_so_and_the_next_is_found(extractor, road):
    localizer = Localizer(extractor, road)
    black = localizer.process(np.zeros((72, 96, 3), np.uint8), 0)
    assert black.reject_reason == 'bad_image' and 'black' in black.detail
    assert localizer.process(image_of(1), 0).accepted


def test_a_map_without_keyframes_is_refused(road):
    with contextlib.closing(sqlite3.connect(road.path / 'map.sqlite')) as database, database:
        for table in ('thumbnails', 'keyframes', 'shards'):
            database.execute(f'DELETE FROM {table}')
    with pytest.raises(MapError, match='road.dvmap has no keyframes: .* build-map --append'):
        KeyframeMap.open(road.path)


def test_features_that_are_not_finite_are_a_bad_image(extractor, road, monkeypatch):
    localizer = Localizer(extractor, road)
    monkeypatch.setattr(extractor, 'extract', lambda images: np.full((1, 10, GRID[0] * GRID[1]), np.nan, np.float16))
    assert localizer.process(image_of(1), 0).reject_reason == 'bad_image'


def test_matches_that_agree_with_no_geometry_are_rejected(extractor, road, monkeypatch):
    localizer = Localizer(extractor, road)
    view = extractor.extract([image_of(8)])
    shuffled = view[:, :, np.random.default_rng(0).permutation(view.shape[2])]
    monkeypatch.setattr(extractor, 'extract', lambda images: shuffled)
    estimate = localizer.process(image_of(8), 0)
    assert estimate.reject_reason in ('too_few_inliers', 'unknown_place') and estimate.hypotheses[0].inliers < 12


def test_a_map_of_another_checkpoint_is_refused(extractor, road):
    other = FeatureExtractor(random_checkpoint(seed=9, settings=FeatureSettings(96, 72, GRID[1], GRID[0], 'area')))
    with pytest.raises(MapError, match=extractor.checkpoint.identity):
        Localizer(other, road)


def test_earlier_frames_help_where_one_alone_is_not_enough(extractor, road):
    extractor.noise = 0.3
    alone = Localizer(extractor, road, LocalizerConfig(use_filter=False, min_inliers=0))
    together = Localizer(extractor, road, LocalizerConfig(min_inliers=0))
    drive = range(5, 35)
    accepted = []
    for place in drive:
        query = extractor.extract([image_of(place)])[0]
        accepted.append([localizer.locate(query, place * SECOND // 4).accepted for localizer in (alone, together)])
    assert np.sum(accepted, 0)[1] > np.sum(accepted, 0)[0] > 0


def test_a_place_out_of_reach_is_inconsistent_until_it_persists(extractor, road):
    localizer = Localizer(extractor, road, LocalizerConfig(max_speed=1.0))
    for step in range(6):
        assert localizer.process(image_of(2), step * SECOND // 4).accepted
    reasons = []
    for step in range(6, 20):
        estimate = localizer.process(image_of(35), step * SECOND // 4)
        reasons.append(estimate.reject_reason)
        if estimate.accepted:
            assert abs(estimate.hypotheses[0].map_T_base.position[0] - 35 * SPACING) < 2
            break
    assert reasons[0] in ('inconsistent_motion', 'unknown_place', 'ambiguous')
    assert reasons[-1] == '', 'a carried robot has to find itself again'


def test_the_pose_follows_odometry_between_keyframes(extractor, road):
    localizer = Localizer(extractor, road)
    for place in (4, 5):
        first = localizer.process(image_of(place), place * SECOND, odometry=Pose.planar(SPACING * place, 0, 0))
    later = localizer.process(image_of(5), 5 * SECOND + SECOND // 15, odometry=Pose.planar(SPACING * 5 + 0.6, 0, 0))
    assert later.accepted
    way = later.hypotheses[0].map_T_base.position - first.hypotheses[0].map_T_base.position
    assert way == pytest.approx([0.6, 0.0, 0.0], abs=0.05)


def test_odometry_bounds_the_motion(extractor, road):
    localizer = Localizer(extractor, road)
    still = Pose.planar(0, 0, 0)
    localizer.process(image_of(5), 0, odometry=still)
    prior = localizer.filter.predict(SECOND, still)
    assert prior[5] > prior[15]
    away = localizer.filter.predict(SECOND, Pose.planar(20, 0, 0))
    assert away[15] > prior[15]


def test_a_prior_settles_which_of_two_equal_places_it_is(tmp_path, extractor):
    twins = write_map(tmp_path / 'twins.dvmap', extractor, [*range(20), *range(20)], make_twins())
    localizer = Localizer(extractor, twins)
    for y in (0, 500):
        localizer.expect(Pose.planar(22, y, 0), np.diag([4.0] * 6))
        estimate = localizer.process(image_of(10), 0)
        assert estimate.accepted and round(estimate.hypotheses[0].map_T_base.position[1]) == y


@pytest.mark.parametrize('spoil', [lambda c: c * np.nan, lambda c: -c, lambda c: c * 1e300,
                                   lambda c: c + np.eye(6, k=1)], ids=['nan', 'negative', 'huge', 'lopsided'])
def test_a_prior_that_is_none_is_refused_and_spoils_nothing(extractor, road, spoil):
    localizer = Localizer(extractor, road)
    with pytest.raises(DataError, match='covariance that is none'):
        localizer.expect(Pose.planar(0, 0, 0), spoil(np.eye(6)))
    assert np.isfinite(localizer.filter.belief).all()


@pytest.mark.parametrize('where', [1e8, -1e8])
def test_odometry_and_priors_from_far_away_spoil_nothing(extractor, road, where):
    localizer = Localizer(extractor, road)
    localizer.expect(Pose.planar(where, where, 0), np.eye(6) * 1e-12)
    localizer.process(image_of(1), 0, odometry=Pose.planar(0, 0, 0))
    assert localizer.process(image_of(1), 10**8, odometry=Pose.planar(where, 0, 0)).hypotheses
    localizer.process(image_of(1), 2 * 10**8, odometry=Pose.planar(where, 0, 0))
    assert np.isfinite(localizer.filter.belief).all()


def test_a_wrong_prior_does_not_hide_the_truth(extractor, road):
    localizer = Localizer(extractor, road)
    localizer.expect(Pose.planar(70, 0, 0), np.diag([1.0] * 6))
    estimate = localizer.process(image_of(3), 0)
    assert estimate.accepted and abs(estimate.hypotheses[0].map_T_base.position[0] - 3 * SPACING) < 2


@pytest.mark.parametrize('stamps', [(10 * SECOND, 9 * SECOND), (0, 100 * SECOND)])
def test_a_clock_that_jumps_forgets_the_past(extractor, road, stamps):
    localizer = Localizer(extractor, road)
    localizer.process(image_of(5), stamps[0])
    assert localizer.process(image_of(30), stamps[1]).accepted


@pytest.mark.parametrize('stamps', ['none', 'again'])
def test_a_drive_without_stamps_or_driven_twice_is_found(extractor, road, stamps):
    localizer = Localizer(extractor, road)
    accepted = 0
    for number in range(40):
        place = 2 + number % 20
        stamp = 0 if stamps == 'none' else number % 20 * SECOND
        if stamps == 'none' and number == 20:
            localizer.reset()
        accepted += localizer.process(image_of(place), stamp).accepted
    assert accepted >= 36


def test_a_shortlist_finds_what_the_whole_map_finds(extractor, road):
    whole, short = Localizer(extractor, road), Localizer(extractor, road, LocalizerConfig(shortlist=8))
    for place in range(2, 38, 5):
        whole.reset()
        short.reset()
        a, b = whole.process(image_of(place), 0), short.process(image_of(place), 0)
        assert abs(a.hypotheses[0].keyframe - b.hypotheses[0].keyframe) <= 1
        assert b.accepted


def test_a_map_of_one_keyframe_works(tmp_path, extractor):
    single = write_map(tmp_path / 'one.dvmap', extractor, [7])
    localizer = Localizer(extractor, single, LocalizerConfig(use_filter=False))
    assert localizer.process(image_of(7), 0).hypotheses[0].probability > 0.5
    assert not localizer.process(image_of(50), 0).accepted
