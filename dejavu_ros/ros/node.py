"""The lifecycle node ``relocalize``: convert, call the localizer, publish."""

import dataclasses
import functools
import sys
import threading
import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from dejavu_ros.errors import ConfigError, DataError, DejavuError, ImageError, MapError
from dejavu_ros.geometry import Pose
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization import Estimate, Localizer
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ros.config import GROUPS, LIVE, NodeConfig, parse_mounting
from dejavu_ros.ros.conversions import header_from_message, image_from_message, pose_from_message, stamp_from_message
from dejavu_ros.ros.diagnostics import Condition, Statistics, make_status, memory
from dejavu_ros.ros.mounting import remount
from dejavu_ros.ros.odometry import OdometryBuffer
from dejavu_ros.ros.outputs import Outputs
from dejavu_ros.ros.parameters import Configs, Parameters
from dejavu_ros.ros.transforms import Transforms, tf2_ros
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
        self.outputs = Outputs(self)
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
        if self.config.publish_tf and tf2_ros is None:
            return self.refuse('activate', 'publish_tf is on, but tf2_ros is not installed: install '
                                           'ros-$ROS_DISTRO-tf2-ros-py, or turn publish_tf off')
        self.problem = self.warning = ''
        self.statistics, self.odometry = Statistics(), OdometryBuffer()
        self.base_T_camera = parse_mounting(self.config.base_T_camera)
        self.map_T_odom: Pose | None = None
        self.outputs.restart()
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

    def refuse(self, transition: str, error: DejavuError | str) -> TransitionCallbackReturn:
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
        self.transforms = Transforms(self) if tf2_ros else None
        self.tf_timer = self.create_timer(1 / config.tf_rate, self.publish_transform) if config.publish_tf else None

    def stop(self) -> None:
        """End subscriptions and work, at once but for the frame in work. Does nothing where nothing runs."""
        if self.worker is None:
            return
        for subscription in self.inputs:
            self.destroy_subscription(subscription)
        self.inputs = []
        self.worker.stop()
        self.worker = None
        if self.tf_timer:
            self.destroy_timer(self.tf_timer)
        if self.transforms:
            self.transforms.close()

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
            self.localizer = localizer
            self.outputs.restart()
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
        stamp_ns, camera_frame = header_from_message(message.header)
        odometry, base_T_camera = self.odometry_at(stamp_ns), self.mounting(camera_frame)
        image, config = None, self.config
        with self.lock:  # until its answer is out, so that nothing of it follows a reset or another map
            localizer = self.localizer
            try:
                image = image_from_message(message)
                estimate = localizer.process(image, stamp_ns, config.camera, odometry)
            except ImageError as error:
                estimate = Estimate(stamp_ns, False, 'bad_image', [], 0.0, str(error))
            if base_T_camera is not None and estimate.hypotheses:
                estimate = remount(estimate, localizer.map, base_T_camera)
            estimate = dataclasses.replace(estimate, latency_ms=(time.perf_counter() - arrived) * 1e3)
            if estimate.accepted and config.publish_tf:
                self.correct_odometry(estimate.hypotheses[0].map_T_base, odometry)
            self.statistics.count_processed(estimate)
            self.outputs.publish(estimate, localizer, config)
        if image is not None:
            self.outputs.publish_pictures(estimate, localizer, config, image)

    def odometry_at(self, stamp_ns: int) -> Pose | None:
        """odom_T_base from the topic, else from TF, else None."""
        if self.config.odom_topic:
            return self.odometry.at(stamp_ns)
        if self.transforms:
            return self.transforms.at(self.config.odom_frame, self.config.base_frame, stamp_ns)
        return None

    def mounting(self, camera_frame: str) -> Pose | None:
        """base_T_camera from the parameter, else from TF, else None: as in the map."""
        if self.base_T_camera is None and self.transforms:
            self.base_T_camera = self.transforms.fixed(self.config.base_frame, camera_frame)
        return self.base_T_camera

    def correct_odometry(self, map_T_base: Pose, odom_T_base: Pose | None) -> None:
        if odom_T_base is None:
            self.warning = (f'{self.config.map_frame} -> {self.config.odom_frame} is not brought up to date: there is no '
                            'odometry at the time of the image')
            return
        self.warning = ''
        self.map_T_odom = map_T_base @ odom_T_base.inverse

    # outputs beside those of a frame

    def publish_transform(self) -> None:
        if self.map_T_odom is not None:
            ahead = int(self.config.tf_tolerance * 1e9)
            self.transforms.publish(self.config.map_frame, self.config.odom_frame,
                                    self.get_clock().now().nanoseconds + ahead, self.map_T_odom)

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
