"""The examination names what is wrong and what to do, and ends with 1 where something is."""

import time
import types

import numpy as np
import pytest

from dejavu_ros.cli import main
from dejavu_ros.doctor import files, machine
from dejavu_ros.doctor.finding import Level
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import MapWriter
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor

try:
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
    from nav_msgs.msg import Odometry
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    from dejavu_ros.doctor import robot
    from dejavu_ros.ros.conversions import image_to_message
    from dejavu_ros.ros.inspection import IMAGES, ODOMETRY, Inspector
except ImportError:
    Inspector = None


def write_map(path, identity):
    extractor = FeatureExtractor(load_checkpoint())
    with MapWriter.create(path, extractor.record, identity) as writer, writer.session('a', 'summer') as session:
        session.add(np.zeros((extractor.channels, np.prod(extractor.grid)), np.float16), 'camera', 0,
                    Pose.planar(0, 0, 0), np.eye(6), b'\xff\xd8')
    return path


def test_a_machine_that_runs_these_tests_is_well(capsys):
    assert main(['doctor']) == 0
    said = capsys.readouterr().out
    assert 'all that are needed' in said and 'PyTorch' in said and load_checkpoint().identity in said
    assert 'BAD' not in said


def test_ros_from_wheels_is_told_and_nobody_is_sent_to_apt(monkeypatch):
    pytest.importorskip('rclpy')
    monkeypatch.delenv('ROS_DISTRO', raising=False)
    monkeypatch.setattr(machine.importlib.metadata, 'distributions',
                        lambda: [types.SimpleNamespace(metadata={'Name': 'ros_humble_rclpy'})])
    monkeypatch.setattr(machine, 'importable', lambda name: name in ('rclpy', 'dejavu_ros.msg'))
    first, *others = machine.ros()
    assert first.text.startswith('humble from wheels')
    assert len(others) == 3 and all('there is no wheel of it' in other.advice for other in others)
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    monkeypatch.setattr(machine.importlib.metadata, 'distributions', lambda: [])
    first, *others = machine.ros()
    assert first.text.startswith('jazzy, ') and all('apt install ros-jazzy-' in other.advice for other in others)


def test_a_robot_that_nobody_can_listen_to_is_bad(monkeypatch, capsys):
    monkeypatch.setattr(machine, 'importable', lambda name: not name.startswith(('rclpy', 'dejavu_ros.ros')))
    assert main(['doctor', '--robot']) == 1
    assert 'BAD  robot         nobody can listen to it here' in capsys.readouterr().out


def test_a_map_of_another_checkpoint(tmp_path, capsys):
    write_map(tmp_path / 'good.dvmap', load_checkpoint().identity)
    assert main(['doctor', '--map', str(tmp_path / 'good')]) == 0
    assert '1 keyframes of 1 sessions (summer)' in capsys.readouterr().out
    write_map(tmp_path / 'other.dvmap', '0' * 12)
    assert main(['doctor', '--map', str(tmp_path / 'other')]) == 1
    assert 'made with checkpoint 000000000000' in capsys.readouterr().out


def test_damage_and_absence(tmp_path, capsys):
    path = write_map(tmp_path / 'cut.dvmap', load_checkpoint().identity)
    shard, = (path / 'descriptors').iterdir()
    shard.write_bytes(shard.read_bytes()[:-5])
    for words, message in ((['--map', str(path)], '1 defects'), (['--map', str(tmp_path / 'no')], 'no keyframe map'),
                           (['--checkpoint', str(tmp_path / 'no.pt')], 'no checkpoint')):
        assert main(['doctor', *words]) == 1
        said = capsys.readouterr().out
        assert message in said and '->' in said[said.index(message):]


def test_every_finding_that_is_not_good_has_advice(monkeypatch):
    monkeypatch.setattr(machine, 'importable', lambda name: name == 'torch')
    monkeypatch.setattr(machine, 'find_library', lambda name: None)
    monkeypatch.setattr(machine, 'memory', lambda: 0.2)
    found = list(machine.examine())
    assert {Level.NOTE, Level.BAD} <= {finding.level for finding in found}, 'packages are missing'
    assert all(finding.advice for finding in found if finding.level != Level.GOOD)
    assert not next(files.examine('', '')).advice


@pytest.fixture
def camera(context, spin):
    """Somebody who publishes images, stamped ``late`` seconds ago, and odometry."""
    if Inspector is None:
        pytest.skip('needs rclpy and the built messages')
    node = rclpy.create_node('camera', context=context)
    node.late = 0.0
    unsure = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    images = node.create_publisher(Image, '/front/image', unsure)
    node.create_publisher(Odometry, '/odom', 10)
    picture = np.full((24, 32, 3), 90, np.uint8)
    node.create_timer(0.1, lambda: images.publish(image_to_message(picture, time.time_ns() - int(node.late * 1e9),
                                                                   'front_optical')))
    spin(node)
    return node


def test_a_running_robot(camera):
    found = {finding.subject: finding for finding in robot.examine('', '')}
    assert found['camera'].level == Level.GOOD
    assert found['camera'].text == '/front/image is published best effort, 2 kB, 100% arrive'
    assert 'no relocalize node' in found['node'].text
    texts = [finding.text for finding in robot.examine('/front/image', '/odom')]
    assert any('Image at ' in text and "'front_optical'" in text for text in texts)
    assert any('/odom is published reliably, nothing arrives, because the publisher sends nothing' in text
               for text in texts)


def test_what_a_running_node_says_is_passed_on(camera):
    camera.create_publisher(Image, '/relocalize/debug_image', 1)
    says, out = {'says': ''}, camera.create_publisher(DiagnosticArray, '/diagnostics', 10)
    camera.create_timer(0.1, lambda: out.publish(DiagnosticArray(status=[
        DiagnosticStatus(name='/relocalize: relocalization', message=says['says'])])))
    for message, level in (('Localized.', Level.GOOD), ('Localized. But the lens is wet.', Level.NOTE)):
        says['says'] = message
        found = {finding.subject: finding for finding in robot.examine('', '')}
        assert found['camera'].text.startswith('/front/image is published'), 'what the node shows is no camera'
        assert (found['node'].level, found['node'].text) == (level, f'/relocalize says: {message}')
        assert bool(found['node'].advice) == (level != Level.GOOD)


def test_wrong_topics_and_old_stamps(camera):
    camera.late = 100.0
    with Inspector() as inspector:
        def levels(name, kinds):
            return {finding.level: finding.text for finding in robot.stream(inspector, 'x', name, kinds)}

        assert 'nobody publishes /rear' in levels('/rear', IMAGES)[Level.BAD]
        assert 'carries sensor_msgs/msg/Image, not nav_msgs' in levels('/front/image', ODOMETRY)[Level.BAD]
        assert 'stamped 100' in levels('/front/image', IMAGES)[Level.BAD]

