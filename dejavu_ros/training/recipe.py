"""A training file: optimisation, features, similarity, and the sets it learns from and is judged by."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dejavu_ros.config import build, load_yaml
from dejavu_ros.errors import ConfigError
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.training.config import SourceConfig, TrainConfig


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A whole training file."""

    train: TrainConfig
    features: FeatureSettings
    contextual: ContextualSettings
    sources: tuple[SourceConfig, ...]
    validation: tuple[str, ...]


def load_recipe(path: str | Path, **overrides: Any) -> Recipe:
    """Read a YAML recipe; ``overrides`` replace values of its ``train`` part, ``steps`` also its ``epochs``.

    Relative manifests start at the current folder. Raises ConfigError naming what is unknown or missing.
    """
    content = load_yaml(path)
    unknown = set(content) - {'train', 'features', 'contextual', 'sources', 'validation'}
    if unknown:
        raise ConfigError(f'{path}: unknown part {", ".join(sorted(unknown))}')
    sources = content.get('sources')
    if not isinstance(sources, list) or not sources or not all(isinstance(source, Mapping) for source in sources):
        raise ConfigError(f'{path}: sources must list at least one manifest')
    validation = content.get('validation') or []
    if not isinstance(validation, list):
        raise ConfigError(f'{path}: validation must be a list of manifests')
    train = {**(content.get('train') or {}), **overrides}
    if 'steps' in overrides and 'epochs' not in overrides:
        train.pop('epochs', None)
    return Recipe(build(TrainConfig, train),
                  build(FeatureSettings, content.get('features') or {}),
                  build(ContextualSettings, content.get('contextual') or {}),
                  tuple(build(SourceConfig, source) for source in sources),
                  tuple(str(manifest) for manifest in validation))
