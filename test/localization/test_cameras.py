"""Several cameras of one robot, with masks and mountings of their own, have one belief."""

import numpy as np
import pytest
import torch

from dejavu_ros.geometry import BASE_R_OPTICAL, Pose
from dejavu_ros.images import encode_jpeg
from dejavu_ros.keyframes import KeyframeMap, MapWriter
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.localization.arrivals import Arrivals
from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings
from dejavu_ros.ops.contextual.naive import contextual_pair
from dejavu_ros.optics.camera import Camera
from dejavu_ros.optics.mask import mask_to_png

GRID = (18, 24)
SECOND = 10**9
AHEAD = Pose.from_matrix(np.column_stack([BASE_R_OPTICAL, (0.5, 0, 1.0)]))
BACK = Pose.planar(0, 0, np.pi) @ AHEAD
BONNET = np.ones((72, 96), bool)
BONNET[44:] = False
REAR = 100  # images of places from here on are what the rear camera sees


class KnownFeatures(FeatureExtractor):
    """Stands in for a trained network: an image whose first pixel holds a place shows that place."""

    def __init__(self):
        super().__init__(random_checkpoint(settings=FeatureSettings(96, 72, GRID[1], GRID[0], 'area')))
        road = np.random.default_rng(0).normal(size=(170, 10, GRID[0] * GRID[1]))
        self.places = unit(road[:-2] + 2 * road[1:-1] + road[2:])
        self.rng = np.random.default_rng(1)

    def extract(self, images):
        views = [self.places[image[0, 0, 0]] + 0.15 * self.rng.normal(size=self.places[0].shape) for image in images]
        return unit(np.stack(views)).astype(np.float16)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def image_of(place):
    image = np.random.default_rng(5).integers(0, 255, (72, 96, 3), np.uint8)
    image[0, 0, 0] = place
    return image


@pytest.fixture(scope='module')
def extractor():
    return KnownFeatures()


@pytest.fixture
def road(tmp_path, extractor):
    """40 places 2 m apart, mapped by a camera that looks ahead."""
    return write(tmp_path / 'road.dvmap', extractor, {'front': (AHEAD, 0, None)})


def write(path, extractor, cameras):
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session('summer-1', 'summer') as session:
            for name, (mounting, first, mask) in cameras.items():
                session.camera(name, 96, 72, None, mounting, mask)
                for place in range(40):
                    view = extractor.extract([image_of(first + place)])[0]
                    if mask is not None:
                        view.reshape(10, *GRID)[:, 11:] = 0
                    session.add(view, name, place * SECOND, Pose.planar(2.0 * place, 0, 0), np.diag([0.01] * 6),
                                encode_jpeg(image_of(place)))
    return KeyframeMap.open(path, extractor.checkpoint.identity)


def robot(extractor, keyframes, config=LocalizerConfig(), **mountings):
    localizer = Localizer(extractor, keyframes, config)
    for name, mounting in mountings.items():
        localizer.use(Camera(name, base_T_camera=mounting))
    return localizer


def test_a_camera_that_looks_back_finds_a_robot_that_drives_the_other_way(extractor, road):
    localizer = robot(extractor, road, LocalizerConfig(min_probability=0.8), front=AHEAD, rear=BACK)
    for number, place in enumerate(range(30, 22, -1)):  # the front camera sees what nobody mapped
        front = localizer.process(image_of(140 + number), number * SECOND, 'front')
        rear = localizer.process(image_of(place), number * SECOND + 1000, 'rear')
        assert not front.accepted
    assert rear.accepted and np.allclose(rear.hypotheses[0].map_T_base.position[:2], (46, 0), atol=1)
    assert np.isclose(abs(rear.hypotheses[0].map_T_base.yaw), np.pi, atol=0.1)


def test_a_camera_that_sees_what_nobody_mapped_does_not_stop_the_other(extractor, road):
    localizer = robot(extractor, road, LocalizerConfig(min_probability=0.8), front=AHEAD, rear=BACK)
    for number in range(4):
        front = localizer.process(image_of(10 + number), number * SECOND, 'front')
        rear = localizer.process(image_of(140 + number), number * SECOND + 1000, 'rear')
        assert front.accepted and np.isclose(front.hypotheses[0].map_T_base.yaw, 0, atol=0.1)
        assert not rear.accepted


def test_two_mapped_cameras_confirm_each_other(extractor, tmp_path):
    both = write(tmp_path / 'both.dvmap', extractor, {'front': (AHEAD, 0, None), 'rear': (BACK, REAR, None)})
    localizer = robot(extractor, both, front=AHEAD, rear=BACK)
    for number in range(4):
        for name, first in (('front', 0), ('rear', REAR)):
            estimate = localizer.process(image_of(first + 10 + number), number * SECOND, name)
            assert estimate.accepted, (number, name, estimate.detail)
            best = estimate.hypotheses[0]
            assert np.allclose(best.map_T_base.position[:2], (20 + 2 * number, 0), atol=1.5)
            assert np.isclose(best.map_T_base.yaw, 0, atol=0.1)
            assert both.keyframes[best.keyframe].camera == name  # compared with what such a camera saw


