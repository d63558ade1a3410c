"""Drives that are replayed from kept features are answered as the localizer answers their images."""

import numpy as np
import pytest

from dejavu_ros.evaluation.replay import Recording, ReplayMap, Store, judged
from dejavu_ros.geometry import Pose
from dejavu_ros.images import encode_png, load_image
from dejavu_ros.localization import Localizer, LocalizerConfig
from dejavu_ros.localization.observation import Calibration
from dejavu_ros.nn.checkpoint import random_checkpoint
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings

SECOND, PLACES, SPACING = 10**9, 12, 4.0


class Counting(FeatureExtractor):
    """An untrained network that counts the images it is given."""

    files = 0

    def extract_files(self, paths):
        self.files += len(paths)
        return super().extract_files(paths)


def drive(folder, name, noise, steps):
    """Images of places ``steps``, each a pattern of its own."""
    folder = folder / name.replace(' ', '_')
    folder.mkdir()
    rng, images = np.random.default_rng(len(name)), []
    for index, place in enumerate(steps):
        pattern = np.random.default_rng(place).integers(0, 200, (6, 8, 3)).repeat(8, 0).repeat(8, 1)
        images.append(folder / f'{index:03d}.png')
        images[-1].write_bytes(encode_png((pattern + rng.integers(0, noise + 1, pattern.shape)).astype(np.uint8)))
    return Recording(name, images, [index * SECOND for index in range(len(images))],
                     [Pose.planar(SPACING * place, 0, 0) for place in steps])


@pytest.fixture
def extractor():
    return Counting(random_checkpoint(settings=FeatureSettings(64, 48, 8, 6, 'area')))


@pytest.fixture
def made(tmp_path, extractor):
    mapped, queries = drive(tmp_path, 'road map', 0, range(PLACES)), drive(tmp_path, 'road again', 30, range(1, 9))
    store = Store(tmp_path / 'kept', extractor)
    (tmp_path / 'maps').mkdir()
    return ReplayMap(tmp_path / 'maps', store, mapped, np.arange(PLACES)), queries


def told(estimate):
    return (estimate.accepted, estimate.reject_reason,
            [(each.keyframe, round(each.probability, 4)) for each in estimate.hypotheses])


@pytest.mark.parametrize('use_filter', [True, False])
def test_a_replay_is_what_the_localizer_says_of_the_images(made, extractor, use_filter):
    replayed, queries = made
    localizer = Localizer(extractor, replayed.map, LocalizerConfig(use_filter=use_filter))
    live = [localizer.process(load_image(path), stamp) for path, stamp in zip(queries.images, queries.stamps_ns)]
    for _ in range(2):  # the second time from what was kept of the first
        answers = replayed.replay(queries, use_filter)
        assert list(map(told, answers)) == list(map(told, live))
    assert len(judged(answers, queries)) == len(queries) and queries.family == 'road'


def test_each_image_is_computed_once_whatever_is_asked_of_it(made, extractor, tmp_path):
    replayed, queries = made
    strict = Calibration(offset=-90.0)
    assert any(estimate.hypotheses[0].probability > 0.01 for estimate in replayed.replay(queries, False))
    assert all(estimate.hypotheses[0].probability < 0.01
               for estimate in replayed.replay(queries, False, calibration=strict))
    assert replayed.frames_until_pose(queries, True, False, 4, strict) == [8, 4]  # the drive's end counts
    assert extractor.files == PLACES + len(queries)
    Store(tmp_path / 'kept', extractor).scores(queries, replayed.recording)
    assert extractor.files == PLACES + len(queries)
