"""The bond by which Nav2's lifecycle manager notices a node that hangs or dies, where bondpy is installed."""

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

try:
    from bondpy.bondpy import Bond
except ImportError:
    Bond = None

TOPIC = 'bond'  # of the manager and all that it manages; the identity is the node's name
HEARTBEAT_PERIOD, HEARTBEAT_TIMEOUT = 0.1, 4.0  # seconds, those of Nav2


def form_bond(node: Node):
    """A bond that lasts until it is broken; None without bondpy.

    The manager waits for it after activation, and takes the node for dead where it breaks before deactivation.
    """
    if Bond is None:
        return None
    bond = Bond(node, TOPIC, node.get_name())
    bond.heartbeat_period, bond.heartbeat_timeout = HEARTBEAT_PERIOD, HEARTBEAT_TIMEOUT
    bond.start()
    return bond


def break_bond(node: Node, bond) -> None:
    """End a bond and tell the other side.

    bondpy destroys its subscription and publisher without telling the node, whose executor fails on them then; so the
    node lets go of them here. To be called where the node's callbacks are.
    """
    node.destroy_subscription(bond.sub)
    try:
        bond.shutdown()
    except rclpy_implementation.RCLError:
        if node.context.ok():
            raise  # else the context is gone, and with it the way to tell
    node.destroy_publisher(bond.pub)
