"""How camera, base, odometry and map lie to each other: from parameters, CameraInfo, odometry and TF; back to TF."""

from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.lens import Lens
from dejavu_ros.ros.config import NodeConfig, parse_mounting
from dejavu_ros.ros.conversions import lens_from_message, pose_from_message, stamp_from_message
from dejavu_ros.ros.odometry import OdometryBuffer
from dejavu_ros.ros.transforms import Transforms, tf2_ros
from dejavu_ros.ros.view import View, lens_of_map


class Frames:
    """Listens until it is closed. ``warnings`` say in words what is missing, by topic."""

    def __init__(self, node: Node, config: NodeConfig):
        self.node, self.config, self.warnings = node, config, {}
        self.buffer = OdometryBuffer()
        self.transforms = Transforms(node) if tf2_ros else None
        self._base_T_camera = parse_mounting(config.base_T_camera)
        self._map_T_odom: Pose | None = None
        self._lens: Lens | None = None
        self._view: tuple[KeyframeMap, Lens, View | None] | None = None
        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._subscriptions = [node.create_subscription(kind, topic, callback, qos) for kind, topic, callback in (
            (Odometry, config.odom_topic, self.on_odometry),
            (CameraInfo, config.camera_info_topic, self.on_camera_info)) if topic]
        self._timer = node.create_timer(1 / config.tf_rate, self.publish) if config.publish_tf else None

    def close(self) -> None:
        for subscription in self._subscriptions:
            self.node.destroy_subscription(subscription)
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

    def on_camera_info(self, message: CameraInfo) -> None:
        try:
            self._lens = lens_from_message(message)
            self.warnings.pop('camera_info', None)
        except ConfigError as error:
            self.warnings['camera_info'] = f'camera_info is not used: {error}.'

    def view(self, keyframes: KeyframeMap | None) -> View | None:
        """From our camera to that of the map; None where one of them is not known, or nothing is asked for."""
        lens = self._lens
        if lens is None or keyframes is None:
            return None
        if self._view is None or self._view[0] is not keyframes or self._view[1] != lens:
            self.warnings.pop('view', None)
            view = None
            try:
                view = View(lens, lens_of_map(keyframes, self.config.camera))
                if view.coverage < 0.9:
                    self.warnings['view'] = f'our camera sees only {view.coverage:.0%} of what that of the map saw.'
            except ConfigError as error:
                self.warnings['view'] = f'camera_info is not used: of the camera of the map, {error}.'
            self._view = keyframes, lens, view
        return self._view[2]

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
