"""``python -m dejavu_ros.cli``."""

from dejavu_ros.cli import entry_point

entry_point()
