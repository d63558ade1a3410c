"""A running robot looked at from outside: topics, types, QoS, rates, stamps."""

import dataclasses
import time

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from dejavu_ros.ros.bystander import Bystander
from dejavu_ros.ros.conversions import stamp_from_message

IMAGES = {'sensor_msgs/msg/Image': Image, 'sensor_msgs/msg/CompressedImage': CompressedImage}
ODOMETRY = {'nav_msgs/msg/Odometry': Odometry}
DISCOVERY = 2.0  # seconds until others are known


@dataclasses.dataclass(frozen=True)
class Topic:
    """``types`` of its publishers, how many there are, whether one of them is ``reliable``."""

    name: str
    types: list[str]
    publishers: int
    reliable: bool


@dataclasses.dataclass(frozen=True)
class Heard:
    """What came on a topic: ``rate`` in Hz, ``age`` of the stamps in seconds (median), ``frame_id`` of the last."""

    count: int
    rate: float
    age: float | None
    frame_id: str


class Inspector(Bystander):
    """Listens in on a ROS graph; use it as a context."""

    def __init__(self):
        super().__init__('dejavu_doctor')
        self.spin(DISCOVERY)

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

    def topic(self, name: str) -> Topic:
        publishers = self.node.get_publishers_info_by_topic(name)
        return Topic(name, sorted({info.topic_type for info in publishers}), len(publishers),
                     any(info.qos_profile.reliability == ReliabilityPolicy.RELIABLE for info in publishers))

    def image_topics(self) -> list[str]:
        """Topics on which somebody publishes images."""
        return sorted(name for name, kinds in self.node.get_topic_names_and_types()
                      if IMAGES.keys() & set(kinds) and self.node.count_publishers(name))

    def listen(self, name: str, kind: type, seconds: float) -> Heard:
        """Subscribe as best effort, so that every publisher is heard."""
        arrivals, ages, frames = [], [], ['']

        def on_message(message) -> None:
            arrivals.append(time.monotonic())
            ages.append((self.node.get_clock().now().nanoseconds - stamp_from_message(message.header.stamp)) * 1e-9)
            frames.append(message.header.frame_id)

        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        subscription = self.node.create_subscription(kind, name, on_message, qos)
        self.spin(seconds)
        self.node.destroy_subscription(subscription)
        span = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0.0
        return Heard(len(arrivals), (len(arrivals) - 1) / span if span else 0.0,
                     sorted(ages)[len(ages) // 2] if ages else None, frames[-1])

    def diagnoses(self, seconds: float) -> dict[str, str]:
        """What nodes ``relocalize`` say of themselves: full name to message."""
        found: dict[str, str] = {}

        def on_diagnostics(array: DiagnosticArray) -> None:
            found.update({status.name.partition(':')[0]: status.message for status in array.status
                          if status.name.endswith(': relocalization')})

        subscription = self.node.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)
        self.spin(seconds)
        self.node.destroy_subscription(subscription)
        return found
