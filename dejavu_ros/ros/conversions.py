"""Our types to ROS messages and back. Nothing but pairs."""

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseWithCovariance, Transform
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from dejavu_ros.geometry import Pose
from dejavu_ros.image_messages import image_from_message as image_from_message
from dejavu_ros.intrinsics import calibration
from dejavu_ros.localization import Estimate, Hypothesis
from dejavu_ros.msg import Hypothesis as HypothesisMessage
from dejavu_ros.msg import HypothesisArray
from dejavu_ros.optics.lens import Lens


def stamp_to_message(stamp_ns: int) -> Time:
    return Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)


def stamp_from_message(message: Time) -> int:
    """Nanoseconds."""
    return message.sec * 10**9 + message.nanosec


def header_to_message(stamp_ns: int, frame: str) -> Header:
    return Header(stamp=stamp_to_message(stamp_ns), frame_id=frame)


def header_from_message(message: Header) -> tuple[int, str]:
    """Nanoseconds and the frame."""
    return stamp_from_message(message.stamp), message.frame_id


def pose_to_message(pose: Pose) -> PoseMessage:
    message = PoseMessage()
    message.position.x, message.position.y, message.position.z = map(float, pose.position)
    q = message.orientation
    q.x, q.y, q.z, q.w = map(float, pose.quaternion)
    return message


def pose_from_message(message: PoseMessage) -> Pose:
    """Raises DataError for NaN, infinite or zero-length input."""
    p, q = message.position, message.orientation
    return Pose.make((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))


def transform_to_message(pose: Pose) -> Transform:
    message = Transform()
    message.translation.x, message.translation.y, message.translation.z = map(float, pose.position)
    q = message.rotation
    q.x, q.y, q.z, q.w = map(float, pose.quaternion)
    return message


def transform_from_message(message: Transform) -> Pose:
    """Raises DataError for NaN, infinite or zero-length input."""
    p, q = message.translation, message.rotation
    return Pose.make((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))


def uncertain_pose_to_message(pose: Pose, covariance: np.ndarray) -> PoseWithCovariance:
    """``covariance`` (6, 6) of x, y, z, rotation about x, y, z: the order of ROS."""
    return PoseWithCovariance(pose=pose_to_message(pose), covariance=np.asarray(covariance, float).reshape(36))


def uncertain_pose_from_message(message: PoseWithCovariance) -> tuple[Pose, np.ndarray]:
    """The pose and its covariance (6, 6). Raises DataError for a pose that is none."""
    return pose_from_message(message.pose), np.array(message.covariance, float).reshape(6, 6)


def lens_to_message(lens: Lens, stamp_ns: int, frame: str) -> CameraInfo:
    return CameraInfo(header=header_to_message(stamp_ns, frame), width=lens.width, height=lens.height,
                      distortion_model=lens.model, k=np.array(lens.K, float), d=list(map(float, lens.D)))


def lens_from_message(message: CameraInfo, image_topic: str = '', size: tuple[int, int] | None = None) -> Lens:
    """Of the images of a topic, which may be rectified; ``size`` (width, height) is theirs, None: as the message says.

    Raises ConfigError for a camera that is not calibrated, or for images of another shape.
    """
    return Lens.of(calibration(message, image_topic, size))


def hypothesis_to_message(hypothesis: Hypothesis) -> HypothesisMessage:
    return HypothesisMessage(
        keyframe=int(hypothesis.keyframe), session=hypothesis.session, condition=hypothesis.condition,
        similarity=float(hypothesis.similarity), probability=float(hypothesis.probability),
        inliers=int(hypothesis.inliers), pose=uncertain_pose_to_message(hypothesis.map_T_base, hypothesis.covariance))


def hypothesis_from_message(message: HypothesisMessage) -> Hypothesis:
    return Hypothesis(message.keyframe, message.session, message.condition, message.similarity, message.probability,
                      message.inliers, *uncertain_pose_from_message(message.pose))


def estimate_to_message(estimate: Estimate, map_frame: str) -> HypothesisArray:
    """Without the names of map, checkpoint and camera, which no estimate knows."""
    return HypothesisArray(
        header=header_to_message(estimate.stamp_ns, map_frame), accepted=bool(estimate.accepted),
        reject_reason=estimate.reject_reason, processing_time=estimate.latency_ms / 1e3,
        hypotheses=[hypothesis_to_message(hypothesis) for hypothesis in estimate.hypotheses])


def estimate_from_message(message: HypothesisArray) -> Estimate:
    """The words in ``detail`` are not in the message."""
    return Estimate(stamp_from_message(message.header.stamp), message.accepted, message.reject_reason,
                    [hypothesis_from_message(hypothesis) for hypothesis in message.hypotheses],
                    message.processing_time * 1e3)


def image_to_message(image: np.ndarray, stamp_ns: int, frame: str) -> Image:
    """(H, W, 3) uint8 RGB to rgb8; :func:`image_from_message` is the way back."""
    height, width = image.shape[:2]
    message = Image(header=header_to_message(stamp_ns, frame), height=height, width=width, encoding='rgb8',
                    step=3 * width)
    message.data.frombytes(np.ascontiguousarray(image).tobytes())
    return message
