"""Subscriptions with the reliability that their publishers offer."""

import collections
import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from dejavu_ros.ros.delivery import BEST_EFFORT, RELIABLE, LossCounter, reliability_for
from dejavu_ros.ros.endpoints import full_name
from dejavu_ros.ros.stamps import RECENT
from dejavu_ros.troubleshooting import MIXED_UP

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

NUMBERED = hasattr(Subscription, 'CallbackType')  # callbacks may ask for the number of a message; not on Humble
PERIOD = 0.5  # seconds between two looks at the publishers
TURNS = 3     # times that the numbers of messages step back before several publishers are known to send
POLICIES = {RELIABLE: ReliabilityPolicy.RELIABLE, BEST_EFFORT: ReliabilityPolicy.BEST_EFFORT}


class FollowingSubscription:
    """Listens until it is closed, and subscribes anew when the publishers' reliability has changed.

    ``offered`` is the reliability of each publisher and ``reliability`` that of the subscription, 'reliable' or
    'best_effort'; ``publishers`` are the full names of their nodes; ``local`` is whether all are on this machine,
    ``topic`` the full name.
    """

    def __init__(self, node: Node, kind: type, topic: str, callback: Callable[[Any], None], depth: int,
                 reliability: str = 'auto', on_lost: Callable[[int], None] | None = None):
        """``reliability`` other than 'auto' is kept whatever is offered.

        ``on_lost(count)`` is called when ``count`` more messages are known to have been sent without being heard, as
        far as the middleware tells.
        """
        self._node, self._kind, self._callback, self._depth = node, kind, callback, depth
        self._wanted, self._losses = reliability, LossCounter(on_lost) if on_lost else None
        self.topic = node.resolve_topic_name(topic)
        self.offered, self.publishers, self.local = (), (), True
        self._number, self._turns = 0, collections.deque(maxlen=TURNS)
        self._look()
        self.reliability = reliability_for(self.offered, reliability)
        self._subscription = self._subscribe()
        # by the wall clock: with use_sim_time it goes on while /clock stands still
        self._timer = node.create_timer(PERIOD, self.follow, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def follow(self) -> None:
        """Look at the publishers, and subscribe anew if that needs another reliability."""
        if self._subscription is None:
            return
        self._look()
        reliability = reliability_for(self.offered, self._wanted)
        if reliability != self.reliability:
            self._node.destroy_subscription(self._subscription)
            self.reliability = reliability
            self._subscription = self._subscribe()

    def close(self) -> None:
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)
        self._subscription = None

    def _look(self) -> None:
        """At the publishers of our type."""
        name = '/'.join((*self._kind.__module__.split('.')[:2], self._kind.__name__))
        publishers = [info for info in self._node.get_publishers_info_by_topic(self.topic) if info.topic_type == name]
        self.offered = tuple(RELIABLE if info.qos_profile.reliability == ReliabilityPolicy.RELIABLE else BEST_EFFORT
                             for info in publishers)
        self.publishers = tuple(sorted({full_name(info) for info in publishers}))
        machines = {machine_of(info) for info in publishers}
        ours = {machine_of(info) for info in self._node.get_subscriptions_info_by_topic(self.topic)
                if info.node_name == self._node.get_name() and info.node_namespace == self._node.get_namespace()}
        self.local = machines <= ours or not ours

    def _subscribe(self):
        qos = QoSProfile(depth=self._depth, reliability=POLICIES[self.reliability])
        # the first callback replaces a warning of rclpy: here the subscription is made anew, or the diagnostics say it
        events = {'incompatible_qos': lambda info: self.follow()}
        callback = self._on_numbered if NUMBERED else self._callback
        if self._losses:
            self._losses.restart()
            events['message_lost'] = lambda info: self._losses.told(info.total_count_change)
        try:
            return self._node.create_subscription(self._kind, self.topic, callback, qos,
                                                  event_callbacks=SubscriptionEventCallbacks(**events))
        except UnsupportedEventTypeError:  # not every middleware tells what was lost
            return self._node.create_subscription(self._kind, self.topic, callback, qos)

    def _on_numbered(self, message: Any, info: dict[str, Any]) -> None:
        number = info.get('publication_sequence_number') or 0
        if len(self.offered) > 1:  # each counts for itself
            if number and number <= self._number:
                self._turns.append(time.monotonic())
        elif self._losses:
            self._losses.numbered(number)
        self._number = number
        self._callback(message)

    @property
    def problem(self) -> str:
        """That several publishers send in turn, in words; empty where they do not, or where nobody counts messages."""
        if len(self.offered) < 2 or len(self._turns) < TURNS or time.monotonic() - self._turns[0] > RECENT:
            return ''
        return MIXED_UP(count=len(self.offered), topic=self.topic, publishers=', '.join(self.publishers))


def machine_of(info) -> bytes:
    """What the identifiers of all endpoints on one machine begin with, if the middleware is Fast DDS."""
    return bytes(info.endpoint_gid[:4])
