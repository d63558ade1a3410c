"""TF, where a ROS installation has it."""

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time

from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.ros.conversions import (header_to_message, stamp_from_message, transform_from_message,
                                        transform_to_message)
from dejavu_ros.ros.odometry import MAX_LAG_NS


class Transforms:
    """Reads a -> b from TF and publishes a -> b to it, as long as it is open."""

    def __init__(self, node: Node):
        """Raises ConfigError where tf2_ros is not installed."""
        try:
            import tf2_ros
        except ImportError:
            raise ConfigError('publish_tf is on, but tf2_ros is not installed: install ros-$ROS_DISTRO-tf2-ros-py, '
                              'or turn publish_tf off') from None
        self._error = tf2_ros.TransformException
        self._node = node
        self._buffer = tf2_ros.Buffer(node=node)
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._broadcaster = tf2_ros.TransformBroadcaster(node)

    def lookup(self, parent: str, child: str, stamp_ns: int) -> Pose | None:
        """parent_T_child at a time; the newest one up to 0.2 s before it; None where TF does not know it."""
        for moment in (Time(nanoseconds=stamp_ns), Time()):
            try:
                found = self._buffer.lookup_transform(parent, child, moment)
                if abs(stamp_ns - stamp_from_message(found.header.stamp)) <= MAX_LAG_NS:
                    return transform_from_message(found.transform)
            except (self._error, DataError):
                continue
        return None

    def publish(self, parent: str, child: str, stamp_ns: int, parent_T_child: Pose) -> None:
        self._broadcaster.sendTransform(TransformStamped(
            header=header_to_message(stamp_ns, parent), child_frame_id=child, transform=transform_to_message(parent_T_child)))

    def close(self) -> None:
        self._listener.unregister()
        self._node.destroy_service(self._buffer.srv)
        self._node.destroy_publisher(self._broadcaster.pub_tf)
