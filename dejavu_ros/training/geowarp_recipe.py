"""A training file of GeoWarp, or a data set that stands for one."""

from pathlib import Path
from typing import Any

from dejavu_ros.config import load_yaml
from dejavu_ros.errors import ConfigError, DataError
from dejavu_ros.training.geowarp_config import GeoWarpRecipe
from dejavu_ros.training.recipe import make_recipe

DATASET = {'sources': 'train', 'validation': 'val', 'test': 'test'}  # folders of a data set


def load_geowarp_recipe(path: str, dataset: str, **overrides: Any) -> GeoWarpRecipe:
    """A YAML recipe, or one of defaults for an empty ``path``; a ``dataset`` folder stands for its sets.

    Raises ConfigError where neither is given, DataError for a data set without a folder train.
    """
    if not path and not dataset:
        raise ConfigError('nothing to learn from: give --dataset, a folder with train, val and test, or --config')
    content = load_yaml(path) if path else {}
    if dataset:
        content |= sets_of(Path(dataset))
    return make_recipe(content, path or dataset, GeoWarpRecipe, **overrides)


def sets_of(folder: Path) -> dict[str, list]:
    """The parts of a recipe that a folder ``train|val|test/{gallery,queries}`` means, also one level further down."""
    root = next((place for place in (folder, folder / 'images') if (place / 'train').is_dir()), None)
    if root is None:
        raise DataError(f'data set {folder} has no folder train: sought train|val|test/{{gallery,queries}} there and '
                        'in images')
    found = {part: [str(root / name)] if (root / name).is_dir() else [] for part, name in DATASET.items()}
    return found | {'sources': [{'manifest': name} for name in found['sources']]}
