"""How many images of a camera reach the node, and how many are answered.

    python benchmarks/image_delivery.py --published best_effort --format raw
    python benchmarks/image_delivery.py --published best_effort --format raw --before

A publisher in a process of its own sends images of several sizes at several rates; the node runs as a program of its
own, with its default parameters and a small map. One row for each size and rate: ``sent`` images, the share that the
node ``received``, the share of ``lost`` ones that it knows of, answers a second. Everything runs on this machine, so
publisher, node and this program share its cores; let nothing else run.

``--before`` runs the node as a best-effort subscription with the default transports of Fast DDS. ``--profile FILE``
gives the publisher a profile of Fast DDS, and ``--node-profile FILE`` the node.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SIZES = '640x480', '1280x720', '1920x1080', '3840x2160'
TOPIC = '/bench/image'
SETTLING = 2.0  # seconds between the first subscription and the first image: the subscription may be made anew
LAST = 1.6  # seconds until the diagnostics have told of the last image
START = 120.0  # seconds that the node may take to open its map
WIDTH = 16  # of a column
PROFILE = 'FASTRTPS_DEFAULT_PROFILES_FILE'


def publish(width: int, height: int, kind: str, rate: float, seconds: float, reliability: str) -> dict[str, float]:
    """Send images as soon as somebody listens; how many, in how many seconds, and their bytes."""
    import cv2
    import numpy as np
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CompressedImage, Image

    from dejavu_ros.images import encode_jpeg
    from dejavu_ros.ros.conversions import image_to_message, stamp_to_message

    rclpy.init()
    node = rclpy.create_node('bench_camera')
    qos = QoSProfile(depth=5, reliability=getattr(ReliabilityPolicy, reliability.upper()))
    camera = node.create_publisher(CompressedImage if kind == 'jpeg' else Image, TOPIC, qos)
    rng = np.random.default_rng(0)
    pictures = [cv2.resize(rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8), (width, height))
                for _ in range(3)]
    messages = [image_to_message(picture, 0, 'camera') if kind == 'raw' else
                CompressedImage(format='jpeg', data=encode_jpeg(picture)) for picture in pictures]
    while not camera.get_subscription_count():
        time.sleep(0.05)
    time.sleep(SETTLING)
    began, count = time.monotonic(), round(seconds * rate)
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        message = messages[number % len(messages)]
        message.header.stamp = stamp_to_message(time.time_ns())
        camera.publish(message)
    elapsed = time.monotonic() - began
    time.sleep(LAST)  # what is lost may be asked for again
    return {'sent': count, 'seconds': elapsed, 'bytes': len(messages[0].data)}


def measure(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """A row for each size and rate."""
    from diagnostic_msgs.msg import DiagnosticArray

    from dejavu_ros.bench.scenery import write_map
    from dejavu_ros.msg import HypothesisArray
    from dejavu_ros.nn.checkpoint import load_checkpoint
    from dejavu_ros.nn.features import FeatureExtractor
    from dejavu_ros.ros.bystander import Bystander
    from dejavu_ros.ros.player import HYPOTHESES, running_node

    camera, words, answers = {}, [''], []

    def on_diagnostics(array: DiagnosticArray) -> None:
        for status in array.status:
            if ': camera ' in status.name:
                camera.update({pair.key: pair.value for pair in status.values})
                words[0] = status.message

    def listen(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            user.executor.spin_once(timeout_sec=left)

    def counted() -> tuple[int, int]:
        return int(camera.get('frames received', 0)), int(camera.get('frames lost', 0))

    parameters = {'image_topic': TOPIC, 'max_rate': 1000.0, 'transport': 'raw' if options.format == 'raw' else
                  'compressed', 'reliability': 'best_effort' if options.before else 'auto'}
    environment = dict(os.environ)
    if options.before:
        os.environ['FASTDDS_BUILTIN_TRANSPORTS'] = 'DEFAULT'
    if options.node_profile:
        os.environ[PROFILE] = os.path.abspath(options.node_profile)
    if options.profile:
        environment[PROFILE] = os.path.abspath(options.profile)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'patterns.dvmap'
        write_map(path, FeatureExtractor(load_checkpoint()), 10)
        log = Path(folder) / 'node.log'
        with running_node(log, map=path, **parameters) as node, Bystander('bench') as user:
            user.node.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)
            user.node.create_subscription(HypothesisArray, HYPOTHESES, answers.append, 100)
            end = time.monotonic() + START
            while not camera:
                listen(0.2)
                if node.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f'the node does not start: {log.read_text()}')
            for size in options.sizes:
                for rate in options.rates:
                    settings = [*map(int, size.split('x')), options.format, rate, options.seconds, options.published]
                    before, answered = counted(), len(answers)
                    with subprocess.Popen([sys.executable, __file__, '--as-publisher', json.dumps(settings)],
                                          stdout=subprocess.PIPE, text=True, env=environment) as publisher:
                        while publisher.poll() is None:
                            listen(0.2)
                        sent = json.loads(publisher.stdout.read())
                    received, lost = (now - then for now, then in zip(counted(), before))
                    yield {'size': size, 'format': options.format, 'published': options.published, 'rate': rate,
                           'MB': sent['bytes'] / 1e6, 'sent': sent['sent'], 'sent a second':
                           sent['sent'] / sent['seconds'], 'received': received / sent['sent'],
                           'lost': lost / sent['sent'],
                           'answers a second': (len(answers) - answered) / sent['seconds'], 'words': words[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sizes', nargs='+', default=SIZES)
    parser.add_argument('--rates', nargs='+', type=float, default=(15.0, 30.0))
    parser.add_argument('--seconds', type=float, default=3.0, help='of each row')
    parser.add_argument('--published', choices=('reliable', 'best_effort'), default='best_effort')
    parser.add_argument('--format', choices=('raw', 'jpeg'), default='raw')
    parser.add_argument('--before', action='store_true', help='best-effort subscription, default transports')
    parser.add_argument('--profile', metavar='FILE', help='Fast DDS profile of the publisher')
    parser.add_argument('--node-profile', metavar='FILE', help='Fast DDS profile of the node')
    parser.add_argument('--words', action='store_true', help='what the node says of the camera, too')
    parser.add_argument('--as-publisher', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_publisher:
        print(json.dumps(publish(*json.loads(options.as_publisher))))
        return
    for number, row in enumerate(measure(options)):
        words = row.pop('words')
        if not number:
            print(*(f'{name:>{WIDTH}}' for name in row))
        print(*(f'{value:{WIDTH}.2f}' if isinstance(value, float) else f'{value:>{WIDTH}}' for value in row.values()),
              *([f'\n    {words}'] if options.words else []), flush=True)


if __name__ == '__main__':
    main()