def test_odometry_leads_a_belief_of_both(extractor, road):
    localizer = robot(extractor, road, front=AHEAD, rear=BACK)
    for number, place in enumerate((30, 29, 28)):  # it drives backwards through the map's direction
        odometry = Pose.planar(2.0 * number, 0, 0)
        localizer.process(image_of(place), number * SECOND, 'rear', odometry)
    prior = localizer.filter.predict(3 * SECOND, Pose.planar(6.0, 0, 0))
    likeliest = localizer.states.positions[prior.argmax()]
    assert abs(likeliest[0] - 54) <= 2


def test_masked_cells_count_nowhere(extractor, tmp_path):
    """Under the masks, query and keyframes are noise of their own; without them nothing else remains."""
    masked = write(tmp_path / 'masked.dvmap', extractor, {'front': (AHEAD, 0, mask_to_png(BONNET))})
    localizer = Localizer(extractor, masked, LocalizerConfig(use_filter=False))
    localizer.use(Camera('front', mask=BONNET))
    estimate = localizer.process(image_of(20), 0, 'front')
    assert estimate.accepted and abs(estimate.hypotheses[0].map_T_base.position[0] - 40) < 2
    image, cells = localizer.look(image_of(20), 'front')
    query = extractor.extract([image])[0]
    query[:, ~cells] = 0
    settings = extractor.checkpoint.contextual
    for place, score in enumerate(localizer.scorer.score(query)[:5]):
        stored = torch.from_numpy(np.array(masked.descriptors(place, place + 1)[0])).double()
        wanted = contextual_pair(torch.from_numpy(query[:, cells]).double(), stored[:, :11 * GRID[1]], settings)
        assert score == pytest.approx(float(wanted), abs=1e-5)


def test_a_mask_of_another_shape_is_said(extractor, road):
    localizer = Localizer(extractor, road)
    localizer.use(Camera('front', mask=np.ones((10, 96), bool)))
    estimate = localizer.process(image_of(20), 0, 'front')
    assert estimate.reject_reason == 'bad_image' and 'the mask is 96x10' in estimate.detail


LINK = AHEAD @ Pose.from_matrix(np.column_stack([BASE_R_OPTICAL, np.zeros(3)])).inverse  # x where the camera looks


def test_images_stamped_with_the_body_frame_are_found_upright_and_it_is_said(extractor, road):
    localizer = Localizer(extractor, road)
    localizer.use(Camera('front', base_T_camera=LINK, frame='camera_link'))
    estimate = localizer.process(image_of(20), 0, 'front')
    assert estimate.accepted and "frame 'camera_link'" in localizer.sights['front'].warning
    best = estimate.hypotheses[0].map_T_base
    np.testing.assert_allclose(best.position, (40, 0, 0), atol=1.5)
    assert best.distance(Pose(best.position, Pose.planar(0, 0, 0).quaternion))[1] < 0.1
    localizer.use(Camera('front', base_T_camera=LINK, convention='body'))
    assert localizer.process(image_of(21), SECOND, 'front').accepted and localizer.sights['front'].warning == ''


@pytest.mark.parametrize('mounting, convention', [(LINK, 'optical'), (Pose.planar(1400, 0, 0) @ AHEAD, 'auto')])
def test_no_pose_follows_from_a_mounting_that_cannot_be(extractor, road, mounting, convention):
    localizer = Localizer(extractor, road)
    localizer.use(Camera('front', base_T_camera=mounting, convention=convention))
    estimate = localizer.process(image_of(20), 0, 'front')
    assert not estimate.hypotheses and estimate.reject_reason == 'bad_image'
    assert estimate.detail == localizer.sights['front'].contradiction
    assert 'its mounting cannot be true' in localizer.sights['front'].warning


def drive(localizer, places, odometry=True, camera='front'):
    """Estimates of a robot that goes 2 m from place to place, ahead by its odometry."""
    return [localizer.process(image_of(place), (100 + number) * SECOND, camera,
                              Pose.planar(2.0 * number, 0, 0) if odometry else None)
            for number, place in enumerate(places)]


