"""Every objective of a recipe: which frames it compares, and that it lowers itself when it is followed."""

import pytest
import torch

from dejavu_ros.errors import ConfigError
from dejavu_ros.losses.hardest import hardest_margin
from dejavu_ros.losses.infonce import infonce
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.ops.contextual.naive import contextual_pair
from dejavu_ros.training.config import TrainConfig
from dejavu_ros.training.correspondence import centres
from dejavu_ros.training.objective import compared, cost, in_batch, views_needed, with_coordinates
from dejavu_ros.training.optimiser import learning_rate, make_optimiser
from dejavu_ros.training.recipe import Recipe

CX = ContextualSettings()
LOSSES = ('infonce', 'hardest', 'triplet', 'contextual')


def recipe(**train) -> Recipe:
    return Recipe(TrainConfig(bfloat16=False, **train), FeatureSettings(32, 32, 4, 4, 'area'), CX, (), ())


def sample(frames: int, places: int = 3) -> torch.Tensor:
    """Places are patterns, frames their noise: (places, frames, 32, 32, 3) uint8."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randint(40, 200, (places, 1, 4, 4, 3), generator=generator)
    noise = torch.randint(0, 50, (places, frames, 32, 32, 3), generator=generator)
    return (patterns.repeat_interleave(8, 2).repeat_interleave(8, 3) + noise).to(torch.uint8)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return DejavuNet()


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('alpha', [0.0, 0.2])
@pytest.mark.parametrize('pixel', [0.0, 2.0])
def test_following_the_gradient_lowers_the_loss(network, loss, alpha, pixel):
    given = recipe(loss=loss, alpha=alpha, pixel=pixel, optimiser='sgd', learning_rate=1e-4, momentum=0.0,
                   weight_decay=0.0)
    views = views_needed(given)
    matches = torch.from_numpy(centres((4, 4))).float().expand(3, -1, -1, -1)
    batch = {'images': sample(views.frames), 'matches': matches, 'draw': 0}
    before, right = cost(network, batch, given)
    before.backward()
    assert 0 <= right <= 1
    make_optimiser(network, given.train).step()
    assert cost(network, batch, given)[0] < before


def test_pixels_and_random_vectors_do_not_go_together():
    with pytest.raises(ConfigError, match='set one of the two to 0'):
        recipe(pixel=0.1, vectors=100)


@pytest.mark.parametrize('settings, said', [({'loss': 'none'}, 'name its checkpoint'),
                                            ({'teacher': 'a.pt', 'vectors': 9}, 'set vectors to 0'),
                                            ({'teacher': 'a.pt', 'imitation': 0.0}, 'need a weight'),
                                            ({'teacher': 'a.pt b.pt', 'relations': 1.0}, 'imitation to 0')])
def test_a_teacher_needs_its_checkpoint_a_weight_and_the_grid(settings, said):
    with pytest.raises(ConfigError, match=said):
        recipe(**settings)


def test_same_season_pairs_weigh_alpha():
    maps = torch.nn.functional.normalize(torch.randn(3, 4, 10, 20, generator=torch.Generator().manual_seed(0)), dim=2)

    def one(a, b):
        return infonce(contextual_similarity(maps[:, a], maps[:, b], CX))

    crossing, same = (one(0, 2) + one(1, 3)) / 2, (one(0, 1) + one(2, 3)) / 2
    loss, _ = in_batch(maps, CX, TrainConfig(alpha=0.3))
    torch.testing.assert_close(loss, crossing + 0.3 * same)
    torch.testing.assert_close(in_batch(maps[:, [0, 2]], CX, TrainConfig())[0], one(0, 2))


def test_the_hardest_place_is_kept_at_a_distance():
    similarity = torch.tensor([[0.9, 0.6, 0.1], [0.2, 0.8, 0.3], [0.0, 0.7, 0.9]])
    asked_by_rows = [0.6 - 0.9, 0.3 - 0.8, 0.7 - 0.9]
    asked_by_columns = [0.2 - 0.9, 0.7 - 0.8, 0.3 - 0.9]
    expected = sum(max(lead + 0.5, 0) for lead in asked_by_rows + asked_by_columns) / 6
    assert hardest_margin(similarity, 0.5).item() == pytest.approx(expected)


def test_vectors_are_drawn_by_seed_and_number():
    maps = torch.randn(6, 10, 32, 32, generator=torch.Generator().manual_seed(0))
    drawn = [compared(maps, recipe(vectors=50, seed=seed), number)
             for seed, number in ((0, 7), (0, 7), (0, 8), (1, 7))]
    assert drawn[0].shape == (6, 10, 50)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[0], drawn[3])


def test_coordinates_add_the_squared_distance_in_the_image():
    maps = torch.randn(2, 10, 6, 8, generator=torch.Generator().manual_seed(0))
    longer = with_coordinates(maps, weight=0.5)
    difference = longer[0, :, 0, 0] - longer[0, :, 3, 4]
    expected = (maps[0, :, 0, 0] - maps[0, :, 3, 4]).square().sum() + 0.5 * (0.5**2 + 0.5**2)
    torch.testing.assert_close(difference.square().sum(), expected)


@pytest.mark.parametrize('weight, drop', [(0.0, False), (2.0, True)])
def test_a_mirrored_view_is_less_similar_where_places_in_the_image_count(weight, drop):
    maps = torch.randn(2, 10, 6, 8, generator=torch.Generator().manual_seed(0))
    here, again = maps[:1], maps[:1] + 0.5 * maps[1:]
    plain, mirrored = (contextual_pair(*(with_coordinates(part, weight).flatten(2)[0] for part in (here, other)), CX)
                       for other in (again, again.flip(3)))
    assert bool(plain > mirrored + 0.02) == drop


def test_courses_of_the_learning_rate():
    cosine = TrainConfig(learning_rate=0.1, warmup=4)
    assert [learning_rate(cosine, step, 104) for step in (0, 3, 4)] == pytest.approx([0.025, 0.1, 0.1])
    assert learning_rate(cosine, 54, 104) == pytest.approx(0.05)
    assert learning_rate(cosine, 104, 104) == pytest.approx(0)
    assert learning_rate(TrainConfig(schedule='constant', warmup=0, learning_rate=0.1), 99, 100) == 0.1
