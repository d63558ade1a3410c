"""What robots do to the node: it lives on, and says what is wrong."""

import errno
import multiprocessing
import os
import shutil
import time

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
messages = pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from dejavu_ros import files  # noqa: E402
from dejavu_ros.geometry import Pose  # noqa: E402
from dejavu_ros.images import encode_jpeg  # noqa: E402
from dejavu_ros.keyframes import KeyframeMap, MapWriter  # noqa: E402
from dejavu_ros.nn.checkpoint import random_checkpoint  # noqa: E402
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings  # noqa: E402
from dejavu_ros.ros.alone import TOPICS, nodes_alone  # noqa: E402
from dejavu_ros.ros.conversions import image_to_message  # noqa: E402
from dejavu_ros.ros.node import RelocalizeNode  # noqa: E402

HypothesisArray = messages.HypothesisArray
SECOND = 10**9


# with a localizer that reads its answer off the image


def test_a_camera_driver_that_restarts_is_heard_again(bench):
    running = bench()
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    for number in range(1, 4):
        # a new publisher, another message of the same second, and a clock that begins anew
        running.show(50, SECOND // number)
        running.until(lambda: len(hypotheses) == number, f'the answer after {number - 1} restarts')
        running.user.destroy_publisher(running.cameras.pop('image'))
        running.until(lambda: not running.node.count_publishers('image'), 'the driver to be gone')
    assert all(answer.accepted for answer in hypotheses) and not running.node.statistics.failed


def burn(end):
    while time.monotonic() < end:
        pass


@pytest.mark.timeout(180)
def test_a_machine_busy_with_other_things_delays_answers_and_nothing_else(bench):
    running = bench(max_rate=1000)
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    end = time.monotonic() + 4
    others = [multiprocessing.get_context('fork').Process(target=burn, args=(end,), daemon=True)
              for _ in range(3 * os.cpu_count())]
    for process in others:
        process.start()
    number = 0
    while time.monotonic() < end:
        number += 1
        running.show(50, number * SECOND)
        running.idle(1 / 30)
    for process in others:
        process.join(20)
    running.show(60, (number + 1) * SECOND)
    running.until(lambda: hypotheses and hypotheses[-1].header.stamp.sec == number + 1, 'the last frame')
    stamps = [answer.header.stamp.sec for answer in hypotheses]
    assert len(stamps) > 1 and stamps == sorted(set(stamps)), 'in their order, none twice'
    statistics, cameras = running.node.statistics, running.node.cameras
    received = sum(camera.watch.received for camera in cameras.inputs.values())
    assert statistics.processed + sum(cameras.worker.dropped.values()) <= received and not statistics.failed


def test_a_gpu_that_fails_is_in_the_diagnostics(bench):
    running = bench()
    running.activate()
    heard = running.hear(DiagnosticArray, '/diagnostics')
    running.node.localizer.extractor.problem = 'cuda:0 failed and the CPU computes instead: CUDA out of memory.'
    running.show(50, SECOND)
    running.until(lambda: heard and 'CPU computes instead' in heard[-1].status[0].message, 'the warning')
    assert heard[-1].status[0].message.startswith('Localized. But cuda:0 failed')


def test_a_disk_that_is_full_costs_no_answer(bench, tmp_path, monkeypatch):
    running = bench(rejected_frames=str(tmp_path / 'ring'))
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')

    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, 'sync', full)
    running.show(5, SECOND)
    running.until(lambda: 'No space left' in running.node.problem, 'the problem')
    assert len(hypotheses) == 1 and not hypotheses[0].accepted
    running.show(50, 2 * SECOND)
    running.until(lambda: len(hypotheses) == 2, 'the next answer')
    assert hypotheses[1].accepted and not list((tmp_path / 'ring').iterdir())


# with the real one

SETTINGS = FeatureSettings(input_width=128, input_height=96, grid_width=16, grid_height=12)


