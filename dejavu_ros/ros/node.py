"""The lifecycle node ``relocalize``: convert, call the localizer, publish."""

import dataclasses
import functools
import sys
import threading
import time
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import Trigger

from dejavu_ros.errors import ConfigError, DataError, DejavuError, ImageError, MapError, in_words
from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.keyframes.own_checkpoint import extractor_for
from dejavu_ros.localization import Estimate, Localizer
from dejavu_ros.localization.estimate import BAD_IMAGE
from dejavu_ros.localization.frame_ring import FrameRing
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ros.bond import break_bond, form_bond
from dejavu_ros.ros.cameras import Arrival, Cameras, described
from dejavu_ros.ros.config import GROUPS, NodeConfig, cameras_of, is_live
from dejavu_ros.ros.conversions import image_from_message, uncertain_pose_from_message
from dejavu_ros.ros.diagnostics import Statistics, report
from dejavu_ros.ros.endpoints import namesakes
from dejavu_ros.ros.frames import Frames
from dejavu_ros.ros.installing import how_to_get
from dejavu_ros.ros.introduction import introduction
from dejavu_ros.ros.loaded import Loaded
from dejavu_ros.ros.outputs import Outputs
from dejavu_ros.ros.parameters import Configs, Parameters
from dejavu_ros.ros.params_files import foreign_files
from dejavu_ros.ros.stamps import RECENT, Throttle
from dejavu_ros.ros.timing import NodeClock, stamp_of_now
from dejavu_ros.ros.transforms import tf2_ros
from dejavu_ros.troubleshooting import (CANNOT, FRAME_FAILED, NO_TF2, PARAMETERS_OF_OTHERS, PRIOR_REFUSED, SAME_NAME,
                                        TIME_WENT_BACK, UNKNOWN_PARAMETER)

