"""How the node is doing, in figures and in words."""

import collections
import dataclasses
import resource
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from dejavu_ros.localization import Estimate
from dejavu_ros.localization.estimate import BAD_IMAGE
from dejavu_ros.ros.cameras import CameraInput, Cameras
from dejavu_ros.ros.config import NodeConfig
from dejavu_ros.ros.delivery import explain
from dejavu_ros.ros.loaded import Loaded
from dejavu_ros.ros.watch import RATE_WINDOW, Watch, rate
from dejavu_ros.troubleshooting import NO_CAUSE, NO_FRAME, NO_IMAGE, NO_IMAGE_YET, NOT_ACTIVE, POSE_IS_OLD, sentence

LATENCIES = 1000  # frames over which latencies are taken


@dataclasses.dataclass(frozen=True)
class Condition:
    """What the node can do at the moment, whatever its images show."""

    active: bool
    problem: str  # what keeps it from working: a failed configuration, a failed frame; empty if nothing
    warning: str  # what is missing but not needed for hypotheses
    watches: Mapping[str, Watch]  # by the topics of the cameras
    pose_timeout: float  # seconds
    dropped: int
    causes: Mapping[str, str] = dataclasses.field(default_factory=dict)  # why a topic is silent
    missing: str = ''  # the part of the warning that is not about cameras


class Statistics:
    """Counts of one activation; safe to use from several threads."""

    def __init__(self, clock=time.monotonic):
        self._lock = threading.Lock()
        self._clock = clock
        self.started = clock()
        self.processed = self.bad = self.accepted = self.failed = 0
        self.last: Estimate | None = None
        self.accepted_at = -float('inf')
        self._answers: collections.deque[float] = collections.deque(maxlen=10000)
        self._latencies: collections.deque[float] = collections.deque(maxlen=LATENCIES)

    def count_failed(self) -> None:
        with self._lock:
            self.failed += 1

    def count_processed(self, estimate: Estimate) -> None:
        """``estimate.latency_ms`` counts from the arrival of the frame."""
        with self._lock:
            now = self._clock()
            self.processed += 1
            self.bad += estimate.reject_reason == BAD_IMAGE
            self.last = estimate
            self._answers.append(now)
            self._latencies.append(estimate.latency_ms)
            if estimate.accepted:
                self.accepted += 1
                self.accepted_at = now

    def forget_pose(self) -> None:
        """The robot is not localized until the next accepted frame."""
        with self._lock:
            self.last, self.accepted_at = None, -float('inf')

    def verdict(self, condition: Condition) -> tuple[int, str]:
        """Level and message of the diagnostics."""
        status = DiagnosticStatus
        with self._lock:
            now = self._clock()
            if condition.problem:
                return _level(status.ERROR), f'Not localized! {condition.problem}'
            if not condition.active:
                return _level(status.WARN), f'Not localized! {NOT_ACTIVE()} {condition.warning}'.strip()
            silence = min(watch.silence for watch in condition.watches.values())
            if silence > RATE_WINDOW:
                cause = '; '.join(dict.fromkeys(condition.causes.values())) or NO_CAUSE()
                words = NO_IMAGE(topics=', '.join(condition.watches), seconds=silence, cause=cause)
                return _level(status.ERROR), f'Not localized! {sentence(words)} {condition.missing}'.strip()
            if now - self.accepted_at > condition.pose_timeout:
                if self.last is None:
                    return _level(status.WARN), f'Not localized! {NO_FRAME()} {condition.warning}'.strip()
                reason = self.last.reject_reason or POSE_IS_OLD()
                if self.last.detail and self.last.detail not in condition.warning:  # else it is said there
                    reason = f'{reason}: {self.last.detail}'
                return _level(status.WARN), f'Not localized! {sentence(reason)} {condition.warning}'.strip()
            if condition.warning:
                return _level(status.WARN), f'Localized. But {condition.warning}'
            return _level(status.OK), 'Localized.'

    def values(self, condition: Condition) -> dict[str, str]:
        """Figures by name."""
        with self._lock:
            now = self._clock()
            p50, p99 = np.percentile(self._latencies, (50, 99)) if self._latencies else (0.0, 0.0)
            watches = condition.watches.values()
            return {'frames received': str(sum(watch.received for watch in watches)),
                    'frames processed': str(self.processed), 'frames dropped': str(condition.dropped),
                    'frames bad': str(self.bad), 'frames failed': str(self.failed),
                    'frames accepted': str(self.accepted),
                    'input rate [Hz]': f'{sum(watch.rate for watch in watches):.1f}',
                    'output rate [Hz]': f'{rate(self._answers, self.started, now):.1f}',
                    'latency p50 [ms]': f'{p50:.1f}', 'latency p99 [ms]': f'{p99:.1f}',
                    'last accepted [s ago]': f'{now - self.accepted_at:.1f}' if self.accepted else 'never',
                    'last reject reason': self.last.reject_reason if self.last else ''}


