"""The program ``relocalize``: quiet when it is told to end, from its first moment on."""

import os
import sys
from pathlib import Path


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; exit status 1 where it cannot start. ``args`` default to the process's."""
    try:
        return run(args)
    except KeyboardInterrupt:
        return 0  # before there was a node, or a second time


def run(args: list[str] | None) -> int:
    # seconds in which Ctrl-C may come
    from dejavu_ros.ros.transport import receive_large_images

    receive_large_images(os.environ, Path.cwd())
    import rclpy
    from rclpy.executors import ExternalShutdownException

    from dejavu_ros.errors import DejavuError, in_words
    from dejavu_ros.ros.node import RelocalizeNode

    node, started = None, False
    try:
        rclpy.init(args=args)
        started = True
        node = RelocalizeNode()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception as error:
        if started and not rclpy.ok():
            pass  # a signal took the context away, perhaps while the node was being made
        elif isinstance(error, (DejavuError, RuntimeError)):  # of rclpy: a wrong argument or parameter file
            print(f'relocalize: {in_words(error)}', file=sys.stderr)
            return 1
        else:
            raise
    finally:
        if node is not None:
            node.stop()
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