RCLError = rclpy_implementation.RCLError
LOG_PERIOD = 30.0  # seconds before a warning that still holds is logged again
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def rings(config: NodeConfig) -> dict[str, FrameRing]:
    """Where the frames of each camera are kept that were not accepted. Raises DataError for a folder that cannot be."""
    if not config.rejected_frames:
        return {}
    folder, names = Path(config.rejected_frames), config.cameras or (config.camera,)
    size = max(1, config.rejected_frames_mb // len(names))
    return {name: FrameRing(folder / name if config.cameras else folder, size) for name in names}


class RelocalizeNode(LifecycleNode):
    """Inactive it has no subscriptions and computes nothing; active, one thread works on the newest frame.

    Images arrive and services answer in the executor's thread. ``lock`` guards the localizer between the two.
    """

    def __init__(self, *, load_extractor=extractor_for, open_map=KeyframeMap.open, make_localizer=Localizer, **node):
        """The three functions are those of the package unless replaced, ``node`` goes to rclpy. Raises ConfigError."""
        super().__init__('relocalize', **node)
        self.load_extractor, self.open_map, self.make_localizer = load_extractor, open_map, make_localizer
        self.lock = threading.Lock()
        self.loaded = self.cameras = self.frames = self.prior_in = self.bond = self.watched_clock = None
        self.throttle = Throttle(LOG_PERIOD)
        self.rings: dict[str, FrameRing] = {}
        self.problem = ''
        self.warnings: dict[str, str] = {}  # by subject, until they are mended
        self.went_back = '', -float('inf')
        self.statistics = Statistics()
        self.parameters = Parameters(self, GROUPS, self.change)
        if others := [name for name, suggestion in self.parameters.unknown.items() if not suggestion]:
            self.get_logger().warning(f'These parameters are not ours and have no effect: {", ".join(others)}')
        self.foreign_files = self.find_foreign_files([*sys.argv, *(node.get('cli_args') or ())])
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

    def find_foreign_files(self, arguments: list[str]) -> dict[str, str]:
        """What to say of each given parameter file that is for nodes of names like ours; others are logged."""
        said, name = {}, self.get_fully_qualified_name()
        for path, (names, alike) in foreign_files(arguments, name).items():
            words = PARAMETERS_OF_OTHERS(file=path, node=name, names=', '.join(names))
            if alike:
                said[f'parameters {path}'] = words
            else:
                self.get_logger().warning(words)
        return said

    @property
    def localizer(self) -> Localizer | None:
        """None before it is configured, and without a map."""
        return self.loaded.localizer if self.loaded else None

    # life cycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            self.described = described(cameras_of(self.parameters.configs))
            loaded = self.load(self.parameters.configs)
        except Exception as error:  # rclpy would say nothing
            return self.refuse('configure', in_words(error))
        self.loaded, self.problem = loaded, ''
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self.config.publish_tf and tf2_ros is None:
            return self.refuse('activate', NO_TF2(advice=how_to_get('tf2-ros-py')))
        try:
            self.rings = rings(self.config)
        except DataError as error:
            return self.refuse('activate', str(error))
        self.problem, self.statistics = '', Statistics()
        self.outputs.restart()
        result = super().on_activate(state)
        try:
            self.start()
        except Exception as error:  # a topic's name that cannot be; rclpy would say nothing
            self.stop()
            super().on_deactivate(state)
            return self.refuse('activate', in_words(error))
        self.get_logger().info(introduction(self.loaded, self.config, cameras_of(self.parameters.configs),
                                            self.resolve_topic_name))
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.loaded = None
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.stop()
        self.loaded = None
        return super().on_shutdown(state)

    def refuse(self, transition: str, reason: str) -> TransitionCallbackReturn:
        self.problem = CANNOT(transition=transition, reason=reason)
        self.get_logger().error(self.problem)
        return FAILURE

    def start(self) -> None:
        self.frames = Frames(self, self.config)
        self.cameras = Cameras(self, cameras_of(self.parameters.configs), self.described, self.work,
                               self.on_time_went_back)
        self.watched_clock = NodeClock(self, self.on_time_went_back)
        self.bond = form_bond(self)
        self.prior_in = self.create_subscription(PoseWithCovarianceStamped, 'initialpose_prior', self.on_prior, 1)

    def stop(self) -> None:
        """End subscriptions and work, at once but for the frame in work. Does nothing where nothing runs."""
        if self.prior_in:
            self.destroy_subscription(self.prior_in)
        if self.cameras:
            self.cameras.stop()
        for part in self.frames, self.watched_clock:
            if part:
                part.close()
        if self.bond:
            break_bond(self, self.bond)
        self.cameras = self.frames = self.prior_in = self.bond = self.watched_clock = None
        self.warnings.clear()

    def on_change_state(self, inherited, request: ChangeState.Request,
                        response: ChangeState.Response) -> ChangeState.Response:
        """A transition that is not possible now is refused; rclpy lets it end the node (7.1.6, 3.3)."""
        try:
            return inherited(request, response)
        except RCLError as error:
            self.get_logger().error(f'No such transition now: {str(error).splitlines()[0]}')
            response.success = False
            return response

    # settings

    def load(self, configs: Configs, present: FeatureExtractor | None = None) -> Loaded:
        """Open the map and make a localizer on it, with the ``present`` network where the map is made with it.

        Raises CheckpointError, MapError, ConfigError.
        """
        config, path = configs[''], configs[''].map
        try:
            extractor = self.load_extractor(path, config.checkpoint, config.device, config.precision, present)
            keyframes = self.open_map(path, extractor.checkpoint.identity) if path else None
            localizer = self.make_localizer(extractor, keyframes, configs['localizer']) if path else None
            return Loaded(configs['localizer'], extractor, localizer)
        except DejavuError:
            raise
        except Exception as error:  # no memory left, a disk that fails: the node lives on with what it has
            raise MapError(f'{f"map {path}" if path else "the network"} cannot be used: {in_words(error)}') from error

    def reload(self, configs: Configs) -> None:
        """Take up another map or other settings; on an error everything stays as it was."""
        loaded = self.load(configs, self.loaded.extractor)
        with self.lock:
            self.loaded = loaded
            self.outputs.restart()
            self.forget()

    def forget(self) -> None:
        """The robot is not localized until the next accepted frame."""
        self.statistics.forget_pose()
        if self.frames:
            self.frames.forget()

    def on_time_went_back(self, topic: str, now_ns: int, back_ns: int) -> None:
        """A recording plays again, a simulator or a clock was set back: what was known is of another time."""
        if self.cameras is None:
            return
        self.went_back = TIME_WENT_BACK(topic=topic, seconds=back_ns * 1e-9), time.perf_counter()
        self.cameras.forget_time()
        with self.lock:  # of the frame in work nothing must follow
            self.loaded.reset()
            self.frames.forget_time(now_ns)
            self.forget()

    def change(self, configs: Configs, names: set[str]) -> None:
        """Take up new parameter values. Raises DejavuError to refuse them."""
        if self.loaded is None:
            return
        fixed = sorted(name for name in names if not is_live(name))
        if fixed:
            raise ConfigError(f'{", ".join(fixed)} cannot change while the node is configured: clean it up first '
                              f'(ros2 lifecycle set {self.get_fully_qualified_name()} cleanup)')
        if 'map' in names or any(name.startswith('localizer.') for name in names):
            self.reload(configs)
        if self.cameras:
            self.cameras.worker.set_max_rates({name: own.max_rate for name, own in cameras_of(configs).items()})

    # inputs

    def on_prior(self, message: PoseWithCovarianceStamped) -> None:
        try:
            pose, covariance = uncertain_pose_from_message(message.pose)
        except DataError as error:
            self.refuse_prior(str(error))
            return
        if message.header.frame_id not in ('', self.config.map_frame):
            self.refuse_prior(f'it is in frame {message.header.frame_id!r}, the map in {self.config.map_frame!r}')
            return
        try:
            with self.lock:
                self.loaded.expect(pose, covariance)
        except DataError as error:
            self.refuse_prior(str(error))
            return
        self.warnings.pop('prior', None)

    def refuse_prior(self, reason: str) -> None:
        self.warnings['prior'] = PRIOR_REFUSED(reason=reason)

    # work, in the worker's thread

    def work(self, arrival: Arrival) -> None:
        """Answer one frame. Whatever goes wrong, the next one gets its chance."""
        try:
            self.process(arrival)
            self.problem = ''
        except Exception as error:
            if not self.context.ok():
                return  # interrupted: nobody can be told any more
            self.statistics.count_failed()
            self.problem = FRAME_FAILED(reason=in_words(error))
            self.get_logger().error(self.problem, throttle_duration_sec=10.0)

    def process(self, arrival: Arrival) -> None:
        image, config, camera = None, self.config, arrival.camera.name
        stamp_ns = arrival.stamp_ns
        odom_T_base = self.frames.odom_T_base(stamp_ns)
        with self.lock:  # until its answer is out, so that nothing of it follows a reset or another map
            if arrival.moment < self.went_back[1]:
                return  # it is of a time that is to come again
            loaded = self.loaded
            try:
                image = image_from_message(arrival.message, arrival.camera.tones)
                arrival.camera.introduce(loaded, arrival.message, image.shape[1::-1], self.frames.transforms,
                                         config.base_frame)
                estimate = loaded.process(image, stamp_ns, camera, odom_T_base)
            except ImageError as error:
                estimate = Estimate(stamp_ns, False, BAD_IMAGE, [], 0.0, str(error))
            estimate = dataclasses.replace(estimate, latency_ms=(time.perf_counter() - arrival.moment) * 1e3)
            if estimate.withdraws:
                self.forget()
            if estimate.accepted:
                self.frames.correct(estimate.hypotheses[0].map_T_base, odom_T_base, stamp_ns)
            self.statistics.count_processed(estimate)
            self.outputs.publish(estimate, loaded, config, camera)
        if image is not None:
            self.outputs.publish_pictures(estimate, loaded, config, image, camera)
            if self.rings:
                self.rings[camera].add(image, estimate)

    def publish_diagnostics(self) -> None:
        warnings = self.shortcomings()
        array = DiagnosticArray(status=report(self.statistics, self.config, self.loaded, self.cameras, warnings,
                                              self.problem, self.get_fully_qualified_name()))
        array.header.stamp = stamp_of_now(self)
        self.diagnostics_out.publish(array)
        said, inputs = list(warnings.values()), self.cameras.inputs if self.cameras else {}
        for name, camera in inputs.items():
            prefix = f'Camera {name}: ' if len(inputs) > 1 else ''
            said += [prefix + words for words in camera.problems(self.loaded)]
        last = self.statistics.last
        if last and last.reject_reason == BAD_IMAGE and not any(last.detail in words for words in said):
            said.append(f'{BAD_IMAGE}: {last.detail}')
        for words in said:
            if self.throttle.due(words):
                self.get_logger().warning(words)

    def shortcomings(self) -> dict[str, str]:
        """What is missing or wrong around the node, in words, by subject."""
        found = self.warnings | self.foreign_files
        if self.frames:
            found |= self.frames.problems()
        if self.loaded and (words := getattr(self.loaded.extractor.checkpoint, 'warning', '')):
            found['checkpoint'] = words
        if self.watched_clock and (words := self.watched_clock.problem()):
            found['clock'] = words
        if time.perf_counter() - self.went_back[1] < RECENT:
            found['time'] = self.went_back[0]
        if (count := namesakes(self)) > 1:
            found['name'] = SAME_NAME(count=count, name=self.get_fully_qualified_name())
        found |= {f'parameter {name}': UNKNOWN_PARAMETER(name=name, suggestion=suggestion)
                  for name, suggestion in self.parameters.unknown.items() if suggestion}
        return found

    # services

    def on_relocalize(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.cameras is None:
            response.message = 'the node is not active'
            return response
        self.cameras.worker.request()
        response.success, response.message = True, 'the next frame is processed; its answer comes on ~/hypotheses'
        return response

    def on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.loaded is None:
            response.message = 'the node is not configured'
            return response
        with self.lock:
            self.loaded.reset()
            self.forget()
        response.success, response.message = True, 'what earlier frames said is forgotten'
        return response

    def on_reload_map(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.loaded is None or not self.config.map:
            response.message = 'the node is not configured' if self.loaded is None else 'no map is set'
            return response
        try:
            self.reload(self.parameters.configs)
        except DejavuError as error:
            response.message = f'the map stays as it was: {error}'
            return response
        keyframes = self.loaded.map
        response.success = True
        response.message = f'{keyframes.name} revision {keyframes.revision}, {len(keyframes)} keyframes'
        return response
