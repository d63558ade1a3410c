"""One step over several batches: nothing is learned from what is no number."""

import copy

import pytest
import torch
from torch import nn

from dejavu_ros.training.processes import Processes
from dejavu_ros.training.step import train_step


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def batch(seed: int) -> dict:
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return {'images': images, 'source': f'set{seed}', 'skipped': [f'{seed}.jpg']}


def step(network, optimiser, batches, cost):
    return train_step(network, optimiser, batches, cost, Processes())


def test_the_gradient_is_that_of_the_mean_loss(network):
    other = copy.deepcopy(network)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    result = step(network, optimiser, [batch(0), batch(1)],
                  lambda given: (network(given['images']).square().mean(), torch.tensor(1.0)))
    losses = [other(batch(seed)['images']).square().mean() for seed in (0, 1)]
    gradients = torch.autograd.grad(sum(losses) / 2, list(other.parameters()))
    assert result.loss == pytest.approx(sum(losses).item() / 2)
    assert result.gradient_norm == pytest.approx(torch.cat([g.flatten() for g in gradients]).norm().item())
    for now, then, gradient in zip(network.parameters(), other.parameters(), gradients):
        torch.testing.assert_close(now, then - 0.1 * gradient)
    assert [part.source for part in result.batches] == ['set0', 'set1']
    assert result.batches[1].skipped == ('1.jpg',)


def test_running_statistics_move_once_by_the_mean_of_the_batches(network):
    moved = []
    for seed in (0, 1):
        alone = copy.deepcopy(network)
        alone(batch(seed)['images'])
        moved.append(alone[1].running_var)
    step(network, torch.optim.SGD(network.parameters(), lr=0.0), [batch(0), batch(1)],
         lambda given: (network(given['images']).sum(), torch.tensor(1.0)))
    torch.testing.assert_close(network[1].running_var, (moved[0] + moved[1]) / 2)
    assert network[1].num_batches_tracked == 1


@pytest.mark.parametrize('spoil, why', [
    (lambda loss: loss * float('nan'), 'the loss is nan on a batch of set1'),
    (lambda loss: loss + float('inf'), 'the loss is inf on a batch of set1'),
    (lambda loss: (loss - loss.detach()).sqrt(), "the gradient's norm is inf"),
])
def test_what_is_not_finite_changes_nothing(network, spoil, why):
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1)

    def cost(given):
        loss = network(given['images']).square().mean()
        return (spoil(loss) if given['source'] == 'set1' else loss), torch.tensor(1.0)

    step(network, optimiser, [batch(0)], cost)
    before, moments = copy.deepcopy(network.state_dict()), copy.deepcopy(optimiser.state_dict())
    result = step(network, optimiser, [batch(0), batch(1)], cost)
    assert result.bad.startswith(why) or 'gradient' in why and 'gradient' in result.bad
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(torch.equal(now['exp_avg'], then['exp_avg']) for now, then
               in zip(optimiser.state_dict()['state'].values(), moments['state'].values()))
    assert not step(network, optimiser, [batch(2)], cost).bad
    assert not torch.equal(network[0].weight, before['0.weight'])
