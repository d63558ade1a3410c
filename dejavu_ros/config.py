"""Dataclass options: the one source of ROS parameters, YAML files, command-line flags and their docs.

A configuration is a frozen dataclass whose fields are made by :func:`option`. Everything that a
person can set is read off its fields, so that a name, default, unit or range is written once.
"""

import argparse
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dejavu_ros.errors import ConfigError, did_you_mean

C = TypeVar('C')


@dataclasses.dataclass(frozen=True)
class Option:
    """One row of a configuration: what a person has to know to set it."""

    name: str
    type: type
    default: Any
    doc: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...] | None

    @property
    def flag(self) -> str:
        return '--' + self.name.replace('_', '-')

    @property
    def range(self) -> str:
        """Human-readable range, empty where anything of the type goes."""
        if self.choices:
            return ' | '.join(str(choice) or "''" for choice in self.choices)
        if self.low is None and self.high is None:
            return ''
        low = '-inf' if self.low is None else f'{self.low:g}'
        high = 'inf' if self.high is None else f'{self.high:g}'
        return f'{low} to {high}'

    def check(self, value: Any) -> Any:
        """Return ``value`` as the option's type, or raise ConfigError saying what would be right."""
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if self.type is tuple:
            return self._words(value)
        if type(value) is not self.type:
            raise ConfigError(f'{self.name} must be {self.type.__name__}, got {value!r}')
        if self.choices and value not in self.choices:
            raise ConfigError(f'{self.name} must be one of {self.range}, got {value!r}')
        if self.type in (int, float):
            low = -float('inf') if self.low is None else self.low
            high = float('inf') if self.high is None else self.high
            if not low <= value <= high or not math.isfinite(value):
                raise ConfigError(f'{self.name} must be in {self.range or "the finite numbers"}, got {value!r}')
        return value

    def _words(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str) or not all(isinstance(word, str) for word in value):
            raise ConfigError(f'{self.name} must be a list of words, got {value!r}')
        return tuple(word for word in value if word)  # an empty list cannot be written in ROS, a list of nothing can


def option(default: bool | int | float | str | tuple, doc: str, *, unit: str = '', low: float | None = None,
           high: float | None = None, choices: Sequence[str] | None = None) -> Any:
    """A dataclass field of type bool, int, float, str or tuple (of words) with everything its users are told."""
    metadata = {'doc': doc, 'unit': unit, 'low': low, 'high': high,
                'choices': tuple(choices) if choices else None}
    return dataclasses.field(default=default, metadata=metadata)


def options(config: type | Any) -> list[Option]:
    """The options of a configuration class (or of an instance) in their order."""
    return [Option(field.name, type(field.default), field.default, **field.metadata)
            for field in dataclasses.fields(config) if 'doc' in field.metadata]


def build(config: type[C], values: Mapping[str, Any]) -> C:
    """Make a ``config`` from names and values. Raises ConfigError on an unknown name or a bad value."""
    known = {row.name: row for row in options(config)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f'unknown setting {", ".join(unknown)} for {config.__name__}; known: {", ".join(known)}'
                          f'{did_you_mean(unknown[0], known)}')
    return config(**{name: known[name].check(value) for name, value in values.items()})


def load_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping. Raises ConfigError where there is no file or no mapping."""
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise ConfigError(f'no configuration file {path}: {error.strerror}') from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f'{path} is not YAML: {str(error).splitlines()[0]}') from None
    if not isinstance(content, dict):
        raise ConfigError(f'{path} must hold names and values, found {type(content).__name__}')
    return content


def add_arguments(parser: argparse.ArgumentParser, config: type, *, skip: Sequence[str] = ()) -> None:
    """Give ``parser`` one flag for each option of ``config``; an absent flag stays absent."""
    group = parser.add_argument_group(config.__name__)
    for row in options(config):
        if row.name in skip:
            continue
        text = row.doc + (f' [{row.unit}]' if row.unit else '') + f' (default: {row.default!r})'
        text = text.replace('%', '%%')
        if row.type is bool:
            group.add_argument(row.flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
        else:
            group.add_argument(row.flag, type=row.type, choices=row.choices, default=argparse.SUPPRESS, help=text,
                               metavar=None if row.choices else row.type.__name__.upper())


def from_arguments(config: type[C], arguments: argparse.Namespace, **defaults: Any) -> C:
    """Make a ``config`` from the flags that were given, over ``defaults``."""
    given = {row.name: getattr(arguments, row.name) for row in options(config) if hasattr(arguments, row.name)}
    return build(config, {**defaults, **given})


def markdown(config: type) -> str:
    """The options as a Markdown table, for the docs."""
    lines = ['| name | default | unit | range | meaning |', '|---|---|---|---|---|']
    lines += [f'| `{row.name}` | `{row.default!r}` | {row.unit} | {row.range.replace("|", "&#124;")} | {row.doc} |'
              for row in options(config)]
    return '\n'.join(lines)
