"""Whether the stamps of messages can be times of now, as the clock of the node has it. Imports no ROS."""

import collections
import re
import time
from collections.abc import Callable

from dejavu_ros.troubleshooting import (STAMP_AHEAD, STAMP_LATE, STAMP_OLD, STAMP_SINCE_BOOT, STAMP_STUCK, STAMP_ZERO)

SECOND = 10**9
EARLIEST = 10**9 * SECOND  # 2001: no robot of ours has a wall clock before it, and no machine runs for thirty years
OLD = 3600 * SECOND        # older messages were recorded
FAR = 1 * SECOND           # a smaller difference may be the way of a message
STEP_BACK = SECOND // 2    # messages may come so much out of order
PATIENCE = 3               # messages in a row before a small difference is spoken of
SEVERAL, OF = 4, 10        # of the last messages, before it is spoken of that they have the stamp of the one before
RECENT = 10.0              # seconds for which a step back is spoken of


class StampChecker:
    """The stamps of one topic. ``problem`` says in words what is wrong with them; empty: nothing."""

    def __init__(self, topic: str):
        self.topic, self.problem = topic, ''
        self._last: int | None = None
        self._far = 0
        self._same: collections.deque[bool] = collections.deque(maxlen=OF)

    def take(self, stamp_ns: int, now_ns: int) -> tuple[int, int]:
        """The time to use for a message that arrives at ``now_ns`` of the node's clock (0: it does not run).

        That is its stamp, or ``now_ns`` where it has none. The second number is by how many nanoseconds time went
        back, 0 where it did not.
        """
        if stamp_ns <= 0:
            used, problem = now_ns or time.time_ns(), STAMP_ZERO(topic=self.topic)
        else:
            used, problem = stamp_ns, self._judge(stamp_ns, now_ns)
        back = 0
        if self._last is not None:
            back = self._last - used if self._last - used > STEP_BACK else 0
            self._same.append(used == self._last)
            if sum(self._same) >= SEVERAL and not problem:
                problem = STAMP_STUCK(topic=self.topic)
        self._last, self.problem = stamp_ns if stamp_ns > 0 else None, problem
        return used, back

    def _judge(self, stamp_ns: int, now_ns: int) -> str:
        age = now_ns - stamp_ns
        if not now_ns or abs(age) <= FAR:
            self._far = 0
            return ''
        self._far += 1
        if now_ns >= EARLIEST > stamp_ns:
            return STAMP_SINCE_BOOT(topic=self.topic, stamp=stamp_ns / SECOND)
        if age > OLD:
            return STAMP_OLD(topic=self.topic, age=duration(age))
        if age < -OLD:
            return STAMP_AHEAD(topic=self.topic, age=duration(-age))
        if self._far < PATIENCE:
            return ''
        return (STAMP_LATE if age > 0 else STAMP_AHEAD)(topic=self.topic, age=duration(abs(age)))

    def forget(self) -> None:
        """Time begins anew: what comes next is no step back."""
        self._last, self._far = None, 0
        self._same.clear()


class ClockChecker:
    """The clock of a node that goes by ``/clock``: whether it runs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._now_ns, self._since = clock, None, clock()

    def silence(self, now_ns: int) -> float:
        """Seconds for which the clock, now at ``now_ns``, has not advanced; to be asked every second or so."""
        if now_ns != self._now_ns:
            self._now_ns, self._since = now_ns, self._clock()
        return self._clock() - self._since


class Throttle:
    """What was said is not said again for a while, whatever the numbers in it are by then."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic):
        self.seconds, self._clock = seconds, clock
        self._said: dict[str, float] = {}

    def due(self, words: str) -> bool:
        """Whether to say it now."""
        now, said = self._clock(), re.sub(r'(?<![\w/.])\d[\d.]*', '#', words)  # but not in names
        self._said = {other: moment for other, moment in self._said.items() if now - moment < self.seconds}
        if said in self._said:
            return False
        self._said[said] = now
        return True


def duration(nanoseconds: int) -> str:
    """In the largest unit that makes it at least one."""
    seconds = nanoseconds / SECOND
    for size, unit in ((365.25 * 86400, 'years'), (86400, 'days'), (3600, 'hours'), (60, 'minutes')):
        if seconds >= size:
            return f'{seconds / size:.1f} {unit}'
    return f'{seconds:.1f} s'
