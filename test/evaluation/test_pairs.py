"""All pairs in batches equal pairs one by one, whatever the sizes."""

import numpy as np
import pytest
import torch

from dejavu_ros.evaluation import pairs
from dejavu_ros.evaluation.pairs import all_pairs, similarity_matrix
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity


@pytest.fixture
def descriptors():
    rng = np.random.default_rng(0)
    return [rng.standard_normal((4, size)).astype(np.float32) for size in (6, 6, 6, 5, 6, 0, 5)]


@pytest.mark.parametrize('batch', [1, 70, 1 << 22])
@pytest.mark.parametrize('symmetric', [True, False])
def test_all_pairs(descriptors, symmetric, batch, monkeypatch):
    monkeypatch.setattr(pairs, 'BATCH', batch)
    settings = ContextualSettings(symmetric=symmetric)

    def score(query, keyframes):
        return contextual_similarity(query, keyframes, settings)

    matrix = all_pairs(descriptors, score, symmetric)
    for i, a in enumerate(descriptors):
        for j, b in enumerate(descriptors):
            expected = float(score(torch.from_numpy(a), torch.from_numpy(b)[None])) if a.size and b.size else 0.0
            assert matrix[i, j] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(similarity_matrix(descriptors[:2], descriptors[2:], score), matrix[:2, 2:], atol=1e-6)
