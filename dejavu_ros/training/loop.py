"""The training loop: resumable at any step, best and last weights kept."""

import dataclasses
import io
import json
import math
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from dejavu_ros.errors import CheckpointError, DataError
from dejavu_ros.files import new_file
from dejavu_ros.losses.infonce import contextual_infonce
from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import by_own_maximum, to_grid
from dejavu_ros.training.config import TrainConfig
from dejavu_ros.training.recipe import Recipe
from dejavu_ros.training.sources import Batches, open_source
from dejavu_ros.training.validation import validate


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to zero."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


class Trainer:
    """One training run in one folder: ``state.pt`` to resume from, ``best.pt``, ``last.pt``, ``log.jsonl``."""

    def __init__(self, recipe: Recipe, folder: str | Path):
        """Takes up ``folder/state.pt`` where there is one.

        Raises DataError for unusable sources, or a state of another recipe; CheckpointError for unusable weights to
        start from.
        """
        self.recipe, self.folder = recipe, Path(folder)
        config, features = recipe.train, recipe.features
        torch.manual_seed(config.seed)
        if config.start_from:
            self.network = load_checkpoint(config.start_from).network
            if self.network.channels != config.channels:
                raise CheckpointError(f'{config.start_from} has {self.network.channels} channels, the recipe '
                                      f'{config.channels}')
        else:
            self.network = DejavuNet(config.channels, features.normalise)
        self.network.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.learning_rate,
                                           weight_decay=config.weight_decay)
        sources = [open_source(source) for source in recipe.sources]
        self.batches = Batches(sources, config.places, (features.input_width, features.input_height), config.seed,
                               config.steps)
        self.step, self.best = 0, -math.inf
        self.resume()

    def resume(self) -> None:
        path = self.folder / 'state.pt'
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        if state['recipe'] != repr(self.recipe):
            raise DataError(f'{path} was made by another recipe: choose another folder, or move it away')
        self.network.load_state_dict(state['network'])
        self.optimiser.load_state_dict(state['optimiser'])
        self.step, self.best = state['step'], state['best']

    def save(self) -> None:
        buffer = io.BytesIO()
        torch.save({'network': self.network.state_dict(), 'optimiser': self.optimiser.state_dict(), 'step': self.step,
                    'best': self.best, 'recipe': repr(self.recipe)}, buffer)
        with new_file(self.folder / 'state.pt') as file:
            file.write(buffer.getvalue())

    def export(self, name: str, figures: list[dict]) -> None:
        card = {'step': self.step, 'seed': self.recipe.train.seed, 'validation': figures,
                'recipe': {'train': dataclasses.asdict(self.recipe.train),
                           'sources': [dataclasses.asdict(source) for source in self.recipe.sources]}}
        save_checkpoint(self.folder / name, self.network, self.recipe.features, self.recipe.contextual, card)

    def train_step(self, images: torch.Tensor) -> tuple[float, float]:
        """One step on (places, 2, H, W, 3) uint8; returns the loss and the share of places whose best match is right.

        Raises DataError where the loss is not a number.
        """
        config, features = self.recipe.train, self.recipe.features
        for group in self.optimiser.param_groups:
            group['lr'] = learning_rate(config, self.step)
        batch = by_own_maximum(images.flatten(0, 1))
        with torch.autocast('cpu', torch.bfloat16, enabled=config.bfloat16):
            grid = to_grid(self.network, batch.contiguous(memory_format=torch.channels_last), features)
        vectors = grid.float().flatten(2).unflatten(0, images.shape[:2])
        loss, similarity = contextual_infonce(vectors[:, 0], vectors[:, 1], self.recipe.contextual, config.temperature)
        if not torch.isfinite(loss):
            raise DataError(f'the loss is {loss.item()} at step {self.step}: lower the learning rate')
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        right = (similarity.argmax(1) == torch.arange(len(similarity))).float().mean()
        return loss.item(), right.item()

    def validate(self) -> list[dict]:
        """Figures of every validation manifest; the mean cross-season AUC chooses the best weights."""
        recipe = self.recipe
        return [validate(self.network, manifest, recipe.features, recipe.contextual) for manifest in recipe.validation]

    def log(self, **entry) -> None:
        with open(self.folder / 'log.jsonl', 'a') as file:
            file.write(json.dumps({'step': self.step, **entry}) + '\n')

    def run(self) -> None:
        """Train to the recipe's last step, from wherever the folder's state stands."""
        config = self.recipe.train
        self.folder.mkdir(parents=True, exist_ok=True)
        self.network.train()
        loader = DataLoader(self.batches, batch_size=None, sampler=range(self.step, config.steps), num_workers=1,
                            prefetch_factor=2)
        progress = tqdm(loader, initial=self.step, total=config.steps, unit='step', smoothing=0.05)
        for batch in progress:
            started = time.monotonic()
            loss, right = self.train_step(batch['images'])
            self.step += 1
            self.log(loss=loss, right=right, source=batch['source'], seconds=round(time.monotonic() - started, 3))
            progress.set_postfix(loss=f'{loss:.3f}', right=f'{right:.2f}')
            last = self.step == config.steps
            if self.recipe.validation and (last or self.step % config.validate_every == 0):
                figures = self.validate()
                self.log(validation=figures)
                score = sum(row['cross_session_auc'] for row in figures) / len(figures)
                told = (f'{row["name"]} AUC {row["cross_session_auc"]:.1f} R@1 {row["recall_at"]["1"]:.1f}'
                        for row in figures)
                progress.write(f'step {self.step}: ' + ', '.join(told))
                if score > self.best:
                    self.best = score
                    self.export('best.pt', figures)
                self.export('last.pt', figures)
            if last or self.step % config.checkpoint_every == 0:
                self.save()
        if not self.recipe.validation:
            self.export('last.pt', [])
