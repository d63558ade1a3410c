"""Trains one regressor on maps that lie in memory."""

from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from dejavu_ros.posenet.regressor import PoseLoss, PoseRegressor
from dejavu_ros.posenet.settings import PoseNetSettings

WARM_UP = 0.1  # share of the steps in which the learning rate rises to its peak, to fall along a cosine after it
WEIGHTS_FASTER = 10.0  # the two learned weights move so much faster than the network, or they would not arrive
BATCH = 256  # frames at a time when predicting


class Poses(NamedTuple):
    """``positions`` (N, 3) metres and ``quaternions`` (N, 4) xyzw, float32."""

    positions: torch.Tensor
    quaternions: torch.Tensor


def train_regressor(versions: torch.Tensor, poses: Poses, settings: PoseNetSettings, seed: int,
                    name: str) -> PoseRegressor:
    """Train on maps (V, N, C, h, w): every epoch sees each of N frames once, in one of its versions.

    A function of its arguments alone on one machine with one number of threads.
    """
    device, count = torch.device(settings.device), versions.shape[1]
    rng = np.random.default_rng((seed, 6))
    with torch.random.fork_rng(devices=[device] if device.type == 'cuda' else []):
        torch.manual_seed(seed)
        network = PoseRegressor(versions.flatten(0, 1), poses.positions, settings.dropout).to(device)
        loss = PoseLoss(float(network.spread), settings.beta if settings.weighting == 'beta' else None).to(device)
        batches = max(1, count // settings.batch)
        rates = [settings.learning_rate, WEIGHTS_FASTER * settings.learning_rate]
        optimiser = torch.optim.AdamW([{'params': network.parameters(), 'weight_decay': settings.weight_decay},
                                       {'params': loss.parameters(), 'weight_decay': 0.0}])
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, settings.epochs * batches, pct_start=WARM_UP,
                                                       cycle_momentum=False)
        for _ in tqdm(range(settings.epochs), name, unit='epoch', leave=False, disable=None):
            for chosen in np.array_split(rng.permutation(count), batches):
                maps = versions[rng.integers(len(versions), size=len(chosen)), chosen].to(device).float()
                value = loss(*network(maps), *(part[chosen].to(device) for part in poses))
                optimiser.zero_grad()
                value.backward()
                optimiser.step()
                schedule.step()
    return network.eval()


@torch.inference_mode()
def predict(network: PoseRegressor, maps: torch.Tensor) -> Poses:
    """Poses of maps (N, C, h, w)."""
    device = network.middle.device
    answers = [network(part.to(device).float()) for part in maps.split(BATCH)]
    return Poses(*(torch.cat(parts).cpu() for parts in zip(*answers)))
