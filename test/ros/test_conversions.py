"""What goes into a message comes out of it."""

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402

from dejavu_ros.errors import ConfigError, DataError  # noqa: E402
from dejavu_ros.geometry import Pose  # noqa: E402
from dejavu_ros.localization import Estimate, Hypothesis  # noqa: E402
from dejavu_ros.ros import conversions  # noqa: E402
from dejavu_ros.optics.lens import Lens  # noqa: E402

POSE = Pose.make((1.0, -2.0, 3.5), (0.1, -0.2, 0.3, 0.9))
COVARIANCE = np.arange(36.0).reshape(6, 6)


def sent(message):
    """Through the serialization of DDS."""
    return deserialize_message(serialize_message(message), type(message))


def same(a, b):
    return np.allclose(a.position, b.position) and np.allclose(a.quaternion, b.quaternion)


@pytest.mark.parametrize('stamp_ns', [0, 1, 10**9 - 1, 1_763_700_000_123_456_789])
def test_stamp(stamp_ns):
    assert conversions.stamp_from_message(sent(conversions.stamp_to_message(stamp_ns))) == stamp_ns


def test_header():
    message = sent(conversions.header_to_message(5 * 10**9 + 7, 'map'))
    assert conversions.header_from_message(message) == (5 * 10**9 + 7, 'map')


@pytest.mark.parametrize('name', ['pose', 'transform'])
def test_pose_and_transform(name):
    there, back = getattr(conversions, f'{name}_to_message'), getattr(conversions, f'{name}_from_message')
    assert same(back(sent(there(POSE))), POSE)


@pytest.mark.parametrize('bad', [Pose(np.array([np.nan, 0, 0]), np.array([0, 0, 0, 1.0])),
                                 Pose(np.zeros(3), np.zeros(4))])
@pytest.mark.parametrize('name', ['pose', 'transform'])
def test_what_is_no_pose_is_refused(name, bad):
    message = getattr(conversions, f'{name}_to_message')(bad)
    with pytest.raises(DataError):
        getattr(conversions, f'{name}_from_message')(message)


def test_uncertain_pose_keeps_rows_and_columns():
    message = sent(conversions.uncertain_pose_to_message(POSE, COVARIANCE))
    assert message.covariance[1] == COVARIANCE[0, 1] == 1.0
    pose, covariance = conversions.uncertain_pose_from_message(message)
    assert same(pose, POSE) and np.array_equal(covariance, COVARIANCE)


@pytest.mark.parametrize('accepted, reason, count', [(True, '', 2), (False, 'ambiguous', 2), (False, 'bad_image', 0)])
def test_estimate(accepted, reason, count):
    hypotheses = [Hypothesis(k, 'winter', 'snow', 0.25, 0.5, 17, POSE, COVARIANCE) for k in range(count)]
    estimate = Estimate(3 * 10**9 + 1, accepted, reason, hypotheses, 12.5, 'words')
    message = sent(conversions.estimate_to_message(estimate, 'map'))
    assert message.header.frame_id == 'map'
    found = conversions.estimate_from_message(message)
    assert (found.stamp_ns, found.accepted, found.reject_reason) == (3 * 10**9 + 1, accepted, reason)
    assert found.latency_ms == pytest.approx(12.5)
    assert len(found.hypotheses) == count
    for a, b in zip(found.hypotheses, hypotheses):
        assert (a.keyframe, a.session, a.condition, a.inliers) == (b.keyframe, b.session, b.condition, b.inliers)
        assert (a.similarity, a.probability) == (b.similarity, b.probability)
        assert same(a.map_T_base, b.map_T_base) and np.array_equal(a.covariance, b.covariance)


def test_lens():
    lens = Lens(640, 480, (500.0, 0.0, 319.5, 0.0, 501.0, 239.5, 0.0, 0.0, 1.0), (0.1, -0.2, 0.0, 0.01), 'plumb_bob')
    message = sent(conversions.lens_to_message(lens, 1, 'optical'))
    assert message.header.frame_id == 'optical' and conversions.lens_from_message(message) == lens
    with pytest.raises(ConfigError, match='not calibrated'):
        conversions.lens_from_message(CameraInfo())


def test_rectified_images_have_the_lens_that_p_says():
    raw = Lens(64, 48, (50.0, 0, 32, 0, 50.0, 24, 0, 0, 1), (0.1, 0, 0, 0), 'plumb_bob')
    message = conversions.lens_to_message(raw, 1, 'optical')
    message.p = np.array([40.0, 0, 32, -8, 0, 40, 24, 0, 0, 0, 1, 0])
    assert conversions.lens_from_message(message, '/right/image_rect') == Lens(
        64, 48, (40.0, 0, 32, 0, 40.0, 24, 0, 0, 1), (), '')
    assert conversions.lens_from_message(message, '/right/image_raw').K[0] == 50


def test_numpy_scalars_are_taken():
    hypothesis = Hypothesis(np.int64(1), 's', 'c', np.float32(0.5), np.float64(0.5), np.int64(3), POSE, COVARIANCE)
    message = sent(conversions.estimate_to_message(Estimate(0, np.bool_(True), '', [hypothesis], 1.0), 'map'))
    assert message.accepted and message.hypotheses[0].inliers == 3


@pytest.mark.parametrize('shape', [(24, 32, 3), (3, 5, 3)])
def test_image(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)[:, ::-1]  # not contiguous
    message = sent(conversions.image_to_message(image, 9, 'camera'))
    assert (message.height, message.width, message.encoding) == (shape[0], shape[1], 'rgb8')
    assert np.array_equal(conversions.image_from_message(message), image)
