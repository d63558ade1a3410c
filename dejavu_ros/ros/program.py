"""The program ``relocalize``: quiet when it is told to end, from its first moment on."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

SIGNALS = (signal.SIGINT, signal.SIGTERM)
TWICE = 1.0  # seconds within which a signal that comes again is the same one
POLL = 0.25  # seconds within which the executor notices a signal if nothing else wakes it


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; exit status 1 where it cannot start. ``args`` default to the process's."""
    try:
        with signals_handled() as ending:
            return run(args, ending)
    except KeyboardInterrupt:
        return 0  # a second time
    except ModuleNotFoundError as error:
        from dejavu_ros.errors import missing_module

        if not missing_module(error):
            raise
        print(f'relocalize: {missing_module(error)}', file=sys.stderr)
        return 1


class Ending:
    """Whether a signal asked the program to end. ``graceful``: the node runs, and ends its work itself."""

    def __init__(self):
        self.asked = self.graceful = False
        self.asked_at = 0.0

    def on_signal(self, number: int, frame) -> None:
        now, again = time.monotonic(), self.asked
        if again and now - self.asked_at < TWICE:
            return  # of a terminal and a launch file, both
        self.asked, self.asked_at = True, now
        if not self.graceful:  # nothing is open yet, and an exception would abort C++ modules while they are imported
            os._exit(0)
        if again:
            raise KeyboardInterrupt


@contextlib.contextmanager
def signals_handled() -> Iterator[Ending]:
    """SIGINT and SIGTERM are told to the :class:`Ending` that is yielded, where this is the main thread.

    rclpy's own handlers would take the context away at once: then nobody could be told any more that the node ends,
    and what still publishes, such as the thread of a bond, fails.
    """
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.signal(number, ending.on_signal) for number in SIGNALS}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(args: list[str] | None, ending: Ending) -> int:
    # seconds in which Ctrl-C may come
    from dejavu_ros.ros.transport import receive_large_images

    receive_large_images(os.environ, Path.cwd())
    import rclpy
    from rclpy.exceptions import NameValidationException, ParameterException
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.impl.implementation_singleton import rclpy_implementation as rcl
    from rclpy.signals import SignalHandlerOptions

    from dejavu_ros.errors import DejavuError, in_words
    from dejavu_ros.ros.node import RelocalizeNode

    wrong = (DejavuError, rcl.RCLError, rcl.RMWError, rcl.RCUtilsError, rcl.UnknownROSArgsError,
             NameValidationException, ParameterException)  # of rclpy: a wrong argument, name or parameter file
    node = executor = None
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        executor = SingleThreadedExecutor()
        node = RelocalizeNode()
        executor.add_node(node)
        ending.graceful = True
        while rclpy.ok() and not ending.asked:
            executor.spin_once(timeout_sec=POLL)
    except ExternalShutdownException:
        pass
    except wrong as error:
        if node is not None:
            raise
        print(f'relocalize: {in_words(error)}', file=sys.stderr)
        return 1
    finally:
        if node is not None:
            node.stop()
            node.destroy_node()
        if executor is not None:
            executor.shutdown(timeout_sec=0)
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
