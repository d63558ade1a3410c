"""The training loop: resumable at any step, best and last weights kept."""

import dataclasses
import itertools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from dejavu_ros.errors import CheckpointError, DataError
from dejavu_ros.nn.checkpoint import load_checkpoint, save_checkpoint
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.encoder_net import EncoderNet, make_network
from dejavu_ros.nn.families import architecture_of, family_of
from dejavu_ros.nn.pretrained import origins
from dejavu_ros.training.initial_head import fit_head, load_pretrained, narrow_head
from dejavu_ros.training.loading import load
from dejavu_ros.training.logs import TrainingLog
from dejavu_ros.training.objective import cost, places_needed, views_needed
from dejavu_ros.training.optimiser import learning_rate, make_optimiser
from dejavu_ros.training.processes import Processes
from dejavu_ros.training.provenance import provenance
from dejavu_ros.training.recipe import Recipe
from dejavu_ros.training.sources import Batches, open_source
from dejavu_ros.training.state import load_state, save_state
from dejavu_ros.training.step import StepResult, train_step
from dejavu_ros.training.teacher import Teacher
from dejavu_ros.training.validation import ValidationSet, refuse_trained_on
from dejavu_ros.training.views import Views


class Trainer:
    """One training run in one folder: ``state.pt`` to resume from, ``best.pt``, ``last.pt``, ``log.jsonl``.

    Batch m of step s is draw number s * accumulate + m, whichever process computes it. Every random choice depends on
    the seed and that number alone, so that there is no state of a random generator to keep.
    """

    def __init__(self, recipe: Recipe, folder: str | Path, processes: Processes = Processes()):
        """Takes up ``folder/state.pt`` where there is one.

        Raises DataError for unusable sources or validation sets, or a state of another recipe; CheckpointError for
        unusable weights to start or learn from; ConfigError where the processes cannot share a step's batches evenly.
        """
        self.recipe, self.folder, self.processes = recipe, Path(folder), processes
        config = recipe.train
        self.share = processes.share(config.accumulate)
        sources = [open_source(source) for source in recipe.sources]
        self.notes = [f'{source.name}: {note}' for source in sources for note in source.notes]
        self.steps = config.steps
        if config.epochs:
            samples = config.epochs * sum(source.n_places for source in sources)
            self.steps = math.ceil(samples / (config.places * config.accumulate))
        self.batches = Batches(sources, config.places, self.views(), config.seed, self.steps * config.accumulate)
        self.validation = [ValidationSet(manifest) for manifest in recipe.validation]
        if not config.validate_on_training:
            refuse_trained_on(self.validation, sources)
        self.network = self.initial_network().to(processes.device, memory_format=torch.channels_last)
        self.network.train(not config.frozen_norm)  # which is all that training mode changes in this network
        self.teacher = Teacher(recipe, processes.device) if config.teacher else None
        self.optimiser = make_optimiser(self.network, config)
        self.step, self.best, self.figures, self.seconds = 0, -math.inf, [], 0.0
        self.best_step: int | None = None  # of best.pt
        state = load_state(self.folder / 'state.pt', recipe, processes.device)
        self.fresh = state is None
        if state:
            self.network.load_state_dict(state['network'])
            self.optimiser.load_state_dict(state['optimiser'])
            self.step, self.best, self.figures = state['step'], state['best'], json.loads(state['figures'])
            self.seconds, self.best_step = state['seconds'], state.get('best_step')
        else:
            self.prepare()

    def run(self) -> None:
        """Train to the recipe's last step, from wherever the folder's state stands.

        Raises DataError after ``max_bad_steps`` steps in a row that nothing could be learned from, and for a batch
        without negatives; what the sources raise goes through.
        """
        if not self.processes.first:
            for _ in self.learn():
                pass
            return
        config = self.recipe.train
        progress = tqdm(initial=self.step, total=self.steps, unit='step', smoothing=0.05)
        with progress, TrainingLog(self.folder, -1 if self.fresh else self.step, config.tensorboard) as log:
            for note in self.notes:
                progress.write(note)
            if self.fresh:
                log.write(0, notes=self.notes)
                self.validate(log, progress)
                self.save()
            started = time.monotonic()
            for result in self.learn():
                seconds = time.monotonic() - started
                self.seconds += seconds
                self.tell(result, seconds, log, progress)
                last = self.step == self.steps
                if last or self.step % config.validate_every == 0:
                    self.validate(log, progress)
                if last or self.step % config.checkpoint_every == 0 and not result.bad:
                    self.save()
                started = time.monotonic()
        self.export('last.pt')
        self.finish()

    def learn(self) -> Iterator[StepResult]:
        """Take the remaining steps; gives what each came to."""
        config, device = self.recipe.train, self.processes.device
        batches = load(self.batches, self.draws(), config.workers, self.places_needed(), device)
        bad = 0
        while self.step < self.steps:
            for group in self.optimiser.param_groups:
                group['lr'] = learning_rate(config, self.step, self.steps) * group.get('rate', 1.0)
            result = train_step(self.network, self.optimiser, list(itertools.islice(batches, len(self.share))),
                                self.cost, self.processes)
            self.step += 1
            yield result
            bad = bad + 1 if result.bad else 0
            if bad == config.max_bad_steps:
                raise DataError(f'stopped at step {self.step}: nothing could be learned {bad} steps in a row, at last '
                                f'because {result.bad}; lower the learning rate, or go on from {self.folder}/last.pt')

    def tell(self, result: StepResult, seconds: float, log: TrainingLog, progress: tqdm) -> None:
        """Log and show a step; whatever was left out of it by name."""
        entry = {'sources': [batch.source for batch in result.batches]}
        if result.bad:
            progress.write(f'step {self.step} left out: {result.bad}')
            entry['left_out'] = result.bad
        else:
            entry.update(loss=result.loss, right=result.right, gradient_norm=result.gradient_norm,
                         learning_rate=self.optimiser.param_groups[0]['lr'])
            progress.set_postfix(loss=f'{result.loss:.3f}', right=f'{result.right:.2f}', refresh=False)
        skipped = [line for batch in result.batches for line in batch.skipped]
        for line in skipped:
            progress.write(f'step {self.step}: {line}')
        log.write(self.step, **entry, **({'skipped': skipped} if skipped else {}), seconds=round(seconds, 3))
        progress.update()

    def validate(self, log: TrainingLog, progress: tqdm) -> None:
        """Measure on every validation manifest; the mean :meth:`score` chooses the best weights."""
        if not self.validation:
            return
        self.figures = [{'step': self.step, **self.measure(part)} for part in self.validation]
        log.write(self.step, validation=self.figures)
        for row in self.figures:
            log.curve(self.step, f'auc/{row["name"]}', row['cross_session_auc'])
            log.curve(self.step, f'recall_at_1/{row["name"]}', row['recall_at']['1'])
        progress.write(f'step {self.step}: ' + ', '.join(
            f'{row["name"]} AUC {row["cross_session_auc"]:.1f} R@1 {row["recall_at"]["1"]:.1f}'
            for row in self.figures))
        score = sum(map(self.score, self.figures)) / len(self.figures)
        if score > self.best:
            self.best, self.best_step = score, self.step
            self.export('best.pt')

    def best_in_words(self) -> str:
        """Which step ``best.pt`` is of, for people; empty where it is not known."""
        if self.best_step is None:
            return ''
        if self.best_step:
            return f'step {self.best_step} of {self.steps}'
        start = self.recipe.train.start_from
        before = (f'{start} as it was' if start else 'its encoders as published' if isinstance(self.network, EncoderNet)
                  else 'the untrained network')
        return f'step 0: {before}, no step since was better'

    def save(self) -> None:
        save_state(self.folder / 'state.pt', self.recipe, {
            'network': self.network.state_dict(), 'optimiser': self.optimiser.state_dict(), 'step': self.step,
            'best': self.best, 'best_step': self.best_step, 'figures': json.dumps(self.figures),
            'seconds': self.seconds})
        self.export('last.pt')

    def export(self, name: str) -> None:
        """The weights as a file, with the latest figures, the step they were measured at, and how it was made."""
        encoders = self.network.architecture.names if isinstance(self.network, EncoderNet) else ()
        start = self.recipe.train.start_from
        self.write(name, {'step': self.step, 'seed': self.recipe.train.seed, 'validation': self.figures,
                          **({'pretraining': origins(encoders)} if encoders else {}),
                          **({'start': origin_of(start)} if start else {}),
                          'made': provenance(self.processes, self.seconds),
                          **({'teachers': self.teacher.identities} if self.teacher else {}),
                          'recipe': {'train': dataclasses.asdict(self.recipe.train),
                                     'sources': [dataclasses.asdict(source) for source in self.recipe.sources]}})

    # What is particular to features under contextual similarity; a training of something else has its own.

    def views(self) -> Views:
        """What is asked of the sources for a place."""
        return views_needed(self.recipe)

    def draws(self) -> list[int]:
        """Numbers of this process's batches in the steps that remain."""
        total = self.recipe.train.accumulate
        return [step * total + batch for step in range(self.step, self.steps) for batch in self.share]

    def places_needed(self) -> int:
        """The fewest places in a batch that something can be learned from."""
        return places_needed(self.recipe.train)

    def initial_network(self) -> nn.Module:
        """The published weights of the recipe's encoders, random ones of its seed, or those to start from."""
        return initial_network(self.recipe)

    def prepare(self) -> None:
        """What a fresh network, already on its device, needs before the first step."""
        pictures = (torch.from_numpy(self.batches[index]['images']).flatten(0, 1) for index in itertools.count())
        if self.recipe.train.start_from:
            start = load_checkpoint(self.recipe.train.start_from).network
            if start.channels > self.network.channels:
                narrow_head(self.network, start, pictures, self.processes.device)
        elif isinstance(self.network, EncoderNet):
            fit_head(self.network, pictures, self.processes.device)

    def finish(self) -> None:
        """What the first process does after the last step."""

    def cost(self, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a batch with gradients, and the share of places told apart right."""
        return cost(self.network, batch, self.recipe, self.teacher)

    def measure(self, part: ValidationSet) -> dict:
        """The figures of a validation set, its ``name`` among them."""
        return part.measure(self.network, self.recipe.features, self.recipe.contextual, self.processes.device)

    def score(self, figures: dict) -> float:
        """By which of a validation set's figures the best weights are chosen."""
        return figures['cross_session_auc']

    def write(self, name: str, card: dict) -> None:
        """The network's weights as a file of the folder."""
        save_checkpoint(self.folder / name, self.network, self.recipe.features, self.recipe.contextual, card)


def origin_of(path: str) -> dict:
    """What the card says of the checkpoint that a training starts from."""
    start = load_checkpoint(path)
    told = 'step', 'seed', 'teachers', 'made', 'recipe'
    return {'identity': start.identity, **{key: start.card[key] for key in told if key in start.card}}


def initial_network(recipe: Recipe) -> DejavuNet | EncoderNet:
    """Random weights of the recipe's seed, encoders with their published ones, or the checkpoint to start from.

    Raises CheckpointError where that cannot be loaded or has fewer channels or other sizes, ConfigError where an
    encoder or its weights are not there.
    """
    config = recipe.train
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = make_network(config.channels, recipe.features.normalise, architecture_of(config.family))
    if config.start_from:
        start = load_checkpoint(config.start_from).network
        if start.channels < config.channels:
            raise CheckpointError(f'{config.start_from} has {start.channels} channels, the recipe {config.channels}: '
                                  'it may have fewer, but not more')
        if start.architecture != network.architecture:
            raise CheckpointError(f'{config.start_from} is of family {family_of(start.architecture)}, the recipe '
                                  f'{config.family}: they share no weights; set family to that of the start')
        same = start.channels == config.channels  # else the head is set in Trainer.prepare
        network.load_state_dict({name: value for name, value in start.state_dict().items()
                                 if same or not name.startswith('final.')}, strict=same)
    elif isinstance(network, EncoderNet):
        load_pretrained(network, config.weights)
    return network