@pytest.mark.parametrize('degrees, side', [(90, 'left'), (-90, 'right'), (180, ''), (60, 'left')])
def test_a_mounting_turned_by_mistake_is_doubted_at_once_and_refused_when_the_robot_drives(extractor, road, degrees,
                                                                                           side):
    """The camera looks ahead, and its mounting says that it looks elsewhere: each pose alone could be true."""
    wrong = Pose.planar(0, 0, np.radians(degrees)) @ AHEAD
    localizer = robot(extractor, road, front=wrong)
    first, *between, last = drive(localizer, range(5, 25))
    withdrawn = [estimate for estimate in between if estimate.withdraws]
    assert len(withdrawn) == 1 and not withdrawn[0].accepted
    assert not last.accepted and last.reject_reason == 'bad_image' and not last.withdraws
    assert f'moves {abs(degrees)} degrees to the {side}' in last.detail and 'base_T_camera' in last.detail
    assert localizer.sights['front'].warning.startswith(last.detail)
    localizer.use(Camera('front', base_T_camera=AHEAD))  # mended
    assert all(estimate.accepted for estimate in drive(localizer, range(5, 25)))
    assert localizer.sights['front'].warning == ''


def test_a_mounting_turned_by_mistake_is_said_without_odometry(extractor, road):
    localizer = robot(extractor, road, front=Pose.planar(0, 0, np.pi / 2) @ AHEAD)
    assert localizer.sights['front'].warning == ''  # nothing follows from it yet
    drive(localizer, range(5, 15), odometry=False)
    said = localizer.sights['front'].warning
    assert 'looks 90 degrees to the left of the camera of the map' in said and 'odom_topic' in said
    localizer.reset()
    assert localizer.sights['front'].warning == ''


def test_a_camera_that_looks_back_is_believed_once_the_robot_drove(extractor, road):
    """On a robot that drives the mapped road the other way."""
    localizer = robot(extractor, road, front=BACK)
    estimates, doubts = [], []
    for number, place in enumerate(range(30, 10, -1)):
        odometry = Pose.planar(2.0 * number, 0, 0)
        estimates.append(localizer.process(image_of(place), number * SECOND, 'front', odometry))
        doubts.append(localizer.sights['front'].warning)
    for place, estimate in zip(range(30, 10, -1), estimates):
        assert estimate.accepted
        metres, radians = estimate.hypotheses[0].map_T_base.distance(Pose.planar(2.0 * place + 1, 0, np.pi))
        assert metres < 2 and radians < 0.2
    assert '180 degrees' in doubts[0] and doubts[-1] == ''


def test_a_camera_that_looks_back_and_is_not_described_is_refused_when_the_robot_drives(extractor, road):
    localizer = robot(extractor, road, front=None)
    estimates = drive(localizer, range(30, 10, -1))
    assert sum(estimate.withdraws for estimate in estimates) == 1
    assert not estimates[-1].accepted and 'taken for that of the map' in estimates[-1].detail
    localizer.reset()
    assert localizer.process(image_of(20), 200 * SECOND, 'front').accepted


def test_driving_backwards_contradicts_no_mounting(extractor, road):
    localizer = robot(extractor, road, front=AHEAD)
    for number, place in enumerate(range(30, 10, -1)):
        odometry = Pose.planar(-2.0 * number, 0, 0)
        assert localizer.process(image_of(place), number * SECOND, 'front', odometry).accepted
    assert localizer.sights['front'].warning == ''


def test_a_mounting_that_becomes_known_late(extractor, road):
    localizer = robot(extractor, road, front=None)
    assert localizer.process(image_of(20), 0, 'front').accepted
    before = localizer.filter
    localizer.use(Camera('front', base_T_camera=AHEAD))
    assert localizer.filter is before  # as it was taken to be
    localizer.use(Camera('front', base_T_camera=Pose(AHEAD.position + (1.5, 0, 0), AHEAD.quaternion)))
    assert abs(localizer.process(image_of(20), SECOND, 'front').hypotheses[0].map_T_base.position[0] - 38.5) < 1


def test_late_frames_do_not_undo_what_the_others_found(extractor, road):
    localizer = robot(extractor, road, front=AHEAD, side=AHEAD)
    for number in range(3):
        assert localizer.process(image_of(10 + number), (10 + number) * SECOND, 'front').accepted
        late = localizer.process(image_of(10), (8 + number) * SECOND, 'side')
        assert late.reject_reason == 'bad_image' and '2.0 s older than those of other cameras' in late.detail
    near = localizer.process(image_of(12), 12 * SECOND - SECOND // 5, 'side')  # within what links take
    assert near.accepted


def test_clocks_that_go_back_are_no_latecomers():
    arrivals = Arrivals(0.5)
    for stamp in (100, 101):
        assert [arrivals.lateness_ns(name, stamp * SECOND) for name in ('front', 'rear')] == [0, 0]
    assert arrivals.lateness_ns('front', 5 * SECOND) == 0  # a bag plays again
    assert arrivals.lateness_ns('rear', 5 * SECOND) == 0
    assert arrivals.lateness_ns('rear', 7 * SECOND) == 0
    assert arrivals.lateness_ns('front', 6 * SECOND) == SECOND
