"""Several cameras on one robot: each on its own terms, and none stops the others."""

import time
import types

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402

from dejavu_ros.errors import ConfigError  # noqa: E402
from dejavu_ros.images import encode_jpeg  # noqa: E402
from dejavu_ros.msg import HypothesisArray  # noqa: E402
from dejavu_ros.optics.mask import mask_to_png  # noqa: E402
from dejavu_ros.ros.watch import Watch  # noqa: E402

SECOND = 10**9
MOUNTING = '2 0 0 -0.5 0.5 -0.5 0.5'
TWO = dict(cameras=['front', 'rear'])


def says(heard, name):
    """Message of the newest diagnostics under a name; empty while there is none."""
    return next((status.message for array in reversed(heard) for status in array.status if status.name == name), '')


def test_two_cameras_answer_under_their_names(bench):
    running = bench(**TWO, rear__image_topic='back/compressed', rear__transport='compressed')
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    running.show(50, SECOND, topic='front/image')
    running.until(lambda: len(hypotheses) == 1)
    jpeg = encode_jpeg(np.full((24, 32, 3), 60, np.uint8))
    running.connect('back/compressed', CompressedImage).publish(CompressedImage(format='jpeg', data=jpeg))
    running.until(lambda: len(hypotheses) == 2)
    assert [m.camera for m in hypotheses] == ['front', 'rear']
    assert [round(m.hypotheses[0].pose.pose.position.x) for m in hypotheses] == [50, 60]


def test_each_is_described_by_its_parameters_and_its_camera_info(bench, tmp_path):
    mask = np.ones((24, 32), bool)
    mask[20:] = False
    (tmp_path / 'bonnet.png').write_bytes(mask_to_png(mask))
    running = bench(**TWO, front__base_T_camera=MOUNTING, front__mask=str(tmp_path / 'bonnet.png'),
                    rear__camera_info_topic='rear/camera_info')
    running.activate()
    info = CameraInfo(width=32, height=24, distortion_model='plumb_bob', k=[20.0, 0, 15.5, 0, 20.0, 11.5, 0, 0, 1])
    running.connect('rear/camera_info', CameraInfo).publish(info)
    running.until(lambda: running.node.cameras.inputs['rear'].known.lens)
    for number, name in enumerate(('front', 'rear'), 1):
        running.show(50, number, topic=f'{name}/image')
        running.until(lambda: running.node.statistics.processed == number)
    front, rear = (running.node.localizer.cameras[name] for name in ('front', 'rear'))
    assert front.base_T_camera.position.tolist() == [2, 0, 0] and front.lens is None
    np.testing.assert_array_equal(front.mask, mask)
    assert rear.base_T_camera is None and rear.mask is None and rear.lens.K[0] == 20


def test_another_map_is_told_of_the_cameras(bench):
    running = bench(map='street.dvmap', base_T_camera=MOUNTING)
    running.activate()
    for number, name in enumerate(('street.dvmap', 'yard.dvmap'), 1):
        assert running.set(map=name).successful
        running.show(50, number)
        running.until(lambda: running.node.statistics.processed == number)
        assert running.node.localizer.cameras['camera'].base_T_camera.position[0] == 2


def test_uncalibrated_camera_info_is_said_and_the_picture_used(bench):
    running = bench(camera_info_topic='camera_info')
    running.activate()
    heard = running.hear(DiagnosticArray, '/diagnostics')
    running.connect('camera_info', CameraInfo).publish(CameraInfo(width=32, height=24))
    running.show(50, 1)
    running.until(lambda: 'not calibrated' in says(heard, '/relocalize: camera camera'))
    assert running.node.localizer.cameras['camera'].lens is None
    running.until(lambda: 'Localized. But camera_info is not used' in says(heard, '/relocalize: relocalization'))


def test_camera_info_of_the_sensor_is_brought_to_the_pictures(bench):
    running = bench(camera_info_topic='camera_info')
    running.activate()
    heard = running.hear(DiagnosticArray, '/diagnostics')
    K = [40.0, 0, 31.5, 0, 40.0, 23.5, 0, 0, 1]
    publisher = running.connect('camera_info', CameraInfo)
    for number, (height, known) in enumerate(((48, True), (40, False)), 1):  # pictures are 32x24
        publisher.publish(CameraInfo(width=64, height=height, distortion_model='plumb_bob', k=K))
        running.until(lambda: getattr(running.node.cameras.inputs['camera']._info, 'height', 0) == height)
        running.show(50, number)
        running.until(lambda: running.node.statistics.processed == number)
        lens = running.node.localizer.cameras['camera'].lens
        assert (lens is not None) == known
        if known:
            assert (lens.width, lens.height, lens.K[0], lens.K[2]) == (32, 24, 20.0, 15.5)
    running.until(lambda: 'calibrated for pictures of 64x40, and pictures of 32x24' in
                  says(heard, '/relocalize: camera camera'))
    assert running.node.statistics.accepted == 2


