"""The program that `ros2 run dejavu_ros relocalize` starts."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
messages = pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from lifecycle_msgs.srv import ChangeState  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from dejavu_ros.ros.conversions import image_to_message, stamp_from_message  # noqa: E402

PROGRAM = next((path for parent in Path(messages.__file__).parents
                if (path := parent / 'lib/dejavu_ros/relocalize').is_file()), None)
pytestmark = pytest.mark.skipif(PROGRAM is None, reason='no installed program lib/dejavu_ros/relocalize')


@pytest.fixture
def start():
    programs = []

    def run(*parameters, arguments=()):
        settings = [item for parameter in parameters for item in ('-p', parameter)]
        programs.append(subprocess.Popen([PROGRAM, '--ros-args', '-r', '__ns:=/program', *settings, *arguments],
                                         stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return programs[-1]

    yield run
    for program in programs:
        program.kill()
        program.wait()


@pytest.fixture
def camera(context, spin):
    """Publishes a frame every 20 ms from a thread and hears the answers."""
    node = Node('camera', namespace='/program', context=context)
    publisher = node.create_publisher(Image, 'image', 10)
    node.answers = []
    node.create_subscription(messages.HypothesisArray, 'relocalize/hypotheses', node.answers.append, 10)
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    node.create_timer(0.02, lambda: publisher.publish(
        image_to_message(image, node.get_clock().now().nanoseconds, 'camera')))
    spin(node)
    return node


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_while_frames_come_ends_it_cleanly(start, camera, number):
    program = start('autostart:=true', 'checkpoint:=random', 'max_rate:=1000')
    end = time.monotonic() + 60
    while len(camera.answers) < 5:
        assert program.poll() is None and time.monotonic() < end, program.stderr.read()
        time.sleep(0.05)
    assert camera.answers[0].reject_reason == 'no_map'
    stamps = [stamp_from_message(answer.header.stamp) for answer in camera.answers]
    assert stamps == sorted(set(stamps))
    program.send_signal(number)
    assert program.wait(timeout=15) == 0
    output, errors = program.communicate()
    assert 'Traceback' not in output + errors and 'Error' not in errors


BONDPY = """
import threading
from std_msgs.msg import String


class Bond:
    'Publishes from a thread of its own until it is shut down, and then once more, as bondpy does.'

    def __init__(self, node, topic, identity):
        self.pub, self.over = node.create_publisher(String, topic, 1), threading.Event()

    def start(self):
        self.sub = None
        threading.Thread(target=self.beat, daemon=True).start()

    def beat(self):
        while not self.over.is_set():
            self.pub.publish(String(data='alive'))
            self.over.wait(self.heartbeat_period)

    def shutdown(self):
        self.over.set()
        self.pub.publish(String(data='broken'))
        self.pub.destroy()

    def __del__(self):
        if not self.over.is_set():
            self.shutdown()
"""
STATES = {'unconfigured': [], 'inactive': ['configure'], 'active': ['configure', 'activate'],
          'deactivated': ['configure', 'activate', 'deactivate'], 'finalized': ['configure', 'activate', 'shutdown']}


@pytest.mark.timeout(240)
@pytest.mark.parametrize('state, number', [('unconfigured', signal.SIGINT), ('inactive', signal.SIGTERM),
                                           ('active', signal.SIGINT), ('active', signal.SIGTERM),
                                           ('deactivated', signal.SIGTERM), ('finalized', signal.SIGINT)])
def test_signal_in_every_state_with_a_bond(start, context, spin, tmp_path, monkeypatch, state, number):
    (tmp_path / 'bondpy').mkdir()
    (tmp_path / 'bondpy/__init__.py').write_text('')
    (tmp_path / 'bondpy/bondpy.py').write_text(BONDPY)
    paths = str(tmp_path), os.environ.get('PYTHONPATH')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, paths)))
    program, node = start('checkpoint:=random', 'use_sim_time:=true'), Node('manager', context=context)
    heard = []
    node.create_subscription(String, '/program/bond', lambda message: heard.append(message.data), 10)
    client = node.create_client(ChangeState, '/program/relocalize/change_state')
    spin(node)
    assert client.wait_for_service(150)
    for transition in STATES[state]:
        request = ChangeState.Request()
        request.transition.label = transition
        future, end = client.call_async(request), time.monotonic() + 60
        while not future.done():
            assert program.poll() is None and time.monotonic() < end
            time.sleep(0.02)
        assert future.result().success, transition
    if state == 'active':
        end = time.monotonic() + 20
        while 'alive' not in heard:
            assert time.monotonic() < end
            time.sleep(0.02)
    program.send_signal(number)
    assert program.wait(timeout=15) == 0
    output, errors = program.communicate()
    assert 'Traceback' not in output + errors and 'Error' not in errors
    if state == 'active':
        end = time.monotonic() + 5
        while 'broken' not in heard and time.monotonic() < end:
            time.sleep(0.02)
        assert heard[-1] == 'broken', 'the manager is told'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('seconds', [0.3, 1.0])
def test_signal_while_it_starts(start, number, seconds):
    program = start('autostart:=true', 'checkpoint:=random')
    time.sleep(seconds)
    program.send_signal(number)
    try:
        program.wait(timeout=10)
    except subprocess.TimeoutExpired:  # while rclpy puts its handlers in, a signal can be lost: people press again
        program.send_signal(number)
    assert program.wait(timeout=15) in (0, -signal.SIGTERM)
    assert 'Traceback' not in program.communicate()[1]


def test_wrong_arguments_are_one_line_and_exit_1(start, tmp_path):
    program = start(arguments=['--params-file', str(tmp_path / 'nowhere.yaml')])
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 1 and 'Traceback' not in errors
    assert 'nowhere.yaml' in errors.splitlines()[-1]


def test_wrong_parameter_is_one_line_and_exit_1(start):
    program = start('transport:=smoke')
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 1
    own = [line for line in errors.splitlines() if '[rcl]' not in line]
    assert len(own) == 1 and 'must be one of raw | compressed' in own[0]


def test_without_keys_it_ends_rather_than_run_unsecured(start, tmp_path, monkeypatch):
    (tmp_path / 'enclaves').mkdir()
    for name, value in (('ENABLE', 'true'), ('STRATEGY', 'Enforce'), ('KEYSTORE', str(tmp_path))):
        monkeypatch.setenv(f'ROS_SECURITY_{name}', value)
    program = start('checkpoint:=random')
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 1 and 'Traceback' not in errors
    assert errors.splitlines()[-1].startswith('relocalize: ')


def test_failed_autostart_says_why_and_waits_to_be_mended(start, tmp_path):
    program = start('autostart:=true', 'checkpoint:=random', f'map:={tmp_path}/nowhere.dvmap')
    line = next(line for line in program.stderr if '[rcl]' not in line)
    assert 'ERROR' in line and 'nowhere' in line and program.poll() is None
    program.send_signal(signal.SIGINT)
    assert program.wait(timeout=15) == 0
    assert 'Traceback' not in program.communicate()[1]
