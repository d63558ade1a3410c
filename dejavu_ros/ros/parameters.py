"""Configurations as ROS parameters: declared with description and range, checked whenever they are set."""

import dataclasses
import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from dejavu_ros.config import Option, build, options
from dejavu_ros.errors import ConfigError, DejavuError
from dejavu_ros.ros.config import camera_defaults

Configs = dict[str, Any]
OTHERS = ('qos_overrides.', 'bond_', 'use_sim_time', 'start_type_description_service')  # of rclpy and bondpy


class Parameters:
    """The parameters of a node; ``configs`` maps a group's prefix to its configuration as it stands."""

    def __init__(self, node: Node, groups: Mapping[str, type], change: Callable[[Configs, set[str]], None]):
        """Declare everything, ``front.*`` for a camera ``front`` too. Raises ConfigError where a given value is wrong.

        ``change(configs, names)`` is called before new values are taken up, with the full names of those that differ;
        a DejavuError that it raises refuses them all.
        """
        self.rows: dict[str, tuple[str, Option]] = {}
        self.change = change
        self.configs: Configs = {}
        for group, config in groups.items():
            self._declare(node, group, config())
        for name in self.configs[''].cameras:
            self._declare(node, name, camera_defaults(name, self.configs['']))
        self.unknown = unknown(getattr(node, '_parameter_overrides', {}), node.has_parameter, self.rows)
        node.add_on_set_parameters_callback(self.on_set)

    def _declare(self, node: Node, group: str, defaults: Any) -> None:
        values = {}
        for row in options(type(defaults)):
            row = dataclasses.replace(row, default=getattr(defaults, row.name))
            name = f'{group}.{row.name}' if group else row.name
            values[row.name] = declare(node, name, row)
            self.rows[name] = group, row
        self.configs[group] = build(type(defaults), values)

    def on_set(self, parameters) -> SetParametersResult:
        """Take up all of the new values or none."""
        configs, changed = dict(self.configs), set()
        try:
            for parameter in parameters:
                if parameter.name not in self.rows:
                    continue  # use_sim_time and other parameters of rclpy
                group, row = self.rows[parameter.name]
                value = row.check(parameter.value)
                if value != getattr(configs[group], row.name):
                    configs[group] = dataclasses.replace(configs[group], **{row.name: value})
                    changed.add(parameter.name)
            if changed:
                self.change(configs, changed)
        except DejavuError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.configs = configs
        return SetParametersResult(successful=True)


def unknown(given: Iterable[str], is_declared: Callable[[str], bool], known: Iterable[str]) -> dict[str, str]:
    """Names of parameters that were given and nobody declares, each with the known name that it resembles or ''."""
    found, known = {}, list(known)
    for name in given:
        if not is_declared(name) and not name.startswith(OTHERS):
            last = name.rpartition('.')[2]
            same = [other for other in known if other.rpartition('.')[2] == last]
            found[name] = next(iter([*same, *difflib.get_close_matches(name, known, 1, 0.75)]), '')
    return found


def declare(node: Node, name: str, row: Option) -> Any:
    """Declare one parameter and return its value. Raises ConfigError where it was set to a wrong one."""
    try:
        default = list(row.default) or [''] if row.type is tuple else row.default
        return node.declare_parameter(name, default, descriptor(row)).value
    except ParameterException as error:
        raise ConfigError(f'parameter {name}: {error}') from None


def descriptor(row: Option) -> ParameterDescriptor:
    """What ``ros2 param describe`` tells of an option."""
    result = ParameterDescriptor(description=row.doc + (f' [{row.unit}]' if row.unit else ''))
    result.read_only = row.type is tuple  # it decides which other parameters there are
    if row.choices:
        result.additional_constraints = f'one of {row.range}'
    elif row.type is int and row.range:
        low, high = -2**63 if row.low is None else int(row.low), 2**63 - 1 if row.high is None else int(row.high)
        result.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    elif row.type is float:
        # so that 5 is taken for 5.0; the type is checked by Option.check
        result.dynamic_typing = True
        if row.range:
            low, high = (-sys.float_info.max if row.low is None else row.low,
                         sys.float_info.max if row.high is None else row.high)
            result.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)]
    return result
