"""Broken messages are of all kinds, the same ones again, and what they break is seen."""

import collections

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from dejavu_ros.bench.scenery import pictures  # noqa: E402
from dejavu_ros.localization import Localizer  # noqa: E402
from dejavu_ros.nn.checkpoint import random_checkpoint  # noqa: E402
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings  # noqa: E402
from dejavu_ros.ros.alone import nodes_alone  # noqa: E402
from dejavu_ros.ros.conversions import image_to_message  # noqa: E402
from dejavu_ros.ros.fuzzing import HEIGHT, WIDTH, draw_messages  # noqa: E402
from dejavu_ros.soak.scenery import write_map  # noqa: E402

COUNT = 200


@pytest.fixture(scope='module')
def images():
    return pictures(WIDTH, HEIGHT)


@pytest.fixture
def handle(tmp_path, images):
    extractor = FeatureExtractor(random_checkpoint(settings=FeatureSettings(32, 24, 8, 6, 'area')))
    write_map(tmp_path / 'm.dvmap', extractor, images)
    with nodes_alone(extractor, tmp_path / 'm.dvmap') as handle:
        yield handle


def test_messages_are_of_all_kinds_and_some_reach_the_localizer(handle, images, monkeypatch):
    reached = []
    process = Localizer.process
    monkeypatch.setattr(Localizer, 'process', lambda self, *arguments: reached.append(1) or process(self, *arguments))
    drawn = draw_messages(COUNT, 3, images)
    kinds = collections.Counter(kind for kind, _ in drawn)
    assert len(drawn) == COUNT and set(kinds) == {'Image', 'CompressedImage', 'CameraInfo', 'Odometry',
                                                   'PoseWithCovarianceStamped'}
    assert min(kinds.values()) > COUNT / 50
    assert [handle(message) for _, message in drawn] == [''] * COUNT
    assert len(reached) > COUNT / 20


def test_the_same_messages_again(images):
    first, second = (draw_messages(50, 7, images) for _ in range(2))
    assert str(first) == str(second) != str(draw_messages(50, 8, images))


def test_what_breaks_is_seen(handle, images, monkeypatch):
    def broken(self, *arguments):
        raise ZeroDivisionError('a mistake')

    whole = image_to_message(images[0], 10**9, 'camera')
    assert handle(whole) == ''
    monkeypatch.setattr(Localizer, 'process', broken)
    assert 'ZeroDivisionError: a mistake' in handle(whole)
    assert 'no subscription' in handle(np.zeros(1))
