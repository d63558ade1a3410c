"""What every test session needs: a DDS domain of its own, reached from this machine only."""

import contextlib
import os


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
