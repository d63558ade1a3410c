"""A training file: optimisation, features, similarity, and the sets it learns from and is judged by."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from dejavu_ros.config import build, load_yaml, options
from dejavu_ros.errors import ConfigError
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.training.config import SourceConfig, TrainConfig

R = TypeVar('R')


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A whole training file."""

    train: TrainConfig
    features: FeatureSettings
    contextual: ContextualSettings
    sources: tuple[SourceConfig, ...]
    validation: tuple[str, ...]


def load_recipe(path: str | Path, kind: type[R] = Recipe, **overrides: Any) -> R:
    """Read a YAML recipe of a ``kind``, as :func:`make_recipe` makes it."""
    return make_recipe(load_yaml(path), path, kind, **overrides)


def make_recipe(content: dict[str, Any], path: str | Path, kind: type[R], **overrides: Any) -> R:
    """A recipe of a ``kind`` from the ``content`` of a file, of which messages tell the ``path``.

    ``overrides`` replace values of the first part that has such an option, ``steps`` also the ``epochs``. Relative
    manifests start at the current folder. Raises ConfigError naming what is unknown or missing.
    """
    parts = {field.name: field.type for field in dataclasses.fields(kind)}
    unknown = set(content) - set(parts)
    if unknown:
        raise ConfigError(f'{path}: unknown part {", ".join(sorted(unknown))}')
    sources = content.get('sources')
    if not isinstance(sources, list) or not sources or not all(isinstance(source, Mapping) for source in sources):
        raise ConfigError(f'{path}: sources must list at least one manifest')
    made: dict[str, Any] = {'sources': tuple(build(SourceConfig, source) for source in sources)}
    for name, part in parts.items():
        if dataclasses.is_dataclass(part):
            known = {row.name for row in options(part)}
            given = {option: overrides.pop(option) for option in known & set(overrides)}
            values = {**(content.get(name) or {}), **given}
            if 'steps' in given and 'epochs' not in given:
                values.pop('epochs', None)
            made[name] = build(part, values)
        elif name != 'sources':  # a list of manifests
            if not isinstance(content.get(name) or [], list):
                raise ConfigError(f'{path}: {name} must be a list of manifests')
            made[name] = tuple(map(str, content.get(name) or []))
    return kind(**made)
