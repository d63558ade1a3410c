"""Maps to compare, and what the formulas say of them."""

import pytest
import torch

from dejavu_ros.ops.contextual.naive import contextual_pair


@pytest.fixture(scope='session')
def maps():
    """``maps(count, n, cells, seed=0, dtype=torch.float16)``: random ones of unit length, (count, n, cells)."""
    def make(count, n, cells, seed=0, dtype=torch.float16):
        generator = torch.Generator().manual_seed(seed)
        return torch.nn.functional.normalize(torch.randn(count, n, cells, generator=generator), dim=1).to(dtype)

    return make


@pytest.fixture(scope='session')
def formulas():
    """``formulas(queries, keyframes, settings)``: (Q, K) in float64 on the same stored values, as float32."""
    def compute(queries, keyframes, settings):
        return torch.stack([torch.stack([contextual_pair(q.double(), k.double(), settings) for k in keyframes])
                            for q in queries]).float()

    return compute
