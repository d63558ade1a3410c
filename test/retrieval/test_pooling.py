"""NetVLAD and GeM do what their papers say."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dejavu_ros.errors import DataError
from dejavu_ros.retrieval.pooling import GeM, NetVLAD
from dejavu_ros.retrieval.statistics import clusters, whitening


@pytest.fixture
def maps():
    return torch.randn(2, 6, 3, 4, generator=torch.Generator().manual_seed(0))


def test_netvlad_is_the_papers_sum(maps):
    """Equation 4, term by term, with sharp soft assignment to the nearest centroid."""
    centroids = F.normalize(torch.randn(5, 6, generator=torch.Generator().manual_seed(1)), dim=1)
    layer = NetVLAD(6, 5)
    layer.place(centroids, 7.0)
    expected = torch.zeros(2, 5, 6)
    for image, vectors in enumerate(F.normalize(maps, dim=1).flatten(2).transpose(1, 2)):
        for vector in vectors:
            weights = torch.exp(-7.0 * (vector - centroids).square().sum(1))
            expected[image] += (weights / weights.sum())[:, None] * (vector - centroids)
    expected = F.normalize(F.normalize(expected, dim=2).flatten(1), dim=1)
    torch.testing.assert_close(layer(maps), expected, atol=1e-5, rtol=1e-4)


def test_where_things_are_does_not_matter(maps):
    for layer in (NetVLAD(6, 5), GeM(6)):
        torch.testing.assert_close(layer(maps), layer(maps.flip(3)))


def test_gem_lies_between_the_mean_and_the_maximum(maps):
    positive = maps.abs() + 0.1
    layer = GeM(6)
    for power, expected in ((1.0, positive.mean((2, 3))), (400.0, positive.amax((2, 3)))):
        layer.power.data.fill_(power)
        found = layer(positive.double())
        torch.testing.assert_close(found, F.normalize(expected, dim=1).double(), atol=0.01, rtol=0.02)


@pytest.mark.parametrize('layer', [NetVLAD(4, 3), GeM(4)])
def test_gradients(layer):
    maps = torch.rand(2, 4, 2, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(layer.double(), (maps,))


@pytest.mark.parametrize('layer', [NetVLAD(4, 3), GeM(4)])
def test_an_empty_map_gives_no_broken_gradient(layer):
    maps = torch.zeros(1, 4, 2, 2, requires_grad=True)
    layer(maps).sum().backward()
    assert torch.isfinite(maps.grad).all() and all(torch.isfinite(part.grad).all() for part in layer.parameters())


def test_k_means_finds_the_groups_and_assigns_sharply():
    rng = np.random.default_rng(0)
    groups = np.eye(4)[rng.integers(0, 4, 400)] + 0.05 * rng.normal(size=(400, 4))
    vectors = (groups / np.linalg.norm(groups, axis=1, keepdims=True)).astype(np.float32)
    centroids, sharpness = clusters(vectors, 4, 0)
    assert {int(row.argmax()) for row in centroids} == {0, 1, 2, 3} and centroids.amax(1).min() > 0.9
    shares = torch.softmax(-sharpness * torch.cdist(torch.from_numpy(vectors), centroids).square(), 1)
    best, second = shares.topk(2, 1).values.log().mean(0)
    assert best - second == pytest.approx(np.log(100), rel=0.01)
    with pytest.raises(DataError, match='4 clusters need as many vectors, the images gave 3'):
        clusters(vectors[:3], 4, 0)


def test_whitening_leaves_uncorrelated_values_of_unit_variance():
    rng = np.random.default_rng(0)
    descriptors = rng.normal(size=(500, 20)) * np.linspace(0.1, 3, 20) @ rng.normal(size=(20, 20)) + 5
    descriptors = descriptors.astype(np.float32)
    white = whitening(descriptors, 6, 0)(torch.from_numpy(descriptors)).detach().numpy()
    np.testing.assert_allclose(np.cov(white.T), np.eye(6), atol=0.02)
    plain = whitening(descriptors, 6, 0, power=0.0)(torch.from_numpy(descriptors)).detach().numpy()
    assert np.linalg.norm(plain) <= np.linalg.norm(descriptors - descriptors.mean(0)), 'a projection'
    np.testing.assert_allclose(np.corrcoef(plain.T), np.eye(6), atol=0.02)
    with pytest.raises(DataError, match='whitening to 20 needs more'):
        whitening(descriptors, 20, 0)
