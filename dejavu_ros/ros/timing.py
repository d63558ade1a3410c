"""The clock of a node: does it run, and does it step back?"""

import time
from collections.abc import Callable

from builtin_interfaces.msg import Time
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from dejavu_ros.ros.conversions import stamp_to_message
from dejavu_ros.ros.endpoints import silence_of
from dejavu_ros.ros.stamps import STEP_BACK, ClockChecker
from dejavu_ros.ros.watch import RATE_WINDOW
from dejavu_ros.troubleshooting import CLOCK_STOPPED, NO_CLOCK


class NodeClock:
    """Watches the clock of a node until it is closed."""

    def __init__(self, node: Node, went_back: Callable[[str, int, int], None]):
        """``went_back(topic, now_ns, back_ns)`` is called in the executor's thread when ``/clock`` steps back."""
        self._node, self._went_back, self._checker = node, went_back, ClockChecker()
        back = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-STEP_BACK), on_clock_change=False)
        self._handle = node.get_clock().create_jump_callback(back, post_callback=self._on_jump)

    def _on_jump(self, jump: TimeJump) -> None:
        self._went_back('/clock', self._node.get_clock().now().nanoseconds, -jump.delta.nanoseconds)

    def close(self) -> None:
        self._handle.unregister()

    def problem(self) -> str:
        """What is wrong with a simulated clock, in words; to be asked every second or so."""
        clock = self._node.get_clock()
        if not clock.ros_time_is_active:
            return ''
        now_ns = clock.now().nanoseconds
        silence = self._checker.silence(now_ns)
        if now_ns == 0:
            return NO_CLOCK(cause=silence_of(self._node, '/clock', Clock))
        return CLOCK_STOPPED(seconds=silence) if silence > RATE_WINDOW else ''


def stamp_of_now(node: Node) -> Time:
    """By the node's clock, or by the wall clock while that stands at 0."""
    now = node.get_clock().now().nanoseconds
    return stamp_to_message(now or time.time_ns())
