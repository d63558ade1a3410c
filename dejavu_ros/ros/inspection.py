"""A running robot looked at from outside: topics, types, QoS, rates, stamps."""

import dataclasses
import os
import time
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CompressedImage, Image

from dejavu_ros.ros.bystander import Bystander
from dejavu_ros.ros.conversions import stamp_from_message
from dejavu_ros.ros.delivery import Delivery
from dejavu_ros.ros.subscriptions import FollowingSubscription
from dejavu_ros.ros.transport import receive_large_images

IMAGES = {'sensor_msgs/msg/Image': Image, 'sensor_msgs/msg/CompressedImage': CompressedImage}
ODOMETRY = {'nav_msgs/msg/Odometry': Odometry}
DISCOVERY = 2.0  # seconds until others are known


@dataclasses.dataclass(frozen=True)
class Topic:
    """``types`` of its publishers, and how many there are."""

    name: str
    types: list[str]
    publishers: int


@dataclasses.dataclass(frozen=True)
class Heard:
    """What came on a topic: ``rate`` in Hz, ``age`` of the stamps in seconds (median), ``frame_id`` of the last."""

    count: int
    rate: float
    age: float | None
    frame_id: str
    delivery: Delivery


class Inspector(Bystander):
    """Listens in on a ROS graph, as the node would; use it as a context."""

    def __init__(self):
        receive_large_images(os.environ, Path.cwd())
        super().__init__('dejavu_doctor')
        self.spin(DISCOVERY)

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

    def topic(self, name: str) -> Topic:
        publishers = self.node.get_publishers_info_by_topic(name)
        return Topic(name, sorted({info.topic_type for info in publishers}), len(publishers))

    def image_topics(self) -> list[str]:
        """Topics on which somebody publishes images, but for those that show what the node did."""
        return sorted(name for name, kinds in self.node.get_topic_names_and_types()
                      if IMAGES.keys() & set(kinds) and self.node.count_publishers(name)
                      and not name.endswith('/debug_image'))

    def listen(self, name: str, kind: type, seconds: float) -> Heard:
        """Subscribe as the node does."""
        arrivals, ages, frames, sizes, losses = [], [], [''], [], []

        def on_message(message) -> None:
            arrivals.append(time.monotonic())
            ages.append((self.node.get_clock().now().nanoseconds - stamp_from_message(message.header.stamp)) * 1e-9)
            frames.append(message.header.frame_id)
            if hasattr(message, 'data'):
                sizes.append(len(message.data))

        subscription = FollowingSubscription(self.node, kind, name, on_message, 10, on_lost=losses.append)
        self.spin(seconds)
        subscription.close()
        count, sent = len(arrivals), len(arrivals) + sum(losses)
        delivery = Delivery(subscription.offered, subscription.reliability, sizes[-1] if sizes else None,
                            sent / seconds, count / sent if sent else None, subscription.local)
        span = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0.0
        return Heard(len(arrivals), (len(arrivals) - 1) / span if span else 0.0,
                     sorted(ages)[len(ages) // 2] if ages else None, frames[-1], delivery)

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
