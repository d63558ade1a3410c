"""The recipes that come with the package, and what the docs say of them."""

from pathlib import Path

import pytest

from dejavu_ros.config import markdown
from dejavu_ros.geowarp.settings import GeoWarpSettings
from dejavu_ros.retrieval.settings import DescriberSettings
from dejavu_ros.training.config import TrainConfig
from dejavu_ros.training.geowarp_config import WarpingConfig
from dejavu_ros.training.geowarp_recipe import load_geowarp_recipe
from dejavu_ros.training.objective import views_needed
from dejavu_ros.training.ranking_config import RankingConfig, RankingRecipe
from dejavu_ros.training.recipe import load_recipe

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('name, loss, frames', [('train', 'infonce', 2), ('rendered', 'infonce', 2),
                                                ('alpha', 'infonce', 4), ('paper', 'triplet', 6),
                                                ('student', 'infonce', 2), ('stronger', 'infonce', 2),
                                                ('finetune', 'infonce', 2)])
def test_recipes_load(name, loss, frames):
    recipe = load_recipe(ROOT / f'config/{name}.yaml')
    assert recipe.train.loss == loss and views_needed(recipe).frames == frames
    assert recipe.sources and recipe.validation


def test_the_papers_recipe_is_that_of_the_paper():
    train = load_recipe(ROOT / 'config/paper.yaml').train
    assert (train.optimiser, train.learning_rate, train.epochs) == ('sgd', 1e-3, 160)
    assert (train.margin, train.channels, train.vectors) == (0.5, 10, 4096)


def test_docs_list_the_options():
    assert markdown(TrainConfig) in (ROOT / 'docs/training.md').read_text()


def test_the_describers_recipe_and_its_docs():
    recipe = load_recipe(ROOT / 'config/netvlad.yaml', RankingRecipe)
    assert recipe.train.margin == 0.1 and recipe.sources and recipe.validation
    docs = (ROOT / 'docs/netvlad.md').read_text()
    assert markdown(DescriberSettings) in docs and markdown(RankingConfig) in docs


def test_the_recipe_of_geowarp_and_its_docs():
    recipe = load_geowarp_recipe(str(ROOT / 'config/geowarp.yaml'), '', k=0.4, steps=7)
    assert recipe.sources and (recipe.warping.k, recipe.train.steps) == (0.4, 7)
    docs = (ROOT / 'docs/geowarp.md').read_text()
    assert markdown(GeoWarpSettings) in docs and markdown(WarpingConfig) in docs
