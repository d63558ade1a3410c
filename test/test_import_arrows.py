"""Who may import whom, and what must not be loaded for whom: docs/architecture.md has the picture."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dejavu_ros
from dejavu_ros.cli import COMMANDS

PACKAGE = Path(dejavu_ros.__file__).parent

GROUND = {'errors', 'config', 'geometry', 'files', 'file_kinds', 'tones', 'images', 'image_messages', 'intrinsics',
          'troubleshooting'}
CORE = GROUND | {'optics', 'ops', 'nn', 'keyframes'}
ALLOWED = {
    'errors': set(),
    'config': {'errors'},
    'geometry': {'errors'},
    'files': {'errors'},
    'file_kinds': set(),
    'tones': set(),
    'images': {'errors', 'file_kinds', 'tones'},
    'image_messages': {'errors', 'file_kinds', 'images', 'tones'},
    'intrinsics': {'errors'},
    'troubleshooting': set(),
    'optics': {'errors', 'geometry', 'images', 'intrinsics', 'troubleshooting'},
    'ops': {'errors', 'config'},
    'nn': GROUND | {'ops'},
    'matching': GROUND | {'ops', 'nn'},
    'sixdof': CORE | {'matching'},
    'losses': GROUND | {'ops'},
    'keyframes': GROUND | {'ops', 'nn'},
    'retrieval': CORE,
    'geowarp': CORE | {'retrieval'},
    'localization': CORE | {'geowarp', 'matching', 'retrieval', 'sixdof'},
    'ros': CORE | {'localization', 'msg'},
    'data': GROUND,
    'town': GROUND | {'data'},
    'mapping': CORE | {'data', 'localization', 'sixdof'},
    'evaluation': CORE | {'geowarp', 'localization', 'matching', 'retrieval', 'sixdof', 'data', 'mapping', 'town'},
    'training': CORE | {'geowarp', 'localization', 'retrieval', 'data', 'losses', 'evaluation', 'town'},
    'posenet': CORE | {'data', 'evaluation', 'town', 'training'},
    'caps': CORE | {'data', 'mapping', 'matching', 'losses', 'training'},
    'demo': CORE | {'localization', 'data', 'town', 'ros', 'cli'},
    'doctor': CORE | {'ros', 'msg'},
    'bench': CORE | {'localization', 'training', 'ros'},
    'soak': CORE | {'localization', 'data', 'mapping', 'evaluation', 'town', 'ros', 'bench'},
}
ROS_MODULES = {'rclpy', 'tf2_ros', 'tf2_msgs', 'rcl_interfaces', 'rosgraph_msgs', 'builtin_interfaces', 'std_msgs',
               'std_srvs', 'sensor_msgs', 'geometry_msgs', 'nav_msgs', 'diagnostic_msgs', 'visualization_msgs',
               'lifecycle_msgs'}


def imports(path: Path) -> set[str]:
    """Full names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f'{node.module}.{alias.name}' for alias in node.names}
    return names


def part(path: Path) -> str:
    """The module or subpackage of dejavu_ros that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


SOURCES = [path for path in sorted(PACKAGE.rglob('*.py')) if part(path) not in ('msg', '__init__')]


@pytest.mark.parametrize('path', [path for path in SOURCES if part(path) in ALLOWED],
                         ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_what_lies_below_it(path):
    own = {name.split('.')[1] for name in imports(path) if name.startswith('dejavu_ros.')}
    assert own - {part(path), '__version__'} <= ALLOWED[part(path)]


@pytest.mark.parametrize('path', [path for path in SOURCES if part(path) != 'ros'],
                         ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_ros_part_imports_ros(path):
    assert not {name.split('.')[0] for name in imports(path)} & ROS_MODULES


def loaded_by(statement: str) -> set[str]:
    """Names of the modules that Python has loaded after a statement, in a process of its own."""
    program = f'{statement}\nimport sys; print(*sys.modules)'
    run = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_localizer_needs_no_ros_no_bags_no_plots():
    loaded = loaded_by('import dejavu_ros.localization, dejavu_ros.keyframes, dejavu_ros.nn.features')
    assert not loaded & {'rclpy', 'rosbags', 'triton', 'matplotlib', 'tensorboard', 'moderngl', 'dejavu_ros.training'}


def test_node_loads_no_training_and_no_bags():
    pytest.importorskip('rclpy')
    pytest.importorskip('dejavu_ros.msg')
    loaded = loaded_by('import dejavu_ros.ros.node')
    own = {name.split('.')[1] for name in loaded if name.startswith('dejavu_ros.')}
    assert not own & {'training', 'evaluation', 'losses', 'town', 'data', 'mapping', 'cli'}
    assert not loaded & {'rosbags', 'matplotlib', 'tensorboard', 'moderngl', 'sklearn'}


@pytest.mark.parametrize('command', COMMANDS)
def test_help_of_a_command_loads_nothing_heavy(command):
    loaded = loaded_by(f'from dejavu_ros.cli import make_parser; make_parser({command!r}).format_help()')
    assert not loaded & {'torch', 'cv2', 'rosbags', 'rclpy', 'matplotlib', 'moderngl', 'sklearn'}
