"""A regressor learns where maps were taken."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dejavu_ros.posenet.regressor import PoseLoss, PoseRegressor
from dejavu_ros.posenet.settings import PoseNetSettings
from dejavu_ros.posenet.training import Poses, predict, train_regressor

FRAMES = 64


@pytest.fixture(scope='module')
def frames():
    """Maps that are brighter on one side or the other the further round a circle of 50 m they were taken."""
    angle = torch.linspace(0, 2 * np.pi, FRAMES + 1)[:-1]
    columns = torch.linspace(-1, 1, 16)
    maps = torch.stack([torch.cos(angle)[:, None] * columns, torch.sin(angle)[:, None] * columns], 1)[:, :, None]
    positions = torch.stack([50 * torch.cos(angle) + 300, 50 * torch.sin(angle), 0 * angle], 1)
    zero = 0 * angle
    poses = Poses(positions, torch.stack([zero, zero, torch.sin(angle / 2), torch.cos(angle / 2)], 1))
    return maps.expand(-1, -1, 12, -1).half()[None], poses


@pytest.mark.parametrize('weighting', ['learned', 'beta'])
def test_learns_where_maps_were_taken(frames, weighting):
    versions, poses = frames
    settings = PoseNetSettings(epochs=30, batch=16, weighting=weighting, dropout=0.0)
    found = predict(train_regressor(versions, poses, settings, 0, 'test'), versions[0])
    away = (found.positions - poses.positions).norm(dim=1).mean()
    assert away < 10.0  # the middle of the circle is 50 m from everything
    assert (found.quaternions * poses.quaternions).sum(1).abs().mean() > 0.97
    torch.testing.assert_close(found.quaternions.norm(dim=1), torch.ones(FRAMES))


def test_a_seed_gives_the_same_regressor(frames):
    versions, poses = frames
    one, same, other = (predict(train_regressor(versions, poses, PoseNetSettings(epochs=1, batch=32), seed, 'test'),
                                versions[0]) for seed in (0, 0, 1))
    torch.testing.assert_close(one, same, rtol=0, atol=0)
    assert not torch.equal(one.positions, other.positions)


@pytest.mark.parametrize('beta', [None, 60.0])
def test_a_quaternion_and_its_opposite_are_one_rotation(beta):
    positions, quaternions = torch.randn(5, 3), F.normalize(torch.randn(5, 4), dim=1)
    loss = PoseLoss(spread=20.0, beta=beta)
    value = loss(positions, quaternions, positions + 1, quaternions)
    torch.testing.assert_close(loss(positions, -quaternions, positions + 1, quaternions), value)
    assert loss(positions, quaternions, positions + 2, quaternions) > value


def test_learned_weights_settle_at_the_errors():
    loss = PoseLoss(spread=20.0)
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.05)
    zeros, upright = torch.zeros(4, 3), torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(4, 4)
    turned = torch.tensor([0.0, 0.0, np.sin(0.1), np.cos(0.1)], dtype=torch.float32).expand(4, 4)
    for _ in range(300):
        optimiser.zero_grad()
        loss(zeros, upright, zeros + torch.tensor([3.0, 4.0, 0.0]), turned).backward()
        optimiser.step()
    assert loss.log_uncertainty.exp().tolist() == pytest.approx([5.0, 2 * np.sin(0.05)], rel=0.02)


@pytest.mark.parametrize('height, width', [(36, 48), (35, 47), (16, 16)])
def test_maps_of_any_size(height, width):
    network = PoseRegressor(torch.rand(4, 10, height, width), torch.rand(4, 3), dropout=0.0)
    positions, quaternions = network(torch.rand(2, 10, height, width))
    assert positions.shape == (2, 3) and quaternions.shape == (2, 4)
