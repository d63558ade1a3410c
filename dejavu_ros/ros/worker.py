"""The newest frame wins: one slot, one thread, and nothing that queues up behind a slow machine."""

import threading
import time
from collections.abc import Callable
from typing import Any


class NewestWorker:
    """Calls ``work(item)`` in a thread of its own, always for the newest item; those overtaken are ``dropped``."""

    def __init__(self, work: Callable[[Any], None], max_rate: float):
        """``max_rate`` in Hz bounds how often work starts; 0 waits for :meth:`request`."""
        self.work = work
        self.dropped = 0
        self._max_rate = max_rate
        self._item = None
        self._requested = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name='newest-frame', daemon=True)
        self._thread.start()

    def put(self, item: Any) -> None:
        """Offer an item (not None); never waits."""
        with self._changed:
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def request(self) -> None:
        """Work on the next item that arrives, whatever the rate."""
        with self._changed:
            self.dropped += self._item is not None
            self._item, self._requested = None, True
            self._changed.notify()

    def set_max_rate(self, max_rate: float) -> None:
        with self._changed:
            self._max_rate = max_rate
            self._changed.notify()

    def stop(self) -> None:
        """Finish the item in work, drop the waiting one, end the thread."""
        with self._changed:
            self._stopping = True
            self.dropped += self._item is not None
            self._item = None
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        started = -float('inf')
        while (item := self._take(started)) is not None:
            started = time.monotonic()
            self.work(item)

    def _take(self, last_start: float) -> Any:
        """The newest item as soon as one is due; None when stopping."""
        with self._changed:
            while not self._stopping:
                wait = None
                if self._item is not None:
                    wait = self._time_left(last_start)
                    if wait is not None and wait <= 0:
                        item, self._item, self._requested = self._item, None, False
                        return item
                self._changed.wait(wait)
            return None

    def _time_left(self, last_start: float) -> float | None:
        """Seconds until work may start again; None for never."""
        if self._requested:
            return 0.0
        if self._max_rate == 0:
            return None
        return last_start + 1 / self._max_rate - time.monotonic()
