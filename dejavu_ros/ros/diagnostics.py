"""How the node is doing, in figures and in words."""

import collections
import dataclasses
import resource
import threading
import time
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from dejavu_ros.localization import Estimate

RATE_WINDOW = 5.0  # seconds over which rates are taken
LATENCIES = 1000  # frames over which latencies are taken


@dataclasses.dataclass(frozen=True)
class Condition:
    """What the node can do at the moment, whatever its images show."""

    active: bool
    problem: str  # what keeps it from working: a failed configuration, a failed frame; empty if nothing
    warning: str  # what is missing but not needed for hypotheses
    image_topic: str
    pose_timeout: float  # seconds
    dropped: int


class Statistics:
    """Counts of one activation; safe to use from several threads."""

    def __init__(self, clock=time.monotonic):
        self._lock = threading.Lock()
        self._clock = clock
        self.started = clock()
        self.received = self.processed = self.bad = self.accepted = self.failed = 0
        self.last: Estimate | None = None
        self.accepted_at = -float('inf')
        self._arrivals: collections.deque[float] = collections.deque(maxlen=10000)
        self._answers: collections.deque[float] = collections.deque(maxlen=10000)
        self._latencies: collections.deque[float] = collections.deque(maxlen=LATENCIES)

    def count_received(self) -> None:
        with self._lock:
            self.received += 1
            self._arrivals.append(self._clock())

    def count_failed(self) -> None:
        with self._lock:
            self.failed += 1

    def count_processed(self, estimate: Estimate) -> None:
        """``estimate.latency_ms`` counts from the arrival of the frame."""
        with self._lock:
            now = self._clock()
            self.processed += 1
            self.bad += estimate.reject_reason == 'bad_image'
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
                return _level(status.WARN), 'Not localized! The node is not active.'
            silence = now - (self._arrivals[-1] if self._arrivals else self.started)
            if silence > RATE_WINDOW:
                return _level(status.ERROR), (
                    f'Not localized! No image on {condition.image_topic} for {silence:.0f} s: is the camera on, and '
                    'are image_topic, transport and reliability right?')
            if now - self.accepted_at > condition.pose_timeout:
                if self.last is None:
                    return _level(status.WARN), 'Not localized! No frame has been processed yet.'
                reason = self.last.reject_reason or 'the last accepted pose is old'
                return _level(status.WARN), f'Not localized! {reason}: {self.last.detail}. {condition.warning}'.strip()
            if condition.warning:
                return _level(status.WARN), f'Localized. But {condition.warning}'
            return _level(status.OK), 'Localized.'

    def values(self, condition: Condition) -> dict[str, str]:
        """Figures by name."""
        with self._lock:
            now = self._clock()
            p50, p99 = np.percentile(self._latencies, (50, 99)) if self._latencies else (0.0, 0.0)
            return {'frames received': str(self.received), 'frames processed': str(self.processed),
                    'frames dropped': str(condition.dropped), 'frames bad': str(self.bad),
                    'frames failed': str(self.failed), 'frames accepted': str(self.accepted),
                    'input rate [Hz]': f'{self._rate(self._arrivals, now):.1f}',
                    'output rate [Hz]': f'{self._rate(self._answers, now):.1f}',
                    'latency p50 [ms]': f'{p50:.1f}', 'latency p99 [ms]': f'{p99:.1f}',
                    'last accepted [s ago]': f'{now - self.accepted_at:.1f}' if self.accepted else 'never',
                    'last reject reason': self.last.reject_reason if self.last else ''}

    def _rate(self, times: collections.deque[float], now: float) -> float:
        span = min(RATE_WINDOW, now - self.started)
        return sum(1 for moment in times if moment > now - span) / span if span > 0 else 0.0


def make_status(statistics: Statistics, condition: Condition, node_name: str, hardware: str,
                extra: dict[str, str]) -> DiagnosticStatus:
    """``node_name`` fully qualified."""
    level, message = statistics.verdict(condition)
    values = {'node': node_name, **extra, **statistics.values(condition)}
    return DiagnosticStatus(level=bytes([level]), name=f'{node_name}: relocalization', hardware_id=hardware,
                            message=' '.join(message.split()),
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
