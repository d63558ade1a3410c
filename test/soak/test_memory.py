"""Growth of memory is what it is from when it has settled to the end."""

import mmap
import os

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('dejavu_ros.msg', reason='the messages are not built')

from dejavu_ros.soak.memory import growth, resident  # noqa: E402


def test_a_leak_is_seen_and_the_start_is_not():
    start = np.minimum(np.arange(1800) / 60, 1.0) * 100
    assert growth(list(400 + start)) == pytest.approx(0.0)
    assert growth(list(500 + np.arange(1800) / 1800 * 50)) == pytest.approx(8.7, abs=0.5)


def test_one_reading_that_is_off_does_not_matter():
    samples = [500.0] * 90
    samples[-1] = samples[31] = 900.0
    assert growth(samples) == 0.0


def test_resident_memory_of_a_process():
    before = resident(os.getpid())
    with mmap.mmap(-1, 50_000_000) as pages:  # an array may be given what an earlier one has left resident
        for page in range(0, len(pages), mmap.PAGESIZE):
            pages[page] = 1
        assert 30 < resident(os.getpid()) - before < 80