def test_a_frame_that_is_not_the_optical_one_is_said(bench, monkeypatch):
    running = bench(base_T_camera=MOUNTING, camera_frame_convention='body')
    running.activate()
    said = []
    monkeypatch.setattr(running.node.get_logger(), 'warning', lambda text, **_: said.append(text))
    heard = running.hear(DiagnosticArray, '/diagnostics')
    localizer = running.node.localizer
    use, localizer.use = localizer.use, lambda camera: (use(camera), localizer.sights.update(
        camera=types.SimpleNamespace(warning='it is no optical frame.')))
    for number in (1, 2):
        running.show(50, number)
        running.until(lambda: running.node.statistics.processed == number)
    assert localizer.cameras['camera'].convention == 'body'
    running.until(lambda: 'Localized. But it is no optical frame.' in says(heard, '/relocalize: relocalization'))
    assert sum('it is no optical frame.' in text for text in said) == 1


def test_a_mask_that_is_none_is_refused(bench):
    running = bench(mask='missing.png')
    assert not running.change('configure') and 'missing.png' in running.node.problem
    assert running.set(mask='').successful and running.change('configure')


@pytest.mark.parametrize('names', [['front', 'front'], ['map'], ['localizer'], ['a b'], ['a.b']])
def test_names_that_cannot_be(bench, names):
    with pytest.raises(ConfigError, match='cameras: '):
        bench(cameras=names)


def test_rates_and_live_changes(bench):
    running = bench(**TWO, max_rate=0.0, rear__max_rate=100.0)
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    for name in ('front', 'rear'):
        running.show(50, 1, topic=f'{name}/image')
    running.until(lambda: hypotheses)
    running.idle(0.2)
    assert [m.camera for m in hypotheses] == ['rear']
    assert running.set(front__max_rate=50.0).successful
    running.until(lambda: len(hypotheses) == 2)
    assert hypotheses[1].camera == 'front'
    assert 'front.image_topic cannot change' in running.set(front__image_topic='other').reason
    assert 'read-only' in running.set(cameras=['front']).reason


def test_a_missing_camera_is_reported_and_does_not_stop_the_other(bench):
    running = bench(**TWO)
    running.activate()
    heard = running.hear(DiagnosticArray, '/diagnostics')
    rear = running.node.cameras.inputs['rear']
    rear.watch = Watch(lambda: running.node.cameras.inputs['front'].watch._clock() + 0.0)
    rear.watch.started -= 60
    running.until(lambda: says(heard, '/relocalize: camera front') == 'No image has come yet.')
    running.show(50, time.time_ns(), topic='front/image')
    running.until(lambda: 'no image on /rear/image for 6' in says(heard, '/relocalize: camera rear'))
    running.until(lambda: 'Localized. But camera rear: no image' in says(heard, '/relocalize: relocalization'))
    assert '?.' not in says(heard, '/relocalize: relocalization')
    assert says(heard, '/relocalize: camera front') == 'It sends.'


def test_a_camera_that_breaks_does_not_stop_the_other(bench):
    running = bench(**TWO)
    running.activate()
    hypotheses = running.hear(HypothesisArray, '/relocalize/hypotheses')
    running.connect('rear/image').publish(Image(height=9, width=9, encoding='nonsense'))
    running.until(lambda: len(hypotheses) == 1)
    running.show(50, 1, topic='front/image')
    running.until(lambda: len(hypotheses) == 2)
    assert [(m.camera, m.reject_reason) for m in hypotheses] == [('rear', 'bad_image'), ('front', '')]


def test_the_same_picture_again_and_again():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    clock = Clock()
    watch = Watch(clock)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, 640 * 480 * 3, np.uint8)
    for _ in range(30):  # a sensor's noise is enough
        clock.now += 0.2
        watch.count(np.clip(picture + rng.integers(0, 2, picture.shape), 0, 255).astype(np.uint8))
    assert watch.problem('/front') == '' and watch.repeated == 0
    for _ in range(30):
        clock.now += 0.2
        watch.count(picture)
    assert 'the same picture on /front for 6 s: is the camera frozen?' in watch.problem('/front')
    assert watch.repeated == 29 and watch.rate == pytest.approx(5, abs=0.3)
    clock.now += 6
    assert 'no image on /front for 6 s' in watch.problem('/front')


def test_rejected_frames_of_each_camera_have_a_folder(bench, tmp_path):
    running = bench(**TWO, rejected_frames=str(tmp_path))
    running.activate()
    for name in ('front', 'rear'):
        running.show(5, SECOND, topic=f'{name}/image')
        running.until(lambda: list((tmp_path / name).glob('*_unknown_place.jpg')))


def test_parameters_from_the_command_line(bench):
    running = bench(cli_args=['--ros-args', '-p', 'cameras:=[front, rear]', '-p', 'front.max_rate:=3.0',
                              '-p', 'transport:=compressed'])
    assert running.node.config.cameras == ('front', 'rear')
    assert running.node.get_parameter('front.max_rate').type_ == Parameter.Type.DOUBLE
    assert running.node.parameters.configs['front'].max_rate == 3.0
    assert running.node.parameters.configs['rear'].transport == 'compressed'
