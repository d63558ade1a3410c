"""The launch file: its arguments are parameters that the node has. With ros2 launch installed it is also loaded."""

import ast
import builtins
import json
import re
import runpy
from pathlib import Path

import pytest
import yaml

from dejavu_ros.config import options
from dejavu_ros.ros.config import CameraConfig, NodeConfig

ROOT = Path(__file__).parents[1]
LAUNCH_FILE = ROOT / 'launch/relocalize.launch.py'


def arguments(table: str) -> list[tuple[str, type, str]]:
    """A table of the launch file, read without importing launch."""
    for node in ast.parse(LAUNCH_FILE.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == table:
            rows = [row.elts for row in node.value.elts]
            return [(name.value, getattr(builtins, kind.id), text.value) for name, kind, text in rows]
    raise AssertionError(f'no table {table}')


@pytest.mark.parametrize('name, kind, text', [*arguments('PARAMETERS'), *arguments('CAMERA_PARAMETERS')])
def test_argument_is_a_parameter_of_the_node(name, kind, text):
    row = next(row for row in options(NodeConfig) if row.name == name)
    assert row.type is kind
    if 'empty:' in text and isinstance(row.default, (str, float)) and row.default:
        default = row.default if kind is str else f'{row.default:g}'
        assert text.endswith(f'(empty: {default})')


def test_every_parameter_of_a_camera_is_an_argument():
    assert {name for name, _, _ in arguments('CAMERA_PARAMETERS')} == {row.name for row in options(CameraConfig)}


def of_cameras():
    """The function of the launch file, without what needs launch."""
    tree = ast.parse(LAUNCH_FILE.read_text())
    wanted = {'CAMERA_PARAMETERS', 'typed', 'of_cameras'}
    tree.body = [node for node in tree.body
                 if {getattr(node, 'name', ''), *(target.id for target in getattr(node, 'targets', ()))} & wanted]
    scope = {}
    exec(compile(tree, str(LAUNCH_FILE), 'exec'), scope)
    return scope['of_cameras']


def test_several_cameras_take_their_values_in_order():
    given = {'image_topic': '/front/image_raw,/rear/image', 'max_rate': '5', 'mask': ',rear.png',
             'base_T_camera': '0 0 1 0 0 0 1, -0.4 0 1 0 0 1 0'}
    assert of_cameras()(['front', 'rear'], given) == {
        'cameras': ['front', 'rear'], 'front.image_topic': '/front/image_raw', 'rear.image_topic': '/rear/image',
        'front.max_rate': 5.0, 'rear.max_rate': 5.0, 'rear.mask': 'rear.png',
        'front.base_T_camera': '0 0 1 0 0 0 1', 'rear.base_T_camera': '-0.4 0 1 0 0 1 0'}
    with pytest.raises(ValueError, match='image_topic:=/a,/b,/c has 3 values for the 2 cameras front,rear'):
        of_cameras()(['front', 'rear'], {'image_topic': '/a,/b,/c'})


def test_one_camera_takes_its_values_as_they_are():
    assert of_cameras()([], {'image_topic': '/image,raw', 'max_rate': '5'}) == {'image_topic': '/image,raw',
                                                                                'max_rate': 5.0}


def test_launch_file_loads_and_describes_every_argument():
    pytest.importorskip('launch_ros')
    description = runpy.run_path(str(LAUNCH_FILE))['generate_launch_description']()
    declared = description.get_launch_arguments()
    names = {name for table in ('PARAMETERS', 'CAMERA_PARAMETERS') for name, _, _ in arguments(table)} | {'cameras'}
    assert names < {argument.name for argument in declared}
    assert all(argument.description for argument in declared)


def test_rviz_config_shows_what_the_node_publishes():
    displays = yaml.safe_load((ROOT / 'config/relocalize.rviz').read_text())['Visualization Manager']['Displays']
    topics = {display['Topic']['Value'] for display in displays if 'Topic' in display}
    assert topics == {'/relocalize/markers', '/relocalize/pose', '/relocalize/debug_image'}


def leaves(part) -> list:
    """All values in a JSON document."""
    if isinstance(part, dict):
        return [leaf for value in part.values() for leaf in leaves(value)]
    return [leaf for value in part for leaf in leaves(value)] if isinstance(part, list) else [part]


def fields(message: str) -> set[str]:
    text = (ROOT / f'msg/{message}.msg').read_text()
    return set(re.findall(r'^[\w/]+(?:\[\])? (\w+)(?!.*=)', text, re.MULTILINE))


def test_foxglove_layout_shows_what_the_node_publishes():
    layout = json.loads((ROOT / 'config/relocalize.foxglove.json').read_text())
    panels = layout['configById']
    shown = {leaf for leaf in leaves(layout['layout']) if isinstance(leaf, str) and '!' in leaf}
    assert shown == set(panels), 'every panel has its settings and a place'
    map_panel = panels['3D!map']
    topics = {*map_panel['topics'], panels['Image!frame']['imageMode']['imageTopic'],
              panels['RawMessages!answer']['topicPath'], panels['DiagnosticSummary!all']['topicToRender']}
    assert topics == {'/relocalize/markers', '/relocalize/pose', '/relocalize/debug_image', '/relocalize/hypotheses',
                      '/diagnostics'}
    assert map_panel['publish']['poseEstimateTopic'] == '/initialpose_prior', 'which the node listens to'
    assert map_panel['followTf'] == 'map'
    paths = [path['value'] for panel in panels.values() for path in panel.get('paths', ())]
    assert len(paths) == 4
    for path in paths:
        _, first, *rest = re.sub(r'\[\d+\]', '', path).split('.')
        assert path.startswith('/relocalize/hypotheses.') and first in fields('HypothesisArray')
        assert set(rest) <= fields('Hypothesis')
