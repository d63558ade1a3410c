"""TF, where a ROS installation has it."""

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time

from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.ros.conversions import (header_to_message, stamp_from_message, transform_from_message,
                                        transform_to_message)
from dejavu_ros.ros.odometry import MAX_LAG_NS

try:
    import tf2_ros
except ImportError:
    tf2_ros = None


class Transforms:
    """Reads from TF and publishes to it until it is closed. Only where :data:`tf2_ros` is not None."""

    def __init__(self, node: Node):
        self._node = node
        self._buffer = make_buffer(node)
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._broadcaster = None

    def at(self, parent: str, child: str, stamp_ns: int) -> Pose | None:
        """parent_T_child at a time; the newest one if that is at most 0.2 s away; None where TF does not know it."""
        return self._find(parent, child, Time(nanoseconds=stamp_ns)) or self._find(parent, child, Time(), stamp_ns)

    def fixed(self, parent: str, child: str) -> Pose | None:
        """The newest parent_T_child, for frames that do not move; None where TF does not know it."""
        return self._find(parent, child, Time())

    def newest_ns(self, parent: str, child: str) -> int | None:
        """The stamp of the newest parent_T_child; None where TF does not know it."""
        try:
            return stamp_from_message(self._buffer.lookup_transform(parent, child, Time()).header.stamp)
        except tf2_ros.TransformException:
            return None

    def clear(self) -> None:
        """Forget what moves: of a time that is to come again, TF would refuse what is older than what it has."""
        self._buffer.clear()

    def _find(self, parent: str, child: str, moment: Time, near_ns: int | None = None) -> Pose | None:
        try:
            found = self._buffer.lookup_transform(parent, child, moment)
            if near_ns is not None and abs(near_ns - stamp_from_message(found.header.stamp)) > MAX_LAG_NS:
                return None
            return transform_from_message(found.transform)
        except (tf2_ros.TransformException, DataError):
            return None

    def publish(self, parent: str, child: str, stamp_ns: int, parent_T_child: Pose) -> None:
        self._broadcaster = self._broadcaster or tf2_ros.TransformBroadcaster(self._node)
        self._broadcaster.sendTransform(TransformStamped(
            header=header_to_message(stamp_ns, parent), child_frame_id=child,
            transform=transform_to_message(parent_T_child)))

    def close(self) -> None:
        self._listener.unregister()
        if handle := getattr(self._buffer, 'jump_handle', None):
            handle.unregister()
        self._node.destroy_service(self._buffer.srv)
        if self._broadcaster:
            self._node.destroy_publisher(self._broadcaster.pub_tf)


def make_buffer(node: Node):
    """A tf2_ros.Buffer that leaves a clock that jumps to us: in tf2_ros_py 0.36.0 to 0.36.4 its own answer to that
    raises a TypeError, which ends the node, and in earlier ones there is none.
    """
    class Buffer(tf2_ros.Buffer):
        def time_jump_callback(self, jump) -> None:
            self.clear()

    return Buffer(node=node)
