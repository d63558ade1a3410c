"""Everything that the node says about one frame."""

import time

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from dejavu_ros.images import decode_image
from dejavu_ros.localization import Estimate
from dejavu_ros.msg import HypothesisArray
from dejavu_ros.ros.config import NodeConfig
from dejavu_ros.ros.conversions import estimate_to_message, image_to_message, uncertain_pose_to_message
from dejavu_ros.ros.debug_image import debug_image
from dejavu_ros.ros.loaded import Loaded
from dejavu_ros.ros.markers import estimate_markers, map_markers


class Outputs:
    """The topics of a node that speak only while it is active."""

    def __init__(self, node: LifecycleNode):
        self.hypotheses = node.create_lifecycle_publisher(HypothesisArray, '~/hypotheses', 10)
        self.pose = node.create_lifecycle_publisher(PoseWithCovarianceStamped, '~/pose', 10)
        self.initialpose = node.create_lifecycle_publisher(PoseWithCovarianceStamped, 'initialpose', 1)
        self.markers = node.create_lifecycle_publisher(MarkerArray, '~/markers', 10)
        self.debug_image = node.create_lifecycle_publisher(Image, '~/debug_image', 1)
        self.restart()

    def restart(self) -> None:
        """Begin anew, as after another map or a pause."""
        self._initialpose_at = -float('inf')
        self._map_viewers = 0

    def publish(self, estimate: Estimate, loaded: Loaded, config: NodeConfig, camera: str) -> None:
        """The hypotheses of every frame, and the pose of an accepted one."""
        message = estimate_to_message(estimate, config.map_frame)
        message.camera = camera
        message.checkpoint = loaded.extractor.checkpoint.identity
        if loaded.map is not None:
            message.map, message.map_revision = loaded.map.name, loaded.map.revision
        if estimate.accepted:
            best = estimate.hypotheses[0]
            pose = PoseWithCovarianceStamped(header=message.header,
                                             pose=uncertain_pose_to_message(best.map_T_base, best.covariance))
            self.pose.publish(pose)
            now = time.monotonic()
            if config.publish_initialpose and now - self._initialpose_at >= config.initialpose_period:
                self._initialpose_at = now
                self.initialpose.publish(pose)
        self.hypotheses.publish(message)

    def publish_pictures(self, estimate: Estimate, loaded: Loaded, config: NodeConfig, image: np.ndarray,
                         camera: str) -> None:
        """Markers and the debug image of a camera's (H, W, 3) uint8 RGB, for those who look."""
        viewers = self.markers.get_subscription_count()
        if viewers > self._map_viewers and loaded.map is not None:
            self.markers.publish(map_markers(loaded.map.positions, estimate.stamp_ns, config.map_frame))
        self._map_viewers = viewers
        if viewers:
            self.markers.publish(estimate_markers(estimate, config.map_frame, loaded.config.hypotheses))
        if self.debug_image.get_subscription_count():
            keyframe = None
            if estimate.hypotheses:
                keyframe = decode_image(loaded.map.thumbnail(estimate.hypotheses[0].keyframe))
            picture = debug_image(image, keyframe, estimate)
            self.debug_image.publish(image_to_message(picture, estimate.stamp_ns, camera))
