"""How camera, base, odometry and map lie to each other: from parameters, odometry and TF, and back to TF."""

from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.ros.config import NodeConfig, parse_mounting
from dejavu_ros.ros.conversions import pose_from_message, stamp_from_message
from dejavu_ros.ros.odometry import OdometryBuffer
from dejavu_ros.ros.transforms import Transforms, tf2_ros


class Frames:
    """Listens until it is closed. ``warning`` says in words what is missing, empty if nothing."""

    def __init__(self, node: Node, config: NodeConfig):
        self.node, self.config, self.warning = node, config, ''
        self.buffer = OdometryBuffer()
        self.transforms = Transforms(node) if tf2_ros else None
        self._base_T_camera = parse_mounting(config.base_T_camera)
        self._map_T_odom: Pose | None = None
        self._subscription = self._timer = None
        if config.odom_topic:
            qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
            self._subscription = node.create_subscription(Odometry, config.odom_topic, self.on_odometry, qos)
        if config.publish_tf:
            self._timer = node.create_timer(1 / config.tf_rate, self.publish)

    def close(self) -> None:
        if self._subscription:
            self.node.destroy_subscription(self._subscription)
        if self._timer:
            self.node.destroy_timer(self._timer)
        if self.transforms:
            self.transforms.close()

    def on_odometry(self, message: Odometry) -> None:
        if message.child_frame_id not in ('', self.config.base_frame):
            self.warning = (f'odometry is not used: it is of frame {message.child_frame_id!r}, not of base_frame '
                            f'{self.config.base_frame!r}')
            return
        try:
            self.buffer.add(stamp_from_message(message.header.stamp), pose_from_message(message.pose.pose))
        except DataError as error:
            self.warning = f'odometry is not used: {error}'

    def odom_T_base(self, stamp_ns: int) -> Pose | None:
        """From the topic, else from TF, else None."""
        if self.config.odom_topic:
            return self.buffer.at(stamp_ns)
        if self.transforms:
            return self.transforms.at(self.config.odom_frame, self.config.base_frame, stamp_ns)
        return None

    def base_T_camera(self, camera_frame: str) -> Pose | None:
        """From the parameter, else from TF, else None: as in the map."""
        if self._base_T_camera is None and self.transforms:
            self._base_T_camera = self.transforms.fixed(self.config.base_frame, camera_frame)
        return self._base_T_camera

    def correct(self, map_T_base: Pose, odom_T_base: Pose | None) -> None:
        """Take up an accepted pose: from now on, map -> odom is published if that is asked for."""
        if not self.config.publish_tf:
            return
        if odom_T_base is None:
            self.warning = (f'{self.config.map_frame} -> {self.config.odom_frame} is not brought up to date: there is '
                            'no odometry at the time of the image')
            return
        self.warning = ''
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
