"""The node as a program over DDS, sent frames at four times the speed of a camera, its resident memory watched."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dejavu_ros.errors import DejavuError
from dejavu_ros.ros.player import Player, running_node
from dejavu_ros.soak.config import SECONDS, SoakConfig
from dejavu_ros.soak.drives import TOWNS, Drive, Studio
from dejavu_ros.soak.parts import Part
from dejavu_ros.soak.traversals import Traversals

CAMERA_HZ, SPEED_UP = 15.0, 4.0
SETTLED = 120.0  # seconds after which memory must not grow; a third of a short run
FRAMES = 240  # of the drive that is played over and over
START = 120.0  # seconds that the node may take to start
TOPIC = '/soak/image_raw'


class Memory:
    """The phase of the running node."""

    title, unit = 'memory', 's'

    def __init__(self, folder: Path, config: SoakConfig, studio: Studio, traversals: Traversals):
        self.folder, self.config, self.studio, self.traversals = folder, config, studio, traversals
        self.seconds = max(60, config.share(SECONDS))

    def parts(self) -> list[Part]:
        return [Part('memory/node', self.seconds, self.work)]

    def work(self, advance: Callable[[int], object]) -> dict:
        """Play a drive at night over and over. A node that ends is one crash, and ends the phase."""
        town = TOWNS[0]
        map_path = self.traversals.map_of(town).resolve()
        frames = list(self.studio.drive(Drive(town, town, 'night', FRAMES)))
        samples: list[float] = []
        log = self.folder.resolve() / 'node.log'
        parameters = {'map': map_path, 'image_topic': TOPIC, 'odom_topic': '/soak/odom', 'max_rate': 1000.0,
                      'checkpoint': Path(self.config.checkpoint).resolve() if self.config.checkpoint else ''}
        answers = sent = 0
        with running_node(log, **parameters) as node, Player(TOPIC, '/soak/odom') as player:
            player.wait_for_node(START, node, log)
            started, rate, told = time.monotonic(), CAMERA_HZ * SPEED_UP, 0
            while (elapsed := time.monotonic() - started) < self.seconds:
                if node.poll() is not None:  # the log says why
                    break
                frame = frames[sent % len(frames)]
                # stamps of a camera at 15 Hz whose recording is played four times as fast
                stamp_ns = frames[0].stamp_ns + round(sent / CAMERA_HZ * 1e9)
                player.send_odometry(frame.odom_T_base, stamp_ns)
                player.send(frame.image, stamp_ns)
                sent += 1
                answers += len(player.collect(max(0.001, started + sent / rate - time.monotonic())))
                player.sent = {stamp: at for stamp, at in player.sent.items() if stamp > stamp_ns - 10**10}
                if elapsed >= told:
                    samples.append(resident(node.pid))
                    told += 1
                    advance(1)
            crashed = node.poll() is not None
        return {'seconds': len(samples), 'sent': sent, 'answered': answers, 'crashes': int(crashed),
                'resident_mb': samples, 'growth_percent': growth(samples)}


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1]) / 1e3
    raise DejavuError(f'/proc/{pid}/status has no VmRSS: this needs Linux')


def growth(samples: list[float]) -> float | None:
    """Percent from when memory has settled to the end: medians of a twentieth of ``samples``, one a second."""
    if not samples:
        return None
    settled = min(int(SETTLED), len(samples) // 3)
    few = max(1, len(samples) // 20)
    before, after = np.median(samples[settled:settled + few]), np.median(samples[-few:])
    return float(100 * (after / before - 1))
