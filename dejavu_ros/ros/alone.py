"""Nodes whose callbacks are called here, without DDS, and have done their work when they return."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import rclpy
from rclpy.parameter import Parameter

from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.ros import cameras
from dejavu_ros.ros.node import RelocalizeNode

TOPICS = {'image_topic': 'image', 'camera_info_topic': 'camera_info', 'odom_topic': 'odom'}


class Inline:
    """Stands in for the node's worker: works at once, in the caller's thread."""

    def __init__(self, work: Callable[[Any], None], max_rates: Mapping[str, float]):
        self.work, self.dropped = work, dict.fromkeys(max_rates, 0)

    def put(self, slot: str, item: Any) -> None:
        self.work(item)

    def set_max_rates(self, max_rates: Mapping[str, float]) -> None:
        """Every item is worked on."""

    def clear(self) -> None:
        """Nothing waits."""

    def request(self) -> None:
        """The next item is worked on anyway."""

    def stop(self) -> None:
        """Nothing runs between two calls."""


@contextlib.contextmanager
def nodes_alone(extractor: FeatureExtractor, map_path: Path) -> Iterator[Callable[[Any], str]]:
    """Yield ``handle(message)``: a message to all subscriptions of its type; what failed in words, or ''.

    There are two active nodes on the map, one for raw images and one for compressed ones.
    """
    context = rclpy.Context()
    rclpy.init(context=context)
    worker, cameras.NewestWorker = cameras.NewestWorker, Inline
    nodes: list[RelocalizeNode] = []
    try:
        for transport in ('raw', 'compressed'):
            values = {'map': str(map_path), 'transport': transport, 'autostart': True, **TOPICS}
            nodes.append(RelocalizeNode(
                load_extractor=lambda *settings: extractor, context=context, namespace=transport,
                parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]))
        yield lambda message: handle(nodes, message)
    finally:
        cameras.NewestWorker = worker
        for node in nodes:
            node.stop()
            node.destroy_node()
        rclpy.try_shutdown(context=context)


def handle(nodes: list[RelocalizeNode], message: Any) -> str:
    heard = False
    for node in nodes:
        node.problem = ''
        for subscription in node.subscriptions:
            if subscription.msg_type is type(message):
                # images come with what the middleware knows of them
                subscription.callback(*(message, {})[:len(inspect.signature(subscription.callback).parameters)])
                heard = True
        if node.problem:
            return node.problem
        node.publish_diagnostics()
    return '' if heard else 'no subscription takes it'
