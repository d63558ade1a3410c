"""A node beside the robot's own, in a context of its own: what the player and the inspection have in common."""

import rclpy
from rclpy.executors import SingleThreadedExecutor


class Bystander:
    """Has a ``node`` that turns only while its ``executor`` is asked to; use it as a context."""

    def __init__(self, name: str):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node(name, context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)
