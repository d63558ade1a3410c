import threading
import time

import pytest

from dejavu_ros.ros.worker import NewestWorker


class Slow:
    """Work that waits to be let go."""

    def __init__(self):
        self.done, self.taken, self.go = [], threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, item):
        self.taken.release()
        assert self.go.acquire(timeout=10)
        self.done.append(item)


@pytest.fixture
def run():
    workers = []

    def start(work, max_rate=1000.0):
        workers.append(NewestWorker(work, max_rate))
        return workers[-1]

    yield start
    for worker in workers:
        worker.stop()


def test_newest_wins_and_the_others_are_counted(run):
    slow = Slow()
    worker = run(slow)
    worker.put(1)
    assert slow.taken.acquire(timeout=10)
    for item in range(2, 8):
        worker.put(item)
    assert worker.dropped == 5
    slow.go.release(2)
    assert slow.taken.acquire(timeout=10)
    worker.stop()
    assert slow.done == [1, 7] and worker.dropped == 5


def test_stop_ends_the_thread_and_drops_what_waits(run):
    slow = Slow()
    worker = run(slow)
    worker.put(1)
    assert slow.taken.acquire(timeout=10)
    worker.put(2)
    slow.go.release()
    threads = threading.active_count()
    worker.stop()
    assert threading.active_count() == threads - 1
    assert slow.done in ([1], [1, 2])
    assert len(slow.done) + worker.dropped == 2


def test_rate_takes_the_newest_when_it_is_due(run):
    times, done = [], threading.Semaphore(0)

    def work(item):
        times.append((item, time.monotonic()))
        done.release()

    worker = run(work, max_rate=4.0)
    worker.put(1)
    assert done.acquire(timeout=10)
    worker.put(2)
    worker.put(3)
    assert done.acquire(timeout=10)
    (first, start), (second, end) = times
    assert (first, second) == (1, 3) and end - start >= 0.25


def test_only_on_request(run):
    done = []
    worker = run(done.append, max_rate=0.0)
    worker.put(1)
    worker.request()
    time.sleep(0.05)
    assert not done and worker.dropped == 1
    worker.put(2)
    end = time.monotonic() + 10
    while not done and time.monotonic() < end:
        time.sleep(0.005)
    worker.put(3)
    time.sleep(0.05)
    assert done == [2]
    worker.set_max_rate(100.0)
    while len(done) < 2 and time.monotonic() < end:
        time.sleep(0.005)
    assert done == [2, 3]
