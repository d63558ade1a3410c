"""Trains CAPS heads, and the encoder below them where it may learn."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dejavu_ros.caps.epipolar import fundamental_matrix
from dejavu_ros.caps.loss import caps_loss
from dejavu_ros.caps.settings import CapsConfig
from dejavu_ros.caps.views import PosedSet
from dejavu_ros.errors import DataError
from dejavu_ros.losses.infonce import infonce
from dejavu_ros.matching.keypoints import corners
from dejavu_ros.nn.caps import CapsNet, save_caps
from dejavu_ros.nn.checkpoint import Checkpoint, load_published, save_checkpoint
from dejavu_ros.nn.device import usable_device
from dejavu_ros.nn.features import by_own_maximum, to_grid
from dejavu_ros.ops.contextual import contextual_similarity
from dejavu_ros.training.logs import TrainingLog
from dejavu_ros.training.photometric import disturb

CORNERS = 0.8  # share of the points that are corners; the others lie anywhere
MAX_BAD_STEPS = 10  # in a row


def train_caps(config: CapsConfig, sets: Sequence[PosedSet], folder: str | Path) -> None:
    """Write ``caps.pt`` and ``log.jsonl`` to ``folder``, and ``encoder.pt`` where the encoder learned.

    Raises CheckpointError, ConfigError, DataError, ImageError.
    """
    folder, device = Path(folder), usable_device(config.device)
    checkpoint = load_published(config.start_from)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = CapsNet(checkpoint.network, config.length).to(device).train()
    network.encoder.requires_grad_(config.encoder_learns)
    optimiser = torch.optim.AdamW([part for part in network.parameters() if part.requires_grad],
                                  lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    bad = 0
    with TrainingLog(folder, 0, tensorboard=False) as log:
        for step in tqdm(range(1, config.steps + 1), 'CAPS', unit='step', disable=None):
            if not config.encoder_learns:
                network.encoder.eval()
            parts = cost(network, checkpoint, draw(sets, config, step), config)
            optimiser.zero_grad()
            parts['loss'].backward()
            bad = 0 if math.isfinite(parts['loss'].item()) else bad + 1
            if bad == MAX_BAD_STEPS:
                raise DataError(f'the loss was not finite {bad} steps in a row, the last at step {step}: lower the '
                                'learning rate, or look at the poses')
            if not bad:
                optimiser.step()
            schedule.step()
            if step % config.log_every == 0 or step == config.steps:
                log.write(step, **{name: float(value.detach()) for name, value in parts.items()})
    save_caps(folder / 'caps.pt', network, {'config': dataclasses.asdict(config)})
    if config.encoder_learns:
        save_checkpoint(folder / 'encoder.pt', network.encoder, checkpoint.settings, checkpoint.contextual,
                        {'name': f'encoder trained with CAPS heads, supervision {config.supervision}'})


@dataclasses.dataclass(frozen=True)
class Batch:
    """``images`` (2, B, H, W, 3) uint8 RGB, ``points`` (B, N, 2) pixels of the first ones, ``matrices`` (B, 3, 3)."""

    images: torch.Tensor
    points: torch.Tensor
    matrices: torch.Tensor


def draw(sets: Sequence[PosedSet], config: CapsConfig, step: int) -> Batch:
    """Pairs of one set, in either order; a function of the seed and the step alone. Raises ImageError."""
    rng = np.random.default_rng((config.seed, step))
    chosen = sets[rng.choice(len(sets), p=np.array([len(part.pairs) for part in sets]) /
                             sum(len(part.pairs) for part in sets))]
    images, points, matrices = [], [], []
    for index in rng.integers(len(chosen.pairs), size=config.pairs):
        pair = [chosen.views[view] for view in rng.permutation(chosen.pairs[index])]
        (first, first_camera), (second, second_camera) = (view.at(config.width, config.height) for view in pair)
        second_T_first = pair[1].map_T_camera.inverse @ pair[0].map_T_camera
        points.append(query_points(first, config.points, rng))
        matrices.append(fundamental_matrix(*map(torch.from_numpy, (first_camera, second_camera)), second_T_first))
        images.append([disturb(picture, config.photometric, rng) for picture in (first, second)])
    return Batch(torch.from_numpy(np.array(images)).transpose(0, 1), torch.from_numpy(np.stack(points)),
                 torch.stack(matrices))


def query_points(picture: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Corners of (H, W, 3), and points anywhere that make up their number: (count, 2) float32."""
    found = corners(picture, round(CORNERS * count))
    anywhere = rng.random((count - len(found), 2)) * (picture.shape[1] - 1, picture.shape[0] - 1)
    return np.concatenate([found, anywhere]).astype(np.float32)


def cost(network: CapsNet, checkpoint: Checkpoint, batch: Batch, config: CapsConfig) -> dict[str, torch.Tensor]:
    """``loss`` and its parts: those of the poses, and ``cx``, where other pairs of the batch are other places."""
    device = next(network.parameters()).device
    images = [by_own_maximum(part.to(device)) for part in batch.images]
    parts = {'loss': torch.zeros((), device=device)}
    if config.supervision != 'cx':
        maps = network(torch.cat(images))
        first, second = (tuple(part.chunk(2)[side] for part in maps) for side in range(2))
        parts = caps_loss(first, second, batch.points.to(device), batch.matrices.to(device),
                          (config.height, config.width))
    if config.supervision != 'caps':
        grids = [to_grid(network.encoder, part, checkpoint.settings).flatten(2) for part in images]
        parts['cx'] = infonce(contextual_similarity(*grids, checkpoint.contextual))
        parts['loss'] = parts['loss'] + parts['cx']
    return parts
