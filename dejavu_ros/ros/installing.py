"""How a missing package of ROS is got on this machine. Imports no ROS."""

import importlib.metadata
import os
import re

WHEEL = re.compile(r'ros[-_.]([a-z]+)[-_.]rclpy')


def wheels_of() -> str:
    """The distribution of ROS 2 whose rclpy came as a wheel, such as jazzy; empty: none did."""
    names = (found.metadata['Name'] or '' for found in importlib.metadata.distributions())
    return next((found[1] for found in (WHEEL.fullmatch(name.lower()) for name in names) if found), '')


def how_to_get(package: str) -> str:
    """What to do for a package of ROS that has no wheel, such as ``tf2-ros-py``."""
    if wheels := wheels_of():
        return (f'ROS is from wheels here, and there is no wheel of it: an installed ROS 2 has it, as '
                f'ros-{wheels}-{package}')
    return f'apt install ros-{os.environ.get("ROS_DISTRO", "$ROS_DISTRO")}-{package}'
