"""The shipped parameter file and the parameter docs say what the code says."""

from pathlib import Path

import pytest
import yaml

from dejavu_ros.config import build
from dejavu_ros.ros.config import GROUPS, LIVE, NodeConfig
from dejavu_ros.ros.reference import (
    REMAKE,
    model_numbers_markdown,
    own_names,
    parameters_markdown,
    parameters_yaml,
)
from dejavu_ros.troubleshooting import page

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('path, make', [('config/relocalize.yaml', parameters_yaml),
                                        ('docs/parameters.md', parameters_markdown),
                                        ('docs/model_numbers.md', model_numbers_markdown),
                                        ('docs/troubleshooting.md', lambda: page(REMAKE))])
def test_files_are_up_to_date(path, make):
    assert (ROOT / path).read_text() == make(), 'run: python -m dejavu_ros.ros.reference .'


def test_parameter_file_holds_every_default():
    values = yaml.safe_load((ROOT / 'config/relocalize.yaml').read_text())['/**']['ros__parameters']
    localizer = values.pop('localizer')
    assert build(NodeConfig, values) == NodeConfig()
    assert build(GROUPS['localizer'], localizer) == GROUPS['localizer']()
    assert len(values) == len(own_names('')) and len(localizer) == len(own_names('localizer'))


@pytest.mark.parametrize('name', ['amcl', 'slam_toolbox', 'robot_localization'])
def test_examples_set_parameters_that_exist(name):
    values = yaml.safe_load((ROOT / f'config/{name}.yaml').read_text())['/**/relocalize']['ros__parameters']
    localizer = values.pop('localizer', {})
    assert build(NodeConfig, values) and build(GROUPS['localizer'], localizer)
    assert not values['publish_tf'], 'there is one publisher of map -> odom'


def test_live_parameters_exist():
    assert set(LIVE) <= {name for group in GROUPS for name in own_names(group)}
