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
        workers.append(NewestWorker(work, {'front': max_rate, 'rear': 1000.0}))
        return workers[-1]

    yield start
    for worker in workers:
        worker.stop()


def test_newest_wins_and_the_others_are_counted(run):
    slow = Slow()
    worker = run(slow)
    worker.put('front', 1)
    assert slow.taken.acquire(timeout=10)
    for item in range(2, 8):
        worker.put('front', item)
    assert worker.dropped['front'] == 5
    slow.go.release(2)
    assert slow.taken.acquire(timeout=10)
    worker.stop()
    assert slow.done == [1, 7] and worker.dropped['front'] == 5


def test_stop_ends_the_thread_and_drops_what_waits(run):
    slow = Slow()
    worker = run(slow)
    worker.put('front', 1)
    assert slow.taken.acquire(timeout=10)
    worker.put('front', 2)
    slow.go.release()
    threads = threading.active_count()
    worker.stop()
    assert threading.active_count() == threads - 1
    assert slow.done in ([1], [1, 2])
    assert len(slow.done) + worker.dropped['front'] == 2


def test_rate_takes_the_newest_when_it_is_due(run):
    times, done = [], threading.Semaphore(0)

    def work(item):
        times.append((item, time.monotonic()))
        done.release()

    worker = run(work, max_rate=4.0)
    worker.put('front', 1)
    assert done.acquire(timeout=10)
    worker.put('front', 2)
    worker.put('front', 3)
    assert done.acquire(timeout=10)
    (first, start), (second, end) = times
    assert (first, second) == (1, 3) and end - start >= 0.25


def test_only_on_request(run):
    done = []
    worker = run(done.append, max_rate=0.0)
    worker.put('front', 1)
    worker.request()
    time.sleep(0.05)
    assert not done and worker.dropped['front'] == 1
    worker.put('front', 2)
    end = time.monotonic() + 10
    while not done and time.monotonic() < end:
        time.sleep(0.005)
    worker.put('front', 3)
    time.sleep(0.05)
    assert done == [2]
    worker.set_max_rates({'front': 100.0})
    while len(done) < 2 and time.monotonic() < end:
        time.sleep(0.005)
    assert done == [2, 3]


def test_cameras_take_turns_and_one_that_floods_keeps_nobody_waiting(run):
    slow = Slow()
    worker = run(slow)
    worker.put('front', 'front 0')
    assert slow.taken.acquire(timeout=10)
    for number in range(1, 10):
        worker.put('front', f'front {number}')
    worker.put('rear', 'rear 0')
    slow.go.release(3)
    for _ in range(2):
        assert slow.taken.acquire(timeout=10)
    worker.stop()
    assert slow.done == ['front 0', 'rear 0', 'front 9'] and worker.dropped == {'front': 8, 'rear': 0}


def test_a_camera_that_only_works_on_request_does_not_stop_the_others(run):
    done = []
    worker = run(done.append, max_rate=0.0)
    worker.put('front', 'front')
    worker.put('rear', 'rear')
    end = time.monotonic() + 10
    while not done and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(0.05)
    assert done == ['rear']
