"""The machine and what is installed on it."""

import importlib
import os
import platform
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path

from dejavu_ros import __version__
from dejavu_ros.doctor.finding import Finding, bad, good, note
from dejavu_ros.ros.installing import how_to_get, wheels_of

NEEDED = ('numpy', 'scipy', 'cv2', 'PIL', 'torch', 'safetensors', 'rosbags', 'pymap3d', 'yaml', 'filelock', 'tqdm',
          'tabulate')
FOR_SOME = {'sklearn': ('evaluation and training', 'scikit-learn'),
            'matplotlib': ('reports and pictures', 'matplotlib'),
            'tensorboard': ('curves while training', 'tensorboard'), 'moderngl': ('the town', 'moderngl')}
LEAST_MEMORY = 1.0  # GiB


def examine() -> Iterator[Finding]:
    yield from system()
    yield from packages()
    if importable('torch'):
        yield from computing()
    yield from ros()


def system() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    yield good('machine', f'{platform.platform()}, {platform.machine()}, Python {platform.python_version()}, '
                          f'dejavu_ros {__version__}, {cores} CPU cores to use')
    available = memory()
    if available is not None and available < LEAST_MEMORY:
        yield note('memory', f'{available:.1f} GiB available', 'end other programs, or expect this one to be ended')
    elif available is not None:
        yield good('memory', f'{available:.1f} GiB available')


def memory() -> float | None:
    """GiB that a new program may take, None where the system does not say."""
    path = Path('/proc/meminfo')
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((int(line.split()[1]) / 2**20 for line in lines if line.startswith('MemAvailable')), None)


def packages() -> Iterator[Finding]:
    missing = [name for name in NEEDED if not importable(name)]
    if missing:
        yield bad('packages', f'missing: {", ".join(missing)}', 'run make setup, or pip install -e . in the sources')
    else:
        yield good('packages', 'all that are needed')
    for name, (purpose, package) in FOR_SOME.items():
        if not importable(name):
            yield note('packages', f'{package} is not installed: {purpose} cannot run', f'pip install {package}')
    if find_library('EGL') is None:
        yield note('town', 'no EGL: the town cannot be rendered, nor the demo run',
                   'apt install libegl1 libgl1 libgl1-mesa-dri')


def computing() -> Iterator[Finding]:
    import torch

    from dejavu_ros.ops.contextual import fused

    yield good('PyTorch', f'{torch.__version__}, {torch.get_num_threads()} threads')
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            yield good('GPU', f'cuda:{number} {torch.cuda.get_device_name(number)}, {free / 2**30:.1f} of '
                              f'{total / 2**30:.1f} GiB free')
    elif torch.version.cuda:
        yield note('GPU', f'PyTorch is built for CUDA {torch.version.cuda} but finds no GPU',
                   'look at nvidia-smi: driver and permissions')
    else:
        yield good('GPU', 'none used: this PyTorch is for CPUs')
    kernels = list(fused.kernels())
    if kernels:
        yield good('kernel', f'contextual similarity is compiled ({kernels[0]})')
    else:
        yield note('kernel', 'contextual similarity is not compiled: scoring a map is some 100 times slower',
                   'build the package where there is a C++ compiler')


def ros() -> Iterator[Finding]:
    if not importable('rclpy'):
        yield note('ROS', 'rclpy is not there: the node cannot run, all else can',
                   'source /opt/ros/DISTRO/setup.bash, or make setup')
        return
    wheels = wheels_of()
    distribution = os.environ.get('ROS_DISTRO') or (f'{wheels} from wheels' if wheels else 'of an unknown distribution')
    yield good('ROS', f'{distribution}, ROS_DOMAIN_ID '
                      f'{os.environ.get("ROS_DOMAIN_ID", "0")}, '
                      f'{os.environ.get("RMW_IMPLEMENTATION", "the default middleware")}')
    if not importable('dejavu_ros.msg'):
        yield note('ROS', 'the messages of dejavu_ros are not built: the node cannot run',
                   'make build, or colcon build and source install/setup.bash')
    for name, purpose, package in (('tf2_ros', 'publish_tf, and mountings from TF', 'tf2-ros-py'),
                                   ('bondpy', 'the bond with Nav2\'s lifecycle manager', 'bondpy'),
                                   ('cv_bridge', 'nothing but speed', 'cv-bridge')):
        if not importable(name):
            yield note('ROS', f'{name} is not installed; it is for {purpose}', how_to_get(package))


def importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:  # also one that is there and broken
        return False
    return True
