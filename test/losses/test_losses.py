"""The losses do what their equations say."""

import pytest
import torch

from dejavu_ros.losses.contextual import contextual_loss
from dejavu_ros.losses.infonce import contextual_infonce
from dejavu_ros.losses.sampling import sample_vectors
from dejavu_ros.losses.triplet import seasonal_triplet_loss, triplet_margin
from dejavu_ros.ops.contextual import ContextualSettings
from dejavu_ros.ops.contextual.naive import contextual_pair

SETTINGS = ContextualSettings()


def places(*shape, seed=0):
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-2)


def test_contextual_loss_is_zero_for_the_same_map_and_positive_otherwise():
    a, b = places(2, 10, 30), places(2, 10, 30, seed=1)
    assert contextual_loss(a, a, SETTINGS).item() == pytest.approx(0, abs=1e-5)
    expected = -torch.stack([contextual_pair(x, y, SETTINGS).log() for x, y in zip(a, b)]).mean()
    torch.testing.assert_close(contextual_loss(a, b, SETTINGS), expected, rtol=1e-4, atol=1e-6)


def test_triplet_margin_vanishes_once_the_margin_is_met():
    anchor, other = places(2, 10, 30), places(2, 10, 30, seed=1)
    assert triplet_margin(anchor, anchor, other, SETTINGS, margin=0.3).tolist() == [0, 0]
    assert (triplet_margin(anchor, other, anchor, SETTINGS, margin=0.3) > 0.3).all()


def test_the_five_triplets_of_a_sample():
    sample = places(1, 6, 10, 30)
    a0, a1, p0, p1, n0, n1 = sample[0]

    def one(a, p, n):
        return max((contextual_pair(a, n, SETTINGS) - contextual_pair(a, p, SETTINGS) + 0.5).item(), 0)

    cross = (one(a0, p0, n0) + one(a1, p1, n1)) / 2
    same = (one(a0, a1, n0) + one(p0, p1, n1) + one(n0, n1, a0)) / 3
    for alpha in (0.0, 0.2, 1.0):
        loss = seasonal_triplet_loss(sample, SETTINGS, margin=0.5, alpha=alpha)
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
    right, similarity = contextual_infonce(same, same, SETTINGS)
    wrong, _ = contextual_infonce(same, other, SETTINGS)
    shuffled, _ = contextual_infonce(same, same.roll(1, 0), SETTINGS)
    assert right < 0.01 < wrong < shuffled
    assert similarity.diagonal().min() > 0.99


def test_every_loss_has_finite_gradients_on_equal_maps():
    flat = torch.full((4, 6, 10, 20), 0.3, requires_grad=True)
    loss = seasonal_triplet_loss(flat, SETTINGS) + contextual_loss(flat[:, 0], flat[:, 1], SETTINGS)
    loss = loss + contextual_infonce(flat[:, 2], flat[:, 3], SETTINGS)[0]
    loss.backward()
    assert torch.isfinite(flat.grad).all()
