"""The package as ROS and pip see it."""

import ast
import os
import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import dejavu_ros
from dejavu_ros.cli import COMMANDS

ROOT = Path(__file__).parents[1]
INSTALLED = ROOT / 'install/dejavu_ros'
PROGRAMS = INSTALLED / 'lib/dejavu_ros'
PACKAGE_XML = ElementTree.parse(ROOT / 'package.xml').getroot()

needs_build = pytest.mark.skipif(not PROGRAMS.is_dir(), reason='the ROS package is not built here: make build')

# what the sources import: (requirement in setup.py, rosdep key in package.xml where there is one)
THIRD_PARTY = {
    'PIL': ('pillow', 'python3-pil'),
    'backports': ('backports-zstd', None),
    'compression': (None, None),  # of Python 3.14, instead of backports
    'cv2': ('opencv-python-headless', 'python3-opencv'),
    'filelock': ('filelock', 'python3-filelock'),
    'hypothesis': (None, None),  # comes with the tests; the soak says that it needs it
    'matplotlib': ('matplotlib', 'python3-matplotlib'),
    'moderngl': ('moderngl', None),
    'numpy': ('numpy', 'python3-numpy'),
    'pymap3d': ('pymap3d', 'python3-pymap3d'),
    'rosbags': ('rosbags', 'python3-rosbags-pip'),
    'safetensors': ('safetensors', None),
    'scipy': ('scipy', 'python3-scipy'),
    'sklearn': ('scikit-learn', 'python3-sklearn'),
    'tabulate': ('tabulate', 'python3-tabulate'),
    'tensorboard': ('tensorboard', 'python3-tensorboard-pip'),
    'torch': ('torch', 'python3-torch'),
    'tqdm': ('tqdm', 'python3-tqdm'),
    'triton': (None, None),  # comes with PyTorch for CUDA, and is done without
    'yaml': ('pyyaml', 'python3-yaml'),
}


def imported_packages() -> set[str]:
    """Top-level names of everything that the sources import, standard library and this package left out."""
    names = set()
    for path in (ROOT / 'dejavu_ros').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.split('.')[0])
    return names - set(sys.stdlib_module_names) - {'dejavu_ros'}


def declared_in_package_xml() -> set[str]:
    return {element.text for element in PACKAGE_XML if element.tag in ('depend', 'exec_depend')}


def required_by_pip() -> set[str]:
    text = (ROOT / 'setup.py').read_text()
    return set(re.findall(r"'([\w-]+)[><=]", text[text.index('install_requires'):text.index('extras_require')]))


def test_everything_imported_is_declared():
    rosdep, pip = declared_in_package_xml(), required_by_pip()
    missing = set()
    for name in imported_packages():
        requirement, key = THIRD_PARTY.get(name, (None, name))  # a ROS package is its own key
        if requirement and requirement not in pip:
            missing.add(f'{requirement} in setup.py')
        if key and key not in rosdep:
            missing.add(f'{key} in package.xml')
    assert not missing


@pytest.mark.parametrize('name', ['standalone.txt', 'ros.txt'])
def test_every_requirement_is_pinned(name):
    names = re.findall(r'^([\w.-]+)==[\w.]+$', (ROOT / 'requirements' / name).read_text(), re.MULTILINE)
    assert required_by_pip() <= {re.sub(r'[-_.]+', '-', name).lower() for name in names}


def test_one_version():
    assert PACKAGE_XML.findtext('version') == dejavu_ros.__version__


@needs_build
def test_built_package_is_the_one_that_is_used():
    if str(ROOT) in os.environ.get('PYTHONPATH', '').split(os.pathsep):
        pytest.skip('the sources are first on PYTHONPATH')
    assert Path(dejavu_ros.__file__).is_relative_to(INSTALLED)


@needs_build
def test_build_has_every_source_file():
    built = Path(next(INSTALLED.rglob('*-packages/dejavu_ros')))
    sources = {path.relative_to(ROOT / 'dejavu_ros') for path in (ROOT / 'dejavu_ros').rglob('*.py')}
    assert {path for path in sources if not (built / path).exists()} == set()
    for path in [*(ROOT / 'launch').glob('*.py'), *(ROOT / 'config').iterdir(), *(ROOT / 'ckpts').iterdir()]:
        assert (INSTALLED / 'share/dejavu_ros' / path.relative_to(ROOT)).exists()


@needs_build
@pytest.mark.parametrize('name', [command.replace('-', '_') for command in COMMANDS] + ['relocalize', 'dejavu'])
def test_every_command_is_an_executable(name):
    assert os.access(PROGRAMS / name, os.X_OK)


@needs_build
@pytest.mark.parametrize('program, arguments, answer', [
    ('dejavu', ['--version'], dejavu_ros.__version__),
    ('similarity', ['--help'], 'usage: dejavu similarity'),
])
def test_executables_run_from_anywhere_without_sourcing(program, arguments, answer, tmp_path):
    if 'ROS_DISTRO' in os.environ:
        pytest.skip('in a ROS workspace sourcing is what finds the package')
    environment = {name: os.environ[name] for name in ('HOME', 'PATH') if name in os.environ}
    run = subprocess.run([PROGRAMS / program, *arguments], cwd=tmp_path, env=environment, capture_output=True,
                         text=True)
    assert (run.returncode, run.stderr) == (0, '')
    assert run.stdout.startswith(answer)


def test_messages_survive_serialisation():
    pytest.importorskip('rclpy')
    messages = pytest.importorskip('dejavu_ros.msg', reason='the messages are not built here: make build')
    from rclpy.serialization import deserialize_message, serialize_message

    best = messages.Hypothesis(keyframe=7, session='loop', condition='night', similarity=0.25, probability=0.5)
    best.pose.pose.position.x = 1.5
    array = messages.HypothesisArray(map='yard', reject_reason=messages.HypothesisArray.AMBIGUOUS, hypotheses=[best])
    array.header.stamp.sec = 12
    back = deserialize_message(serialize_message(array), messages.HypothesisArray)
    assert back == array
    assert back.reject_reason == 'ambiguous'


@needs_build
@pytest.mark.parametrize('program', [*sorted(PROGRAMS.glob('*')), ROOT / 'dejavu_ros/cli/__main__.py'],
                         ids=lambda path: path.name)
def test_programs_may_spawn_processes(program):
    """A spawned process imports the program that spawned it; one that then begins anew never ends."""
    runpy.run_path(str(program), run_name='__mp_main__')
