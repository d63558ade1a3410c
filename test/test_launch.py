"""The launch file: its arguments are parameters that the node has. With ros2 launch installed it is also loaded."""

import ast
import builtins
import runpy
from pathlib import Path

import pytest
import yaml

from dejavu_ros.config import options
from dejavu_ros.ros.config import NodeConfig

ROOT = Path(__file__).parents[1]
LAUNCH_FILE = ROOT / 'launch/relocalize.launch.py'


def arguments() -> list[tuple[str, type, str]]:
    """The table PARAMETERS of the launch file, read without importing launch."""
    for node in ast.parse(LAUNCH_FILE.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == 'PARAMETERS':
            rows = [row.elts for row in node.value.elts]
            return [(name.value, getattr(builtins, kind.id), text.value) for name, kind, text in rows]
    raise AssertionError('no table PARAMETERS')


@pytest.mark.parametrize('name, kind, text', arguments())
def test_argument_is_a_parameter_of_the_node(name, kind, text):
    row = next(row for row in options(NodeConfig) if row.name == name)
    assert row.type is kind
    if 'empty:' in text and isinstance(row.default, (str, float)) and row.default:
        default = row.default if kind is str else f'{row.default:g}'
        assert text.endswith(f'(empty: {default})')


def test_launch_file_loads_and_describes_every_argument():
    pytest.importorskip('launch_ros')
    description = runpy.run_path(str(LAUNCH_FILE))['generate_launch_description']()
    declared = description.get_launch_arguments()
    assert {name for name, _, _ in arguments()} < {argument.name for argument in declared}
    assert all(argument.description for argument in declared)


def test_rviz_config_shows_what_the_node_publishes():
    displays = yaml.safe_load((ROOT / 'config/relocalize.rviz').read_text())['Visualization Manager']['Displays']
    topics = {display['Topic']['Value'] for display in displays if 'Topic' in display}
    assert topics == {'/relocalize/markers', '/relocalize/pose', '/relocalize/debug_image'}
