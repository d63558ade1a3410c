"""The lifecycle node ``relocalize``: convert, call the localizer, publish."""

import dataclasses
import functools
import sys
import threading
import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from dejavu_ros.errors import ConfigError, DataError, DejavuError, ImageError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.images import decode_image
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Estimate, Localizer
from dejavu_ros.msg import HypothesisArray
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ros.config import GROUPS, LIVE, NodeConfig
from dejavu_ros.ros.conversions import (estimate_to_message, image_from_message, image_to_message, pose_from_message,
                                        stamp_from_message, uncertain_pose_to_message)
from dejavu_ros.ros.debug_image import debug_image
from dejavu_ros.ros.diagnostics import Condition, Statistics, make_status, memory
from dejavu_ros.ros.markers import estimate_markers, map_markers
from dejavu_ros.ros.odometry import OdometryBuffer
from dejavu_ros.ros.parameters import Configs, Parameters
from dejavu_ros.ros.transforms import Transforms
from dejavu_ros.ros.worker import NewestWorker

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def load_extractor(checkpoint: str, device: str) -> FeatureExtractor:
    """The network of a checkpoint file on a device. Raises CheckpointError, ConfigError."""
    return FeatureExtractor(load_checkpoint(checkpoint), device)


class RelocalizeNode(LifecycleNode):
    """Inactive it has no subscriptions and computes nothing; active, one thread works on the newest frame.

    Images arrive and services answer in the executor's thread. ``lock`` guards the localizer between the two.
    """

    def __init__(self, *, load_extractor=load_extractor, open_map=KeyframeMap.open, make_localizer=Localizer, **node):
        """The three functions are those of the package unless replaced, ``node`` goes to rclpy. Raises ConfigError."""
        super().__init__('relocalize', **node)
        self.load_extractor, self.open_map, self.make_localizer = load_extractor, open_map, make_localizer
        self.lock = threading.Lock()
        self.localizer = self.worker = self.transforms = None
        self.inputs = []
        self.problem = self.warning = ''
        self.statistics = Statistics()
        self.parameters = Parameters(self, GROUPS, self.change)
        self.hypotheses_out = self.create_lifecycle_publisher(HypothesisArray, '~/hypotheses', 10)
        self.pose_out = self.create_lifecycle_publisher(PoseWithCovarianceStamped, '~/pose', 10)
        self.markers_out = self.create_lifecycle_publisher(MarkerArray, '~/markers', 10)
        self.debug_image_out = self.create_lifecycle_publisher(Image, '~/debug_image', 1)
        self.initialpose_out = self.create_lifecycle_publisher(PoseWithCovarianceStamped, 'initialpose', 1)
        self.diagnostics_out = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_service(Trigger, '~/relocalize', self.on_relocalize)
        self.create_service(Trigger, '~/reset', self.on_reset)
        self.create_service(Trigger, '~/reload_map', self.on_reload_map)
        for service in self.services:
            if service.srv_type is ChangeState:
                service.callback = functools.partial(self.on_change_state, service.callback)
        # by the wall clock: with use_sim_time and no /clock, diagnostics are needed most
        self.create_timer(1.0, self.publish_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME))
        if self.config.autostart and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    @property
    def config(self) -> NodeConfig:
        return self.parameters.configs['']

    # life cycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            extractor = self.load_extractor(self.config.checkpoint, self.config.device)
            localizer = self.build_localizer(extractor, self.parameters.configs)
        except DejavuError as error:
            return self.refuse('configure', error)
        self.localizer, self.problem = localizer, ''
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            self.transforms = Transforms(self) if self.config.publish_tf else None
        except DejavuError as error:
            return self.refuse('activate', error)
        self.problem = self.warning = ''
        self.statistics, self.odometry = Statistics(), OdometryBuffer()
        self.map_T_odom: Pose | None = None
        self.initialpose_at = -float('inf')
        self.map_viewers = 0
        result = super().on_activate(state)
        self.worker = NewestWorker(self.work, self.config.max_rate)
        self.subscribe()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.localizer = None
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.stop()
        self.localizer = None
        return super().on_shutdown(state)

    def refuse(self, transition: str, error: DejavuError) -> TransitionCallbackReturn:
        self.problem = f'Cannot {transition}: {error}'
        self.get_logger().error(self.problem)
        return FAILURE

    def subscribe(self) -> None:
        config = self.config
        kind = Image if config.transport == 'raw' else CompressedImage
        reliability = getattr(ReliabilityPolicy, config.reliability.upper())
        self.inputs = [self.create_subscription(kind, config.image_topic, self.on_image,
                                                QoSProfile(depth=1, reliability=reliability))]
        if config.odom_topic:
            qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
            self.inputs.append(self.create_subscription(Odometry, config.odom_topic, self.on_odometry, qos))
        self.tf_timer = None
        if self.transforms:
            self.tf_timer = self.create_timer(1 / config.tf_rate, self.publish_transform)

    def stop(self) -> None:
        """End subscriptions and work, at once but for the frame in work. Does nothing where nothing runs."""
        if self.worker is None:
            return
        for subscription in self.inputs:
            self.destroy_subscription(subscription)
        self.inputs = []
        self.worker.stop()
        self.worker = None
        if self.transforms:
            self.destroy_timer(self.tf_timer)
            self.transforms.close()
            self.transforms = None

    def on_change_state(self, inherited, request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        """A transition that is not possible now is refused; rclpy lets it end the node (7.1.6, 3.3)."""
        try:
            return inherited(request, response)
        except RuntimeError as error:
            self.get_logger().error(f'No such transition now: {str(error).splitlines()[0]}')
            response.success = False
            return response

    # settings

    def build_localizer(self, extractor: FeatureExtractor, configs: Configs) -> Localizer:
        """Open the map and make a localizer with it. Raises MapError."""
        path = configs[''].map
        keyframes = self.open_map(path, extractor.checkpoint.identity) if path else None
        return self.make_localizer(extractor, keyframes, configs['localizer'])

    def replace_localizer(self, configs: Configs) -> None:
        """Take up another map or other settings; on an error everything stays as it was."""
        localizer = self.build_localizer(self.localizer.extractor, configs)
        with self.lock:
            self.localizer, self.map_viewers = localizer, 0
            self.forget()

    def forget(self) -> None:
        self.map_T_odom = None
        self.statistics.forget_pose()

    def change(self, configs: Configs, names: set[str]) -> None:
        """Take up new parameter values. Raises DejavuError to refuse them."""
        if self.localizer is None:
            return
        fixed = sorted(names - LIVE)
        if fixed:
            raise ConfigError(f'{", ".join(fixed)} cannot change while the node is configured: clean it up first '
                              f'(ros2 lifecycle set {self.get_fully_qualified_name()} cleanup)')
        if 'map' in names or any(name.startswith('localizer.') for name in names):
            self.replace_localizer(configs)
        if self.worker:
            self.worker.set_max_rate(configs[''].max_rate)

    # inputs

    def on_image(self, message: Image | CompressedImage) -> None:
        self.statistics.count_received()
        self.worker.put((message, time.perf_counter()))

    def on_odometry(self, message: Odometry) -> None:
        try:
            pose = pose_from_message(message.pose.pose)
        except DataError as error:
            self.warning = f'odometry is not used: {error}'
            return
        if message.child_frame_id not in ('', self.config.base_frame):
            self.warning = (f'odometry is not used: it is of frame {message.child_frame_id!r}, not of base_frame '
                            f'{self.config.base_frame!r}')
            return
        self.odometry.add(stamp_from_message(message.header.stamp), pose)

    # work, in the worker's thread

    def work(self, arrival: tuple[Image | CompressedImage, float]) -> None:
        """Answer one frame. Whatever goes wrong, the next one gets its chance."""
        try:
            self.process(*arrival)
            self.problem = ''
        except Exception as error:
            if not self.context.ok():
                return  # interrupted: nobody can be told any more
            self.statistics.count_failed()
            self.problem = f'A frame failed with {type(error).__name__}: {error}'
            self.get_logger().error(' '.join(self.problem.split()), throttle_duration_sec=10.0)

    def process(self, message: Image | CompressedImage, arrived: float) -> None:
        stamp_ns = stamp_from_message(message.header.stamp)
        odometry = self.odometry_at(stamp_ns)
        image = None
        with self.lock:  # until its answer is out, so that nothing of it follows a reset or another map
            localizer = self.localizer
            try:
                image = image_from_message(message)
                estimate = localizer.process(image, stamp_ns, self.config.camera, odometry)
            except ImageError as error:
                estimate = Estimate(stamp_ns, False, 'bad_image', [], 0.0, str(error))
            estimate = dataclasses.replace(estimate, latency_ms=(time.perf_counter() - arrived) * 1e3)
            self.statistics.count_processed(estimate)
            self.publish(estimate, localizer, odometry)
        if image is not None:
            self.publish_pictures(estimate, localizer, image)

    def odometry_at(self, stamp_ns: int) -> Pose | None:
        """odom_T_base from the topic, else from TF, else None."""
        if self.config.odom_topic:
            return self.odometry.at(stamp_ns)
        if self.transforms:
            return self.transforms.lookup(self.config.odom_frame, self.config.base_frame, stamp_ns)
        return None

    # outputs

    def publish(self, estimate: Estimate, localizer: Localizer, odometry: Pose | None) -> None:
        message = estimate_to_message(estimate, self.config.map_frame)
        message.checkpoint = localizer.extractor.checkpoint.identity
        if localizer.map is not None:
            message.map, message.map_revision = localizer.map.name, localizer.map.revision
        self.hypotheses_out.publish(message)
        if not estimate.accepted:
            return
        best = estimate.hypotheses[0]
        pose = PoseWithCovarianceStamped(header=message.header,
                                         pose=uncertain_pose_to_message(best.map_T_base, best.covariance))
        self.pose_out.publish(pose)
        now = time.monotonic()
        if self.config.publish_initialpose and now - self.initialpose_at >= self.config.initialpose_period:
            self.initialpose_at = now
            self.initialpose_out.publish(pose)
        if self.transforms:
            self.warning = '' if odometry else (f'{self.config.map_frame} -> {self.config.odom_frame} is not published: '
                                                'there is no odometry at the time of the image')
            self.map_T_odom = best.map_T_base @ odometry.inverse if odometry else self.map_T_odom

    def publish_transform(self) -> None:
        if self.map_T_odom is not None:
            ahead = int(self.config.tf_tolerance * 1e9)
            self.transforms.publish(self.config.map_frame, self.config.odom_frame,
                                    self.get_clock().now().nanoseconds + ahead, self.map_T_odom)

    def publish_pictures(self, estimate: Estimate, localizer: Localizer, image) -> None:
        """Markers and the debug image, for those who look."""
        viewers = self.markers_out.get_subscription_count()
        if viewers > self.map_viewers and localizer.map is not None:
            self.markers_out.publish(map_markers(localizer.map.positions, estimate.stamp_ns, self.config.map_frame))
        self.map_viewers = viewers
        if viewers:
            most = self.parameters.configs['localizer'].hypotheses
            self.markers_out.publish(estimate_markers(estimate, self.config.map_frame, most))
        if self.debug_image_out.get_subscription_count():
            keyframe = None
            if estimate.hypotheses:
                keyframe = decode_image(localizer.map.thumbnail(estimate.hypotheses[0].keyframe))
            picture = debug_image(image, keyframe, estimate)
            self.debug_image_out.publish(image_to_message(picture, estimate.stamp_ns, self.config.camera))

    def publish_diagnostics(self) -> None:
        config, localizer, worker = self.config, self.localizer, self.worker
        condition = Condition(active=worker is not None, problem=self.problem, warning=self.warning,
                              image_topic=self.resolve_topic_name(config.image_topic), pose_timeout=config.pose_timeout,
                              dropped=worker.dropped if worker else 0)
        extra = {'map': config.map, 'device': config.device, 'memory [MiB]': f'{memory(config.device):.0f}'}
        if localizer is not None:
            extra['checkpoint'] = localizer.extractor.checkpoint.identity
            if localizer.map is not None:
                extra |= {'map revision': str(localizer.map.revision), 'keyframes': str(len(localizer.map))}
        status = make_status(self.statistics, condition, self.get_fully_qualified_name(), config.camera, extra)
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self.diagnostics_out.publish(array)

    # services

    def on_relocalize(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.worker is None:
            response.message = 'the node is not active'
            return response
        self.worker.request()
        response.success, response.message = True, 'the next frame is processed; its answer comes on ~/hypotheses'
        return response

    def on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.localizer is None:
            response.message = 'the node is not configured'
            return response
        with self.lock:
            self.localizer.reset()
            self.forget()
        response.success, response.message = True, 'what earlier frames said is forgotten'
        return response

    def on_reload_map(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.localizer is None or not self.config.map:
            response.message = 'the node is not configured' if self.localizer is None else 'no map is set'
            return response
        try:
            self.replace_localizer(self.parameters.configs)
        except MapError as error:
            response.message = f'the map stays as it was: {error}'
            return response
        keyframes = self.localizer.map
        response.success = True
        response.message = f'{keyframes.name} revision {keyframes.revision}, {len(keyframes)} keyframes'
        return response


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; exit status 1 where it cannot start."""
    node = None
    try:
        rclpy.init(args=args)
        node = RelocalizeNode()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (DejavuError, RuntimeError) as error:
        if rclpy.ok() or node is None:
            print(f'relocalize: {" ".join(str(error).split())}', file=sys.stderr)
            return 1
    finally:
        if node is not None:
            node.stop()
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
