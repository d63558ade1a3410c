"""How base, odometry and map lie to each other: from odometry and TF, and back to TF."""

import time

from nav_msgs.msg import Odometry
from rclpy.node import Node

from dejavu_ros.errors import DataError
from dejavu_ros.geometry import Pose
from dejavu_ros.ros.config import NodeConfig
from dejavu_ros.ros.conversions import pose_from_message, stamp_from_message
from dejavu_ros.ros.endpoints import silence_of
from dejavu_ros.ros.odometry import OdometryBuffer
from dejavu_ros.ros.stamps import RECENT, STEP_BACK, StampChecker, duration
from dejavu_ros.ros.subscriptions import FollowingSubscription
from dejavu_ros.ros.transforms import Transforms, tf2_ros
from dejavu_ros.ros.watch import RATE_WINDOW
from dejavu_ros.troubleshooting import (NO_ODOMETRY_AT_IMAGE, NO_POSE_FOR_TF, ODOMETRY_FRAME, ODOMETRY_SILENT,
                                        ODOMETRY_UNUSED, TF_NOT_SENT, TIME_WENT_BACK)


class Frames:
    """Listens until it is closed. ``warnings`` say in words what is missing, by subject."""

    def __init__(self, node: Node, config: NodeConfig):
        self.node, self.config, self.warnings = node, config, {}
        self.buffer = OdometryBuffer()
        self.stamps = StampChecker(node.resolve_topic_name(config.odom_topic) if config.odom_topic else '')
        self._started, self._heard_at, self._sent_at = time.monotonic(), None, -float('inf')
        self._went_back = '', -float('inf')
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
        self._heard_at = time.monotonic()
        if message.child_frame_id not in ('', self.config.base_frame):
            self.warnings['odometry'] = ODOMETRY_FRAME(found=message.child_frame_id, wanted=self.config.base_frame)
            return
        now_ns = self.node.get_clock().now().nanoseconds
        try:
            pose = pose_from_message(message.pose.pose)
        except DataError as error:
            self.warnings['odometry'] = ODOMETRY_UNUSED(reason=error)
            return
        self.warnings.pop('odometry', None)
        stamp_ns, back_ns = self.stamps.take(stamp_from_message(message.header.stamp), now_ns)
        if back_ns:
            self._went_back = TIME_WENT_BACK(topic=self.stamps.topic, seconds=back_ns * 1e-9), time.monotonic()
        self.buffer.add(stamp_ns, pose)

    def odom_T_base(self, stamp_ns: int) -> Pose | None:
        """From the topic, else from TF, else None."""
        if self.config.odom_topic:
            return self.buffer.at(stamp_ns)
        if self.transforms:
            return self.transforms.at(self.config.odom_frame, self.config.base_frame, stamp_ns)
        return None

    def correct(self, map_T_base: Pose, odom_T_base: Pose | None, stamp_ns: int) -> None:
        """Take up an accepted pose: from now on, map -> odom is published if that is asked for."""
        if not self.config.publish_tf:
            return
        if odom_T_base is None:
            self.warnings['tf'] = NO_ODOMETRY_AT_IMAGE(map_frame=self.config.map_frame,
                                                       odom_frame=self.config.odom_frame, why=self._why(stamp_ns))
            return
        self.warnings.pop('tf', None)
        self._map_T_odom = map_T_base @ odom_T_base.inverse

    def _why(self, stamp_ns: int) -> str:
        """What odometry there is instead, in words to be put behind others."""
        if self.config.odom_topic:
            newest = self.buffer.newest_ns
        elif self.transforms:
            newest = self.transforms.newest_ns(self.config.odom_frame, self.config.base_frame)
        else:
            newest = None
        if newest is None:
            source = self.stamps.topic if self.config.odom_topic else 'TF'
            return f', none has come from {source}'
        return f', the newest is {duration(abs(newest - stamp_ns))} {"later" if newest > stamp_ns else "earlier"}'

    def forget(self) -> None:
        """Publish nothing until the next accepted pose."""
        self._map_T_odom = None

    def forget_time(self, now_ns: int) -> None:
        """Time went back to ``now_ns``: odometry and TF of before do not count."""
        self.forget()
        if (self.buffer.newest_ns or 0) > now_ns + STEP_BACK:
            self.buffer.clear()
        if self.transforms:
            self.transforms.clear()

    def problems(self) -> dict[str, str]:
        """What is missing, in words, by subject; to be asked every second or so."""
        found, config, now = self.warnings.copy(), self.config, time.monotonic()
        if config.odom_topic:
            silence = now - (self._heard_at or self._started)
            if silence > RATE_WINDOW:
                found['odometry'] = ODOMETRY_SILENT(topic=self.stamps.topic, seconds=silence,
                                                    cause=silence_of(self.node, self.stamps.topic, Odometry))
            elif self.stamps.problem:
                found['odometry stamps'] = self.stamps.problem
            if self.odometry.problem:
                found['odometry publishers'] = self.odometry.problem
        if now - self._went_back[1] < RECENT:
            found['odometry time'] = self._went_back[0]
        if config.publish_tf and now - self._sent_at > max(1.0, 3 / config.tf_rate):
            names = dict(map_frame=config.map_frame, odom_frame=config.odom_frame)
            found.setdefault('tf', NO_POSE_FOR_TF(**names) if self._map_T_odom is None else TF_NOT_SENT(**names))
        return found

    def publish(self) -> None:
        """Repeat map -> odom, dated a little ahead of now."""
        map_T_odom = self._map_T_odom
        if map_T_odom is not None:
            stamp_ns = self.node.get_clock().now().nanoseconds + int(self.config.tf_tolerance * 1e9)
            self.transforms.publish(self.config.map_frame, self.config.odom_frame, stamp_ns, map_T_odom)
            self._sent_at = time.monotonic()
