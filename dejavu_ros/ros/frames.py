"""How base, odometry and map lie to each other: from odometry and TF, and back to TF."""

from nav_msgs.msg import Odometry
from rclpy.node import Node

from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.ros.config import NodeConfig
from dejavu_ros.ros.conversions import pose_from_message, stamp_from_message
from dejavu_ros.ros.odometry import OdometryBuffer
from dejavu_ros.ros.subscriptions import FollowingSubscription
from dejavu_ros.ros.transforms import Transforms, tf2_ros


class Frames:
    """Listens until it is closed. ``warnings`` say in words what is missing, by subject."""

    def __init__(self, node: Node, config: NodeConfig):
        self.node, self.config, self.warnings = node, config, {}
        self.buffer = OdometryBuffer()
        self.transforms = Transforms(node) if tf2_ros else None
        self._map_T_odom: Pose | None = None
        self.odometry = None
        if config.odom_topic:
            self.odometry = FollowingSubscription(node, Odometry, config.odom_topic, self.on_odometry, 50)
        self._timer = node.create_timer(1 / config.tf_rate, self.publish) if config.publish_tf else None

    def close(self) -> None:
        if self.odometry:
            self.odometry.close()
        if self._timer:
            self.node.destroy_timer(self._timer)
        if self.transforms:
            self.transforms.close()

    def on_odometry(self, message: Odometry) -> None:
        if message.child_frame_id not in ('', self.config.base_frame):
            self.warnings['odometry'] = (f'odometry is not used: it is of frame {message.child_frame_id!r}, not of '
                                         f'base_frame {self.config.base_frame!r}.')
            return
        try:
            self.buffer.add(stamp_from_message(message.header.stamp), pose_from_message(message.pose.pose))
        except DataError as error:
            self.warnings['odometry'] = f'odometry is not used: {error}.'

    def odom_T_base(self, stamp_ns: int) -> Pose | None:
        """From the topic, else from TF, else None."""
        if self.config.odom_topic:
            return self.buffer.at(stamp_ns)
        if self.transforms:
            return self.transforms.at(self.config.odom_frame, self.config.base_frame, stamp_ns)
        return None

    def correct(self, map_T_base: Pose, odom_T_base: Pose | None) -> None:
        """Take up an accepted pose: from now on, map -> odom is published if that is asked for."""
        if not self.config.publish_tf:
            return
        if odom_T_base is None:
            self.warnings['tf'] = (f'{self.config.map_frame} -> {self.config.odom_frame} is not brought up to date: '
                                   'there is no odometry at the time of the image.')
            return
        self.warnings.pop('tf', None)
        self._map_T_odom = map_T_base @ odom_T_base.inverse

    def forget(self) -> None:
        """Publish nothing until the next accepted pose."""
        self._map_T_odom = None

    def publish(self) -> None:
        """Repeat map -> odom, dated a little ahead of now."""
        map_T_odom = self._map_T_odom
        if map_T_odom is not None:
            stamp_ns = self.node.get_clock().now().nanoseconds + int(self.config.tf_tolerance * 1e9)
            self.transforms.publish(self.config.map_frame, self.config.odom_frame, stamp_ns, map_T_odom)
