"""Training a describer: NetVLAD or GeM over a backbone, by the loop that trains features."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from dejavu_ros.errors import CheckpointError
from dejavu_ros.images import load_image
from dejavu_ros.losses.ranking import ranking_loss
from dejavu_ros.retrieval.backbones import open_backbone
from dejavu_ros.retrieval.files import load_describer, save_describer, trusted
from dejavu_ros.retrieval.network import DescriberNet, scaled, to_input
from dejavu_ros.retrieval.pooling import NetVLAD
from dejavu_ros.retrieval.statistics import clusters, whitening
from dejavu_ros.training.frozen import FrozenTrainer
from dejavu_ros.training.loading import load
from dejavu_ros.training.processes import Processes
from dejavu_ros.training.ranking_config import UNUSED, RankingRecipe
from dejavu_ros.training.validation import BATCH, ValidationSet
from dejavu_ros.training.views import Views

FINAL = 'netvlad.pt'
VECTORS = 64  # of one image's map, from which k-means learns


class RankingTrainer(FrozenTrainer):
    """A Trainer of a RankingRecipe; at the end ``netvlad.pt`` has the best weights, whitened if asked for."""

    def __init__(self, recipe: RankingRecipe, folder: str | Path, processes: Processes = Processes()):
        """As :class:`Trainer`."""
        super().__init__(recipe, folder, processes, recipe.ranking.cache)

    def finish(self) -> None:
        """Write ``netvlad.pt``: the best weights, else the last ones, with whitening learnt from other draws."""
        length = self.recipe.describer.whitening
        file = load_describer(trusted(self.folder / ('best.pt' if self.validation else 'last.pt'),
                                      self.recipe.describer.backbone))
        self.network, card = file.network.to(self.processes.device), file.card
        if length:
            samples = self.samples(self.recipe.ranking.whitening_samples, 'whitening')
            descriptors = np.concatenate([self.describe(scaled(images)).numpy() for images in samples])
            network = DescriberNet(dataclasses.replace(self.network.settings, whitening=length), self.network.backbone)
            network.pooling = self.network.pooling
            network.whitening = whitening(descriptors, length, self.recipe.train.seed,
                                          self.recipe.ranking.whitening_power)
            self.network = network.eval().to(self.processes.device)
            card['recipe']['ranking'] = dataclasses.asdict(self.recipe.ranking)
            card['before_whitening'] = card['validation']
            card['validation'] = [{'step': card['step'], **self.measure(part)} for part in self.validation]
        save_describer(self.folder / FINAL, self.network, card)

    def views(self) -> Views:
        size = self.recipe.describer.input_width, self.recipe.describer.input_height
        return Views(size, 2 * self.recipe.ranking.positives)

    def places_needed(self) -> int:
        return 2

    def initial_network(self) -> nn.Module:
        """The backbone's weights with random pooling, or a describer to start from."""
        recipe = self.recipe
        settings = dataclasses.replace(recipe.describer, whitening=0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.train.seed)
            network = DescriberNet(settings, open_backbone(settings.backbone, recipe.ranking.weights),
                                   recipe.ranking.frozen)
        if recipe.train.start_from:
            start = load_describer(trusted(recipe.train.start_from, recipe.describer.backbone)).network
            theirs = dataclasses.replace(start.settings, whitening=0)
            if theirs != settings:
                raise CheckpointError(f'{recipe.train.start_from} is {theirs}, the recipe asks for {settings}')
            start.whitening = None
            network.load_state_dict(start.state_dict())
        return network

    def prepare(self) -> None:
        """Place the centroids where k-means finds the backbone's vectors; the same in every process."""
        pooling = self.network.pooling
        if not isinstance(pooling, NetVLAD) or self.recipe.train.start_from:
            return
        rng = np.random.default_rng(self.recipe.train.seed)
        found = []
        for images in self.samples(self.recipe.ranking.samples, 'k-means'):
            with torch.inference_mode():
                maps = self.network.maps(scaled(images)).float()
            vectors = F.normalize(maps, dim=1).flatten(2).transpose(1, 2).cpu().numpy()
            found += [image[rng.permutation(len(image))[:VECTORS]] for image in vectors]
        pooling.place(*clusters(np.concatenate(found), len(pooling.centroids), self.recipe.train.seed))

    def samples(self, count: int, purpose: str) -> Iterator[torch.Tensor]:
        """Batches (B, H, W, 3) uint8 of ``count`` images or a few more, from draws beyond those of the training."""
        per_draw = self.recipe.train.places * self.views().frames
        draws = range(len(self.batches), len(self.batches) + -(-count // per_draw))
        batches = load(self.batches, draws, self.recipe.train.workers, self.places_needed(), self.processes.device)
        for batch in tqdm(batches, purpose, len(draws), leave=False, unit='batch', disable=None):
            yield from batch['images'].flatten(0, 1).split(BATCH)

    def cost(self, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
        descriptors = self.network.pooling(self.maps(batch)).unflatten(0, batch['images'].shape[:2])
        return ranking_loss(descriptors, self.recipe.train.margin, self.recipe.ranking.negatives)

    def make_maps(self, batch: dict) -> torch.Tensor:
        """(B, n, h, w) of all the views of a batch."""
        images = scaled(batch['images'].flatten(0, 1)).contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.recipe.train.bfloat16):
            return self.network.maps(images)

    @torch.inference_mode()
    def describe(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) in [0, 1] to (B, D) on the CPU, in eval mode."""
        training, device = self.network.training, self.processes.device
        images = images.to(device).contiguous(memory_format=torch.channels_last)
        self.network.eval()
        with torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.train.bfloat16):
            descriptors = self.network(images).float().cpu()
        self.network.train(training)
        return descriptors

    def measure(self, part: ValidationSet) -> dict:
        found = []
        for start in tqdm(range(0, len(part.rows), BATCH), f'validation on {part.name}', leave=False, disable=None):
            images = [load_image(row.image) for row in part.rows[start:start + BATCH]]
            found.append(self.describe(to_input(images, self.network.settings)))
        descriptors = torch.cat(found)
        return part.figures((descriptors @ descriptors.T).numpy())

    def write(self, name: str, card: dict) -> None:
        train = {name: value for name, value in card['recipe']['train'].items() if name not in UNUSED}
        recipe = {**card['recipe'], 'train': train, 'ranking': dataclasses.asdict(self.recipe.ranking)}
        save_describer(self.folder / name, self.network, {**card, 'recipe': recipe})
