"""What every test session needs: a DDS domain of its own, reached from this machine only; and nodes that run there."""

import contextlib
import os
import threading

import pytest


def pytest_configure(config):
    """Before any test imports rclpy, and passed on to the programs that tests start."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'  # Jazzy and later
    os.environ['ROS_LOCALHOST_ONLY'] = '1'  # Humble
    claims = contextlib.ExitStack()
    config.add_cleanup(claims.close)
    try:
        from domain_coordinator import domain_id
    except ImportError:  # no ROS here
        return
    os.environ['ROS_DOMAIN_ID'] = str(claims.enter_context(domain_id()))


@pytest.fixture(scope='module')
def context():
    """Of rclpy, for the nodes of a module's tests."""
    rclpy = pytest.importorskip('rclpy')
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    rclpy.try_shutdown(context=context)


@pytest.fixture
def spin(context):
    """``spin(node)`` has a node of this context answer in a thread of its own, until the test ends and it is destroyed.
    """
    from rclpy.executors import SingleThreadedExecutor
    with contextlib.ExitStack() as running:
        def start(node):
            executor = SingleThreadedExecutor(context=context)
            executor.add_node(node)
            thread = threading.Thread(target=executor.spin)
            for end in node.destroy_node, thread.join, executor.shutdown:
                running.callback(end)
            thread.start()

        yield start
