"""The node with nothing replaced: a checkpoint file, a map on the disk, the localizer."""

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')
messages = pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from dejavu_ros.geometry import Pose  # noqa: E402
from dejavu_ros.images import encode_jpeg, resize  # noqa: E402
from dejavu_ros.keyframes import MapWriter  # noqa: E402
from dejavu_ros.nn.checkpoint import (  # noqa: E402
    default_checkpoint_path, load_checkpoint, random_checkpoint, save_checkpoint)
from dejavu_ros.nn.features import FeatureExtractor, FeatureSettings  # noqa: E402
from dejavu_ros.ros.conversions import image_from_message, image_to_message  # noqa: E402
from dejavu_ros.ros.node import RelocalizeNode  # noqa: E402

PLACES = 6
SETTINGS = FeatureSettings(input_width=128, input_height=96, grid_width=16, grid_height=12)


@pytest.fixture(scope='module')
def images():
    """Coarse random patterns, one a place."""
    generator = np.random.default_rng(1)
    return [generator.integers(0, 256, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(PLACES)]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('checkpoint') / 'small.pt'
    made = random_checkpoint(settings=SETTINGS)
    save_checkpoint(path, made.network, made.settings, made.contextual)
    return path


@pytest.fixture(scope='module')
def street(tmp_path_factory, checkpoint, images):
    return write_map(tmp_path_factory.mktemp('maps') / 'street.dvmap', checkpoint, images)


def write_map(path, checkpoint, images):
    extractor = FeatureExtractor(load_checkpoint(checkpoint))
    with MapWriter.create(path, extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session('summer', 'sun') as session:
            for number, (image, descriptors) in enumerate(zip(images, extractor.extract(images))):
                session.add(descriptors, 'camera', number, Pose.planar(20.0 * number, 0, 0), 0.01 * np.eye(6),
                            encode_jpeg(image))
    return path


@pytest.fixture
def node(context, checkpoint, street):
    node = RelocalizeNode(context=context, parameter_overrides=[
        Parameter('checkpoint', value=str(checkpoint)), Parameter('map', value=str(street)),
        Parameter('autostart', value=True)])
    yield node
    node.stop()
    node.destroy_node()


def test_hypotheses_name_the_place_that_is_shown(context, node, images):
    user = Node('user', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    executor.add_node(user)
    heard, pictures = [], []
    user.create_subscription(messages.HypothesisArray, '/relocalize/hypotheses', heard.append, 10)
    user.create_subscription(Image, '/relocalize/debug_image', pictures.append, 10)
    camera = user.create_publisher(Image, 'image', 10)

    def until(condition):
        for _ in range(1000):
            if condition():
                return True
            executor.spin_once(timeout_sec=0.02)
        return False

    assert until(lambda: camera.get_subscription_count() and node.outputs.hypotheses.get_subscription_count()
                 and node.outputs.debug_image.get_subscription_count())
    for number, place in enumerate((4, 1)):
        # so late that the filter has forgotten the frame before
        camera.publish(image_to_message(images[place], 10**9 * (100 * number + 1), 'camera'))
        assert until(lambda: len(heard) > number and len(pictures) > number), node.problem
        thumbnail = image_from_message(pictures[number])[:240, 320:]
        assert np.abs(thumbnail.astype(int) - resize(images[place], 320, 240)).mean() < 12, 'the keyframe is shown'
        best = heard[number].hypotheses[0]
        assert (best.keyframe, best.session, best.condition) == (place, 'summer', 'sun')
        assert best.pose.pose.position.x == pytest.approx(20.0 * place, abs=1e-3)
        assert heard[number].map == 'street' and heard[number].map_revision == 1
    black = image_to_message(np.zeros((96, 128, 3), np.uint8), 10**12, 'camera')
    camera.publish(black)
    assert until(lambda: len(heard) == 3)
    assert heard[2].reject_reason == 'bad_image' and not heard[2].accepted
    executor.shutdown()
    user.destroy_node()


def test_map_of_another_checkpoint_is_refused(node, tmp_path, images):
    other = tmp_path / 'other.pt'
    made = random_checkpoint(seed=5, settings=SETTINGS)
    save_checkpoint(other, made.network, made.settings, made.contextual)
    foreign = write_map(tmp_path / 'foreign.dvmap', other, images[:1])
    before = node.localizer
    result = node.set_parameters([Parameter('map', value=str(foreign))])[0]
    assert not result.successful and 'was made with checkpoint' in result.reason
    assert node.localizer is before and node.config.map.endswith('street.dvmap')


def test_each_map_is_used_with_its_own_checkpoint(context, street, tmp_path, images):
    other = tmp_path / 'other.pt'
    made = random_checkpoint(seed=5, settings=SETTINGS)
    save_checkpoint(other, made.network, made.settings, made.contextual)
    foreign = write_map(tmp_path / 'foreign.dvmap', other, images[:2])
    node = RelocalizeNode(context=context, parameter_overrides=[
        Parameter('map', value=str(foreign)), Parameter('autostart', value=True)])
    try:
        assert node.localizer.extractor.checkpoint.identity == load_checkpoint(other).identity, node.problem
        before = node.localizer
        result = node.set_parameters([Parameter('map', value=str(street))])[0]  # its checkpoint is elsewhere
        assert not result.successful and '--checkpoint' in result.reason and node.localizer is before
        third = write_map(tmp_path / 'third.dvmap', default_checkpoint_path(), images[:2])
        result = node.set_parameters([Parameter('map', value=str(third))])[0]
        assert result.successful, result.reason
        assert node.localizer.extractor.checkpoint.identity == load_checkpoint().identity
    finally:
        node.stop()
        node.destroy_node()


def test_damaged_map_is_refused(node, tmp_path):
    broken = tmp_path / 'broken.dvmap'
    broken.mkdir()
    (broken / 'map.sqlite').write_bytes(b'no database')
    result = node.set_parameters([Parameter('map', value=str(broken))])[0]
    assert not result.successful and 'broken.dvmap' in result.reason


def test_new_revision_is_taken_up(node, street, checkpoint, images):
    extractor = FeatureExtractor(load_checkpoint(checkpoint))
    before = node.localizer.map.revision
    with MapWriter.append(street, extractor.record, extractor.checkpoint.identity) as writer:
        with writer.session('autumn', 'rain') as session:
            session.add(extractor.extract(images[:1])[0], 'camera', 1, Pose.planar(0, 0, 0), np.eye(6),
                        encode_jpeg(images[0]))
    assert node.localizer.map.revision == before
    answer = node.on_reload_map(Trigger.Request(), Trigger.Response())
    assert answer.success, answer.message
    assert node.localizer.map.revision == before + 1 and len(node.localizer.map) == PLACES + 1