def report(statistics: Statistics, config: NodeConfig, loaded: Loaded | None, cameras: Cameras | None,
           warnings: Mapping[str, str], problem: str, node_name: str) -> list[DiagnosticStatus]:
    """How the node is doing, and each of its cameras; ``node_name`` fully qualified, ``cameras`` None: inactive."""
    inputs = cameras.inputs if cameras else {}
    problems = {name: ' '.join(camera.problems(loaded)) for name, camera in inputs.items()}
    words = [f'camera {name}: {text}' if len(inputs) > 1 else text for name, text in problems.items() if text]
    if loaded is not None and loaded.problem:
        words.insert(0, loaded.problem)
    missing = ' '.join(map(sentence, warnings.values()))
    causes = {camera.topic: camera.cause_of_silence() for camera in inputs.values()
              if camera.watch.silence > RATE_WINDOW}
    condition = Condition(cameras is not None, problem, ' '.join(filter(None, [*map(sentence, words), missing])),
                          {camera.topic: camera.watch for camera in inputs.values()}, config.pose_timeout,
                          sum(cameras.worker.dropped.values()) if cameras else 0, causes, missing)
    extra = {'map': config.map, 'device': config.device, 'memory [MiB]': f'{memory(config.device):.0f}'}
    if loaded is not None:
        extra['checkpoint'] = loaded.extractor.checkpoint.identity
        if loaded.map is not None:
            extra |= {'map revision': str(loaded.map.revision), 'keyframes': str(len(loaded.map))}
    names = ', '.join(config.cameras or (config.camera,))
    return [make_status(statistics, condition, node_name, names, extra),
            *(make_camera_status(camera, problems[name], cameras.worker.dropped[name], node_name)
              for name, camera in inputs.items())]


def make_status(statistics: Statistics, condition: Condition, node_name: str, hardware: str,
                extra: dict[str, str]) -> DiagnosticStatus:
    """``node_name`` fully qualified."""
    level, message = statistics.verdict(condition)
    values = {'node': node_name, **extra, **statistics.values(condition)}
    return _status(level, f'{node_name}: relocalization', hardware, message, values)


def make_camera_status(camera: CameraInput, problem: str, dropped: int, node_name: str) -> DiagnosticStatus:
    """Of one camera."""
    watch, known = camera.watch, camera.known
    problem = problem or ('' if watch.received else NO_IMAGE_YET())
    level = DiagnosticStatus.WARN if problem else DiagnosticStatus.OK
    values = {'topic': camera.topic, 'frames received': str(watch.received), 'frames repeated': str(watch.repeated),
              'frames dropped': str(dropped), 'frames lost': str(watch.lost),
              'input rate [Hz]': f'{watch.rate:.1f}', 'published': explain(camera.delivery, camera.transport)[0],
              'subscribed': camera.images.reliability,
              'calibration': 'known' if known.lens else 'not known',
              'mounting': 'known' if known.base_T_camera else 'as in the map',
              'mask': 'none' if known.mask is None else f'hides {1 - known.mask.mean():.0%}'}
    return _status(_level(level), f'{node_name}: camera {camera.name}', camera.name, problem or 'It sends.', values)


def _status(level: int, name: str, hardware: str, message: str, values: dict[str, str]) -> DiagnosticStatus:
    return DiagnosticStatus(level=bytes([level]), name=name, hardware_id=hardware, message=' '.join(message.split()),
                            values=[KeyValue(key=key, value=value) for key, value in values.items()])


def memory(device: str) -> float:
    """MiB in use by the network on its GPU, or by the whole process where it runs on the CPU."""
    if device.startswith('cuda'):
        import torch

        return torch.cuda.memory_allocated(device) / 2**20
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _level(level: bytes | int) -> int:
    return level[0] if isinstance(level, bytes) else level
