"""Whether a camera is alive: does it send, and does it send something new?"""

import collections
import threading
import time
import zlib
from collections.abc import Callable

from dejavu_ros.troubleshooting import CAMERA_FROZEN, CAMERA_SILENT, NO_CAUSE

RATE_WINDOW = 5.0  # seconds over which rates are taken, and after which a camera counts as silent
FEW = 5  # pictures from which their share is told
FROZEN = 3.0  # seconds of one and the same picture: sensors have noise, if not simulated ones at a standstill
SAMPLES = 20000  # bytes of a picture that are compared


class Watch:
    """Notes when pictures of one camera arrive; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._lock, self._clock = threading.Lock(), clock
        self.started = clock()
        self.received = self.repeated = self.lost = 0
        self._arrivals: collections.deque[float] = collections.deque(maxlen=10000)
        self._losses: collections.deque[float] = collections.deque(maxlen=10000)
        self._picture, self._since = None, self.started

    def count(self, data) -> None:
        """A picture has come; ``data`` is the message's array of bytes."""
        picture = fingerprint(data)
        with self._lock:
            now = self._clock()
            self.received += 1
            self._arrivals.append(now)
            if picture != self._picture:
                self._picture, self._since = picture, now
            else:
                self.repeated += 1

    def count_lost(self, count: int) -> None:
        """``count`` pictures were sent and did not arrive."""
        with self._lock:
            self.lost += count
            self._losses.extend([self._clock()] * min(count, self._losses.maxlen))

    @property
    def share(self) -> float | None:
        """Share of the pictures sent of late that arrived, from 0 to 1; None where few are known of."""
        with self._lock:
            since = self._clock() - RATE_WINDOW
            came, lost = (sum(moment > since for moment in times) for times in (self._arrivals, self._losses))
            lost *= lost > 1  # one alone tells nothing, such as the first while the node is busy with starting
            return came / (came + lost) if came + lost >= FEW else None

    @property
    def rate(self) -> float:
        """Pictures a second, of late."""
        with self._lock:
            return rate(self._arrivals, self.started, self._clock())

    @property
    def silence(self) -> float:
        """Seconds since the last picture, or since the start."""
        with self._lock:
            return self._clock() - (self._arrivals[-1] if self._arrivals else self.started)

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return self._clock() - self.started

    @property
    def frozen(self) -> float:
        """For how many seconds the same picture has come again and again; 0 unless that is suspicious."""
        with self._lock:
            if not self._arrivals or self._picture is None:
                return 0.0
            seconds = self._arrivals[-1] - self._since
            return seconds if seconds >= FROZEN else 0.0

    def problem(self, topic: str, cause: Callable[[], str] | None = None) -> str:
        """What is wrong with the camera, in words; empty if nothing. ``cause`` says why nothing comes."""
        if self.silence > RATE_WINDOW:
            return CAMERA_SILENT(topic=topic, seconds=self.silence, cause=cause() if cause else NO_CAUSE())
        if self.frozen:
            return CAMERA_FROZEN(topic=topic, seconds=self.frozen)
        return ''


def rate(times: collections.deque[float], started: float, now: float) -> float:
    """How often a second something happened, over the last seconds."""
    span = min(RATE_WINDOW, now - started)
    return sum(1 for moment in times if moment > now - span) / span if span > 0 else 0.0


def fingerprint(data) -> int:
    """Of the bytes of a picture, or of a sample of those of a large one."""
    view = memoryview(data)
    return zlib.crc32(bytes(view[::max(1, len(view) // SAMPLES)]))
