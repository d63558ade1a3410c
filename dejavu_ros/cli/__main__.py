"""``python -m dejavu_ros.cli``."""

from dejavu_ros.cli import entry_point

if __name__ == '__main__':  # processes that are spawned import it
    entry_point()