@pytest.fixture(scope='module')
def images():
    generator = np.random.default_rng(1)
    return [generator.integers(0, 256, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(4)]


@pytest.fixture(scope='module')
def extractor():
    return FeatureExtractor(random_checkpoint(settings=SETTINGS))


def write(path, extractor, images, session='summer', first_x=0.0):
    make = MapWriter.append if path.exists() else MapWriter.create
    with make(path, extractor.record, extractor.checkpoint.identity) as writer, writer.session(session, '') as rows:
        for number, (image, grid) in enumerate(zip(images, extractor.extract(images))):
            rows.add(grid, 'camera', number, Pose.planar(first_x + 20.0 * number, 0, 0), 0.01 * np.eye(6),
                     encode_jpeg(image))
    return path


@pytest.fixture
def start(context, extractor):
    """``start(map, name)`` makes an active node that nobody spins."""
    nodes = []

    def make(path, name='robot'):
        values = {'map': str(path), 'autostart': True, **TOPICS}
        nodes.append(RelocalizeNode(
            load_extractor=lambda *settings: extractor, context=context, namespace=name,
            parameter_overrides=[Parameter(key, value=value) for key, value in values.items()]))
        return nodes[-1]

    yield make
    for node in nodes:
        node.stop()
        node.destroy_node()


def place(node, image, second):
    """x of the place that a frame shows, long after the one before."""
    return node.localizer.process(image, 100 * second * SECOND).hypotheses[0].map_T_base.position[0]


def reload(node):
    return node.on_reload_map(Trigger.Request(), Trigger.Response())


def test_a_map_that_is_deleted_stays_in_use_until_there_is_another(start, extractor, images, tmp_path):
    path = write(tmp_path / 'M.dvmap', extractor, images)
    node = start(path)
    shutil.rmtree(path)
    assert place(node, images[2], 1) == pytest.approx(40, abs=0.5)
    answer = reload(node)
    assert not answer.success and 'no keyframe map' in answer.message and 'stays as it was' in answer.message
    assert place(node, images[1], 2) == pytest.approx(20, abs=0.5)
    assert node.localizer.map.thumbnail(1).startswith(b'\xff\xd8')


def test_a_map_that_is_swapped_is_taken_up_when_asked(start, extractor, images, tmp_path):
    path = write(tmp_path / 'M.dvmap', extractor, images)
    node = start(path)
    other = write(tmp_path / 'other.dvmap', extractor, images[::-1])
    path.rename(tmp_path / 'old.dvmap')
    other.rename(path)
    assert place(node, images[3], 1) == pytest.approx(60, abs=0.5)
    assert reload(node).success
    assert place(node, images[3], 2) == pytest.approx(0, abs=0.5)


def test_two_nodes_and_a_mapper_on_one_map(start, extractor, images, tmp_path):
    path = write(tmp_path / 'M.dvmap', extractor, images[:2])
    nodes = [start(path, name) for name in ('one', 'two')]
    with MapWriter.append(path, extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session('autumn', '') as rows:
            for number, grid in enumerate(extractor.extract(images[2:])):
                rows.add(grid, 'camera', number, Pose.planar(200.0 + number, 0, 0), np.eye(6), encode_jpeg(images[0]))
            for node in nodes:  # while it is being written
                assert place(node, images[1], 1) == pytest.approx(20, abs=0.5)
                assert reload(node).success and len(node.localizer.map) == 2
    assert reload(nodes[0]).success
    assert [len(node.localizer.map) for node in nodes] == [4, 2]
    assert place(nodes[0], images[3], 2) == pytest.approx(201, abs=1.5)
    assert place(nodes[1], images[0], 2) == pytest.approx(0, abs=0.5)
    with KeyframeMap.open(path) as keyframes:
        assert keyframes.revision == 2


@pytest.mark.parametrize('size', [(2**32 - 1, 48), (65535, 65535), (8000, 8000)])
def test_a_camera_that_claims_any_size_does_not_fill_the_memory(extractor, images, tmp_path, size):
    path = tmp_path / 'M.dvmap'
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer, \
            writer.session('summer', '') as rows:
        K = [100.0, 0.0, 63.5, 0.0, 100.0, 47.5, 0.0, 0.0, 1.0]
        rows.camera('camera', 128, 96, {'width': 128, 'height': 96, 'K': K, 'D': [0.0] * 5, 'model': 'plumb_bob'})
        rows.add(extractor.extract(images[:1])[0], 'camera', 1, Pose.planar(0, 0, 0), np.eye(6), encode_jpeg(images[0]))
    with nodes_alone(extractor, path) as handle:
        assert handle(CameraInfo(width=size[0], height=size[1], distortion_model='plumb_bob', k=np.array(K),
                                 d=[0.0] * 5)) == ''
        assert handle(image_to_message(images[0], SECOND, 'camera')) == ''
