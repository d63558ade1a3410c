"""From an image message to its hypotheses, over DDS, with the node as a program of its own."""

import os
import time
from pathlib import Path

import numpy as np

from dejavu_ros.bench.config import BenchConfig
from dejavu_ros.errors import DejavuError
from dejavu_ros.ros.player import Player, running_node

TOPIC = '/bench/image_raw'
START = 120.0  # seconds that the node may take to open its map
SETTLING = 1.0  # seconds of images before it counts
LAST_ANSWERS = 2.0  # seconds to wait for those


def measure(map_path: Path, images: list[np.ndarray], shortlist: int, config: BenchConfig) -> dict[str, float]:
    """Send ``images`` in turn at the rate of ``config``; latencies in ms, answers a second, the node's use of cores.

    The newest image wins: one that comes while another is in work may never be answered. Raises DejavuError where the
    node does not start, or answers nothing.
    """
    log = map_path.with_suffix('.log')
    parameters = {'map': map_path.resolve(), 'image_topic': TOPIC, 'max_rate': 1000.0, 'device': config.device,
                  'checkpoint': os.path.abspath(config.checkpoint) if config.checkpoint else '',
                  'precision': config.precision, 'localizer__shortlist': shortlist}
    rate, seconds = config.rate, config.seconds
    with running_node(log, **parameters) as node, Player(TOPIC) as player:
        player.wait_for_node(START, node, log)
        player.play(images, rate, SETTLING)
        before, began = cpu_seconds(node.pid), time.monotonic()
        latencies = player.play(images, rate, seconds)
        busy, elapsed = cpu_seconds(node.pid) - before, time.monotonic() - began
        latencies = sorted([*latencies, *player.collect(LAST_ANSWERS)])
    if not latencies:
        raise DejavuError(f'the node answered none of {seconds * rate:.0f} images at {rate:g} Hz within '
                          f'{seconds + LAST_ANSWERS:g} s: give it more with --seconds')
    p50, p99 = np.percentile(latencies, (50, 99)) * 1e3
    return {'p50_ms': p50, 'p99_ms': p99, 'answers_per_s': len(latencies) / elapsed, 'cores': busy / elapsed}


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has taken, in user and system mode."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
