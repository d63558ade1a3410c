"""A training file: optimisation, features, similarity, and the sets it learns from and is judged by."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from dejavu_ros.config import build, load_yaml
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
    """Read a YAML recipe of a ``kind``.

    ``overrides`` replace values of its ``train`` part, ``steps`` also its ``epochs``. Relative manifests start at the
    current folder. Raises ConfigError naming what is unknown or missing.
    """
    content = load_yaml(path)
    parts = {field.name: field.type for field in dataclasses.fields(kind)}
    unknown = set(content) - set(parts)
    if unknown:
        raise ConfigError(f'{path}: unknown part {", ".join(sorted(unknown))}')
    sources = content.get('sources')
    if not isinstance(sources, list) or not sources or not all(isinstance(source, Mapping) for source in sources):
        raise ConfigError(f'{path}: sources must list at least one manifest')
    validation = content.get('validation') or []
    if not isinstance(validation, list):
        raise ConfigError(f'{path}: validation must be a list of manifests')
    content['train'] = {**(content.get('train') or {}), **overrides}
    if 'steps' in overrides and 'epochs' not in overrides:
        content['train'].pop('epochs', None)
    return kind(**{name: build(part, content.get(name) or {}) for name, part in parts.items()
                   if name not in ('sources', 'validation')},
                sources=tuple(build(SourceConfig, source) for source in sources),
                validation=tuple(str(manifest) for manifest in validation))
