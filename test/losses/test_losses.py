"""The losses do what their equations say."""

import pytest
import torch

from dejavu_ros.losses.contextual import contextual_loss
from dejavu_ros.losses.hardest import hardest_margin
from dejavu_ros.losses.infonce import infonce
from dejavu_ros.losses.pixel import pixel_contrast
from dejavu_ros.losses.relations import relations
from dejavu_ros.losses.sampling import paired_similarity, sample_vectors
from dejavu_ros.losses.triplet import seasonal_triplet_loss
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.ops.contextual.naive import contextual_pair

SETTINGS = ContextualSettings()


def places(*shape, seed=0):
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-2)


def test_contextual_loss_is_zero_for_the_same_map_and_positive_otherwise():
    a, b = places(2, 10, 30), places(2, 10, 30, seed=1)
    assert contextual_loss(paired_similarity(a, a, SETTINGS)).item() == pytest.approx(0, abs=1e-5)
    expected = -torch.stack([contextual_pair(x, y, SETTINGS).log() for x, y in zip(a, b)]).mean()
    torch.testing.assert_close(contextual_loss(paired_similarity(a, b, SETTINGS)), expected, rtol=1e-4, atol=1e-6)


def test_triplets_cost_nothing_once_the_margin_is_met():
    here, there = places(2, 10, 30), places(2, 10, 30, seed=1)
    told_apart = torch.stack([here, here, here, here, there, there], 1)
    loss, right = seasonal_triplet_loss(told_apart, SETTINGS, margin=0.3, alpha=1.0)
    assert (loss.item(), right.item()) == (0, 1)
    mixed_up = torch.stack([here, here, there, there, here, here], 1)
    loss, right = seasonal_triplet_loss(mixed_up, SETTINGS, margin=0.3, alpha=0.0)
    assert loss > 0.3 and right == 0


@pytest.mark.parametrize('settings', [SETTINGS, ContextualSettings('paper', symmetric=False)])
def test_the_five_triplets_of_a_sample(settings):
    sample = places(1, 6, 10, 30)
    a0, a1, p0, p1, n0, n1 = sample[0]

    def one(a, p, n):
        return max((contextual_pair(a, n, settings) - contextual_pair(a, p, settings) + 0.5).item(), 0)

    cross = (one(a0, p0, n0) + one(a1, p1, n1)) / 2
    same = (one(a0, a1, n0) + one(p0, p1, n1) + one(n0, n1, a0)) / 3
    for alpha in (0.0, 0.2, 1.0):
        loss, _ = seasonal_triplet_loss(sample, settings, margin=0.5, alpha=alpha)
        assert loss.item() == pytest.approx(cross + alpha * same, rel=1e-4)


def test_sampling_draws_existing_vectors_without_repetition():
    dense = places(2, 10, 24 * 32).unflatten(2, (24, 32))
    drawn = sample_vectors(dense, 100, generator=torch.Generator().manual_seed(3))
    assert drawn.shape == (2, 10, 100)
    for image, vectors in zip(dense.flatten(2), drawn):
        columns = [image.T.tolist().index(vector) for vector in vectors.T.tolist()]
        assert len(set(columns)) == 100
    assert sample_vectors(dense, 4096).shape == (2, 10, 768)
    assert sample_vectors(dense, 4096, scale=2).shape == (2, 10, 192)


def test_infonce_falls_when_places_are_told_apart():
    same, other = places(6, 10, 30), places(6, 10, 30, seed=1)
    right, wrong, shuffled = (infonce(contextual_similarity(same, seen, SETTINGS))
                              for seen in (same, other, same.roll(1, 0)))
    assert right < 0.01 < wrong < shuffled


def test_every_loss_has_finite_gradients_on_equal_maps():
    flat = torch.full((4, 6, 10, 20), 0.3, requires_grad=True)
    similarity = contextual_similarity(flat[:, 2], flat[:, 3], SETTINGS)
    loss = seasonal_triplet_loss(flat, SETTINGS)[0] + contextual_loss(similarity)
    loss = loss + infonce(similarity) + hardest_margin(similarity)
    loss.backward()
    assert torch.isfinite(flat.grad).all()


def test_pixel_contrast_asks_for_the_matched_vector():
    maps = places(1, 10, 30).unflatten(2, (5, 6))
    y, x = torch.meshgrid((torch.arange(5) + 0.5) / 5, (torch.arange(6) + 0.5) / 6, indexing='ij')
    here = torch.stack([x, y], -1)[None]
    aligned, moved = pixel_contrast(maps, maps, here), pixel_contrast(maps, maps.roll(1, 3), here)
    assert aligned < 0.1 < 1 < moved
    # a column further on, where that is known
    there = here + torch.tensor([1 / 6, 0.0])
    there[:, :, -1] = torch.nan
    torch.testing.assert_close(pixel_contrast(maps, maps.roll(1, 3), there), aligned, atol=0.05, rtol=0)


def test_pixel_contrast_between_two_cells_asks_for_both():
    first, second = places(1, 10, 1)[..., None], places(1, 10, 2, seed=1)[:, :, None]
    matches = torch.tensor([[[[0.4, 0.5]]]])  # of two cells with centres at 0.25 and 0.75
    logs = (torch.einsum('bnij,bnkl->l', first, second) / 0.05).log_softmax(0)
    torch.testing.assert_close(pixel_contrast(first, second, matches), -(0.7 * logs[0] + 0.3 * logs[1]))


def test_pixel_contrast_without_matches_costs_nothing():
    maps = places(1, 10, 30).unflatten(2, (5, 6)).requires_grad_()
    loss = pixel_contrast(maps, maps, torch.full((1, 5, 6, 2), torch.nan))
    loss.backward()
    assert loss == 0 and not maps.grad.any()


def test_relations_are_learnt_whatever_the_length_and_rotation_of_the_vectors():
    first, second = places(3, 10, 12), places(2, 10, 9, seed=1)
    rotation = torch.linalg.qr(torch.randn(14, 14, generator=torch.Generator().manual_seed(2)))[0][:, :10]
    turned = [rotation @ maps for maps in (first, second)]
    assert relations(first, second, *turned) < 1e-5
    assert relations(first, second, turned[0], rotation @ second.roll(1, 2)) > 1
    found = first.clone().requires_grad_()
    relations(found, second, first, second.roll(1, 2)).backward()
    assert relations(found - 0.1 * found.grad, second, first, second.roll(1, 2)) < relations(
        first, second, first, second.roll(1, 2))


def test_relations_are_the_divergence_of_soft_assignments_both_ways():
    first, second, other = places(1, 10, 3), places(1, 10, 2, seed=1), places(1, 10, 2, seed=2)
    cosines = torch.einsum('ani,bnj->ij', first, second), torch.einsum('ani,bnj->ij', first, other)
    kl = [torch.nn.functional.kl_div((cosines[0] / 0.2).log_softmax(axis), (cosines[1] / 0.2).softmax(axis),
                                     reduction='none').sum(axis).mean() for axis in (0, 1)]
    torch.testing.assert_close(relations(first, second, first, other, 0.2), sum(kl) / 2)
