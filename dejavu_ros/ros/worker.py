"""The newest frame wins: a slot for each camera, one thread, and nothing that queues up behind a slow machine."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any


class NewestWorker:
    """Calls ``work(item)`` in a thread of its own, always for the newest item of a slot; those overtaken are counted.

    Slots that are due take turns, so that no camera keeps another one waiting.
    """

    def __init__(self, work: Callable[[Any], None], max_rates: Mapping[str, float]):
        """``max_rates`` in Hz bound how often work on each slot starts; 0 waits for :meth:`request`."""
        self.work = work
        self.dropped = dict.fromkeys(max_rates, 0)
        self._max_rates = dict(max_rates)
        self._items: dict[str, Any] = {}
        self._started = dict.fromkeys(max_rates, -float('inf'))
        self._requested = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name='newest-frame', daemon=True)
        self._thread.start()

    def put(self, slot: str, item: Any) -> None:
        """Offer an item (not None); never waits."""
        with self._changed:
            self.dropped[slot] += slot in self._items
            self._items[slot] = item
            self._changed.notify()

    def request(self) -> None:
        """Work on the next item that arrives, whatever the rate."""
        with self._changed:
            self._drop()
            self._requested = True
            self._changed.notify()

    def clear(self) -> None:
        """Drop what waits."""
        with self._changed:
            self._drop()

    def set_max_rates(self, max_rates: Mapping[str, float]) -> None:
        with self._changed:
            self._max_rates.update(max_rates)
            self._changed.notify()

    def stop(self) -> None:
        """Finish the item in work, drop what waits, end the thread."""
        with self._changed:
            self._stopping = True
            self._drop()
            self._changed.notify()
        self._thread.join()

    def _drop(self) -> None:
        for slot in self._items:
            self.dropped[slot] += 1
        self._items.clear()

    def _run(self) -> None:
        while (item := self._take()) is not None:
            self.work(item)

    def _take(self) -> Any:
        """The newest item of the slot whose turn it is, as soon as one is due; None when stopping."""
        with self._changed:
            while not self._stopping:
                due = {slot: left for slot in self._items if (left := self._time_left(slot)) is not None}
                ready = [slot for slot, left in due.items() if left <= 0]
                if ready:
                    slot = min(ready, key=self._started.__getitem__)
                    self._started[slot], self._requested = time.monotonic(), False
                    return self._items.pop(slot)
                self._changed.wait(min(due.values(), default=None))
            return None

    def _time_left(self, slot: str) -> float | None:
        """Seconds until work on a slot may start again; None for never."""
        if self._requested:
            return 0.0
        if self._max_rates[slot] == 0:
            return None
        return self._started[slot] + 1 / self._max_rates[slot] - time.monotonic()
