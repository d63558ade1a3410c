"""The other side of the node: send frames on a real topic, wait for what the node answers."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from dejavu_ros.errors import DejavuError
from dejavu_ros.geometry import Pose
from dejavu_ros.msg import HypothesisArray
from dejavu_ros.ros.bystander import Bystander
from dejavu_ros.ros.conversions import header_to_message, image_to_message, pose_to_message, stamp_from_message

HYPOTHESES = '/relocalize/hypotheses'
ODOMETRY_LEAD = 0.02  # seconds; on a robot the odometry of a moment is there before its image


class Player(Bystander):
    """Sends one frame at a time to ``image_topic`` and waits for the hypotheses with its stamp."""

    def __init__(self, image_topic: str, odom_topic: str = '/odom'):
        super().__init__('player')
        reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self.images = self.node.create_publisher(Image, image_topic, reliable)
        self.odometry = self.node.create_publisher(Odometry, odom_topic, 10)
        self.node.create_subscription(HypothesisArray, HYPOTHESES, self.on_hypotheses, 10)
        self.sent: dict[int, float] = {}  # stamp to time
        self.answers: dict[int, tuple[HypothesisArray, float]] = {}

    def on_hypotheses(self, message: HypothesisArray) -> None:
        self.answers[stamp_from_message(message.header.stamp)] = message, time.monotonic()

    def wait_for_node(self, timeout: float, node: subprocess.Popen, log: Path) -> None:
        """Until the ``node`` of :func:`running_node` listens to the images and has hypotheses to tell.

        Raises DejavuError, with the last line of its ``log``, after ``timeout`` seconds or as soon as it has ended.
        """
        def failed(why: str) -> DejavuError:
            return DejavuError(f'no node listens to {self.images.topic_name}: {why}; its last words: '
                               f'{" ".join(log.read_text().splitlines()[-1:])}')

        end = time.monotonic() + timeout
        while not (self.images.get_subscription_count() and self.node.count_publishers(HYPOTHESES)):
            if node.poll() is not None:
                raise failed('it ended while starting')
            if time.monotonic() > end:
                raise failed(f'it did not start within {timeout:.0f} s')
            self.executor.spin_once(timeout_sec=0.1)

    def ask(self, image: np.ndarray, stamp_ns: int, timeout: float, odom_T_base: Pose | None = None
            ) -> HypothesisArray | None:
        """Send (H, W, 3) uint8 RGB, after the odometry if any; its hypotheses, or None after ``timeout`` seconds."""
        if odom_T_base is not None:
            self.send_odometry(odom_T_base, stamp_ns)
            time.sleep(ODOMETRY_LEAD)
        self.send(image, stamp_ns)
        end = time.monotonic() + timeout
        while stamp_ns not in self.answers and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.05)
        return self.answers.pop(stamp_ns, (None, 0.0))[0]

    def send(self, image: np.ndarray, stamp_ns: int) -> None:
        message = image_to_message(image, stamp_ns, 'camera_optical_frame')
        self.sent[stamp_ns] = time.monotonic()
        self.images.publish(message)

    def send_odometry(self, odom_T_base: Pose, stamp_ns: int) -> None:
        message = Odometry(header=header_to_message(stamp_ns, 'odom'), child_frame_id='base_link')
        message.pose.pose = pose_to_message(odom_T_base)
        self.odometry.publish(message)

    def play(self, images: Sequence[np.ndarray], rate: float, seconds: float) -> list[float]:
        """Send images in turn at ``rate`` Hz, whatever the node does; seconds from sending to each answer so far."""
        start = time.monotonic()
        for number in range(max(1, round(seconds * rate))):
            while (left := start + number / rate - time.monotonic()) > 0:
                self.executor.spin_once(timeout_sec=left)
            self.send(images[number % len(images)], time.time_ns())
        return self.collect(0.0)

    def collect(self, seconds: float) -> list[float]:
        """Wait for answers; seconds from sending to each that came and was not asked for before."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)
        latencies = [arrived - self.sent[stamp] for stamp, (_, arrived) in self.answers.items()]
        self.answers.clear()
        return latencies


@contextlib.contextmanager
def running_node(log: Path, **parameters) -> Iterator[subprocess.Popen]:
    """Start the node ``relocalize`` as a program of its own, and stop it as Ctrl-C does.

    ``parameters`` become ROS parameters; double underscores in a name stand for dots; paths among them are absolute.
    Its output goes to ``log``, and it runs in that folder, where no sources can come before the built package.
    """
    command = [sys.executable, '-m', 'dejavu_ros.ros.program', '--ros-args']
    for name, value in {'autostart': True, **parameters}.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if text:  # an empty one cannot be written on the command line, and is the default anyway
            command += ['-p', f'{name.replace("__", ".")}:={text}']
    with open(log, 'w') as output, subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
