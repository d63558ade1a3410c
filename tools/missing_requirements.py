"""What this Python lacks of what the package needs, for pip: missing_requirements.py PINS.

Modules count, not pip's records, because Debian's OpenCV leaves none. What is there is kept and not pinned either,
so that pip shadows nothing of a ROS installation; NumPy older than 1.26 is the exception.
"""

import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path

MODULES = {  # requirement: module
    'backports-zstd': 'backports.zstd',
    'filelock': 'filelock',
    'hypothesis': 'hypothesis',
    'matplotlib': 'matplotlib',
    'moderngl': 'moderngl',
    'numpy': 'numpy',
    'opencv-python-headless': 'cv2',
    'pillow': 'PIL',
    'pymap3d': 'pymap3d',
    'pytest': 'pytest',
    'pytest-timeout': 'pytest_timeout',
    'pyyaml': 'yaml',
    'rosbags': 'rosbags',
    'rosbags-image': 'rosbags.image',
    'safetensors': 'safetensors',
    'scikit-learn': 'sklearn',
    'scipy': 'scipy',
    'tabulate': 'tabulate',
    'tensorboard': 'tensorboard',
    'torch': 'torch',
    'tqdm': 'tqdm',
}


def is_there(requirement: str) -> bool:
    try:
        if importlib.util.find_spec(MODULES[requirement]) is None:
            return False
    except ModuleNotFoundError:  # the package around the module
        return False
    if requirement == 'numpy':
        return tuple(int(part) for part in importlib.metadata.version('numpy').split('.')[:2]) >= (1, 26)
    return True


def canonical(name: str) -> str:
    return re.sub(r'[-_.]+', '-', name).lower()


def main(pins: Path) -> None:
    """Print the missing requirements, then (after ``--``) pins for what pip may have to bring along with them."""
    missing = [name for name in MODULES if not is_there(name)]
    installed = {canonical(row.name) for row in importlib.metadata.distributions()} - set(missing)
    rows = [line for line in pins.read_text().splitlines() if '==' in line]
    print(*missing, '--', *(row for row in rows if canonical(row.split('==')[0]) not in installed), sep='\n')


if __name__ == '__main__':
    main(Path(sys.argv[1]))
