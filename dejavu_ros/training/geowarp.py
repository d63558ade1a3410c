"""Training GeoWarp by the loop that trains features: quadrilaterals of single pictures, and views of one place."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate
from torch import nn
from tqdm import tqdm

from dejavu_ros.data.utm_names import gallery_and_queries
from dejavu_ros.evaluation.metrics import recall_by_condition, recall_of, retrieval_metrics
from dejavu_ros.evaluation.reranking import looked_again
from dejavu_ros.files import new_file
from dejavu_ros.geowarp.files import as_stored, load_geowarp, new_network, save_geowarp
from dejavu_ros.geowarp.losses import consistency, featurewise, self_supervised, unmirrored
from dejavu_ros.geowarp.quadrilaterals import draw_pair
from dejavu_ros.geowarp.reranker import Reranker
from dejavu_ros.geowarp.warping import frame_corners, homography, moved, warp
from dejavu_ros.images import load_image
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.retrieval.files import NetworkFile, trusted
from dejavu_ros.retrieval.network import scaled, to_input
from dejavu_ros.retrieval.pooling import NetVLAD
from dejavu_ros.retrieval.statistics import clusters
from dejavu_ros.training.frozen import FrozenTrainer
from dejavu_ros.training.geowarp_config import UNUSED, GeoWarpRecipe
from dejavu_ros.training.loading import load
from dejavu_ros.training.photometric import disturb
from dejavu_ros.training.processes import Processes
from dejavu_ros.training.turned_views import LARGER, draw_two, draw_views
from dejavu_ros.training.validation import BATCH, ValidationSet
from dejavu_ros.training.views import Views

FINAL, RESULTS = 'geowarp.pt', 'results.json'
NEAR = 0.1  # of half an image's side: a corner found within it is right


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Grids (B, n, rows, columns): ``one`` and ``other`` quadrilateral of a picture, of which ``truth`` (B, 2, 4, 2) is
    what they share, and two views of a place, ``anchor`` and ``positive``.
    """

    one: torch.Tensor
    other: torch.Tensor
    truth: torch.Tensor
    anchor: torch.Tensor
    positive: torch.Tensor


class GeoWarpTrainer(FrozenTrainer):
    """A Trainer of a GeoWarpRecipe; at the end ``geowarp.pt`` has the best weights, ``results.json`` what they do to
    the test sets.
    """

    def __init__(self, recipe: GeoWarpRecipe, folder: str | Path, processes: Processes = Processes()):
        """As :class:`Trainer`."""
        recipe = dataclasses.replace(recipe, geowarp=as_stored(recipe.geowarp, recipe.warping.weights))
        self.test = [ValidationSet(path) for path in recipe.test]
        super().__init__(recipe, folder, processes, recipe.warping.cache)

    def finish(self) -> None:
        """Write ``geowarp.pt``, the best weights, else the last ones, and ``results.json``."""
        file = load_geowarp(trusted(self.folder / ('best.pt' if self.validation else 'last.pt'),
                                    self.recipe.geowarp.backbone))
        self.network.regression.load_state_dict(file.network.regression.state_dict())
        results = [self.measure(part) for part in self.test] or file.card['validation']
        save_geowarp(self.folder / FINAL, self.network, {**file.card, 'results': results})
        with new_file(self.folder / RESULTS, 'w') as out:
            json.dump(results, out, indent=1, allow_nan=False)
            out.write('\n')
        self.results = results

    def views(self) -> Views:
        size = self.recipe.geowarp.input_width, self.recipe.geowarp.input_height
        turns = self.recipe.warping.cut == 'turns'
        return Views((LARGER * size[0], LARGER * size[1]) if turns else size, still=turns)

    def places_needed(self) -> int:
        return 1

    def initial_network(self) -> nn.Module:
        """A regression that says that all views show the same, over the backbone's weights."""
        recipe = self.recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.train.seed)
            network = new_network(recipe.geowarp, recipe.warping.weights)
        if recipe.train.start_from:
            start = load_geowarp(trusted(recipe.train.start_from, recipe.geowarp.backbone)).network
            network.regression.load_state_dict(start.regression.state_dict())
        return network

    def prepare(self) -> None:
        """Place NetVLAD's centroids where k-means finds the backbone's vectors; nothing else learns without steps."""
        if not isinstance(self.network.pooling, NetVLAD):
            return
        batches = load(self.batches, range(len(self.batches), len(self.batches) + 8), 0, 1, self.processes.device)
        grids = torch.cat([self.network.grids(self.network.maps(scaled(batch['images'].flatten(0, 1))))
                           for batch in batches])
        vectors = grids.flatten(2).transpose(1, 2).flatten(0, 1).cpu().numpy()
        chosen = np.random.default_rng(self.recipe.train.seed).permutation(len(vectors))[:20000]
        self.network.pooling.place(*clusters(vectors[chosen], len(self.network.pooling.centroids),
                                             self.recipe.train.seed))

    def cost(self, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
        weights, network = self.recipe.warping, self.network
        pairs = self.pairs(batch)
        found = network.regression(pairs.one, pairs.other)
        loss = weights.self_supervised * self_supervised(found, pairs.truth)
        if weights.featurewise or weights.consistency:
            views = pairs.anchor, pairs.positive
            corners = network.regression(*views)
            loss = loss + weights.featurewise * featurewise(network, *views, corners)
            loss = loss + weights.consistency * consistency(network, *views, corners)
        right = ((found - pairs.truth).norm(dim=3) < NEAR).float().mean().detach()
        return loss, right

    def pairs(self, batch: dict) -> Pairs:
        """What a batch teaches; a function of the seed, the step and the draw alone."""
        options, network, device = self.recipe.warping, self.network, self.processes.device
        rng = np.random.default_rng((self.recipe.train.seed, self.step, batch['draw'], 8))
        if options.cut == 'turns':
            return self.turned_pairs(batch, rng)
        drawn = [draw_pair(rng, options.k) for _ in batch['images']]
        first, second, shared = (torch.from_numpy(np.array(part)).float().to(device) for part in zip(*drawn))
        truth = seen_in(first, second, shared)
        if options.cut == 'maps':
            anchor, changed, positive = self.maps(batch)
            finer = 2 * network.settings.rows, 2 * network.settings.columns
            one, other = (network.grids(warp(maps, corners, finer))
                          for maps, corners in ((anchor, first), (changed, second)))
        else:
            pictures = scaled(batch['images'][:, 0])
            cut = [in_other_light(warp(pictures, corners, pictures.shape[2:]), options.changed_light, rng)
                   for corners in (first, second)]
            one, other = (network.grids(self.mapped(part)) for part in cut)
            anchor, positive = self.mapped(pictures), self.mapped(scaled(batch['images'][:, 1]))
        return Pairs(one, other, truth, network.grids(anchor), network.grids(positive))

    def turned_pairs(self, batch: dict, rng: np.random.Generator) -> Pairs:
        """Two of the turned views of each place, half of the times mirrored."""
        grids, turned = self.maps(batch), self.turned_views(batch)
        first, second, shared = zip(*(draw_two(rng, views) for views in turned))
        place = range(len(turned))
        truth = seen_in(*(torch.from_numpy(np.array(part)).float().to(grids.device)
                          for part in (turned[place, first], turned[place, second], shared)))
        one, other = grids[list(first), place], grids[list(second), place]
        if rng.random() < 0.5:
            one, other, truth = one.flip(3), other.flip(3), unmirrored(truth)
        return Pairs(one, other, truth, one, other)

    def turned_views(self, batch: dict) -> np.ndarray:
        """(B, V, 4, 2): what is cut of the pictures of each place, the first half from the first of its sessions."""
        rng = np.random.default_rng((self.recipe.train.seed, batch['draw'], 10))
        settings, options = self.recipe.geowarp, self.recipe.warping
        return np.stack([draw_views(rng, 2 * options.turned_views, options.hfov,
                                    settings.input_height / settings.input_width) for _ in batch['images']])

    def turned_grids(self, batch: dict) -> torch.Tensor:
        """(V, B, n, rows, columns) of those views, each in a light of its own."""
        settings, options = self.recipe.geowarp, self.recipe.warping
        rng = np.random.default_rng((self.recipe.train.seed, batch['draw'], 9))
        grids = []
        for index, corners in enumerate(self.turned_views(batch).swapaxes(0, 1)):
            pictures = scaled(batch['images'][:, index // options.turned_views])
            corners = torch.from_numpy(corners).float().to(pictures.device)
            views = warp(pictures, corners, (settings.input_height, settings.input_width))
            grids.append(self.network.grids(self.mapped(in_other_light(views, options.changed_light, rng))))
        return torch.stack(grids)

    def make_maps(self, batch: dict) -> torch.Tensor:
        """(3, B, n, h, w) of one view of each place, of the same in other light, and of one of another session; of
        turned views their grids.
        """
        if self.recipe.warping.cut == 'turns':
            return self.turned_grids(batch)
        anchor, positive = (scaled(batch['images'][:, side]) for side in range(2))
        rng = np.random.default_rng((self.recipe.train.seed, batch['draw'], 9))
        changed = in_other_light(anchor, self.recipe.warping.changed_light, rng)
        return torch.stack([self.mapped(part) for part in (anchor, changed, positive)])

    def mapped(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (B, 3, H, W) in [0, 1] through the backbone, in mixed precision where that is asked for."""
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.recipe.train.bfloat16):
            return self.network.maps(pictures.contiguous(memory_format=torch.channels_last))

    @torch.inference_mode()
    def measure(self, part: ValidationSet) -> dict:
        """Figures after re-ranking, and the recall ``before`` it."""
        network, options, training = self.network, self.recipe.warping, self.network.training
        network.eval()
        grids, similarity = self.first_ranking(part)
        reranker = Reranker(NetworkFile(network, {}, ''), self.contextual, str(self.processes.device))
        after = looked_again(part.rows, similarity, grids, reranker.judge_in, options.top)
        network.train(training)
        metrics = retrieval_metrics(part.rows, after, options.radius)
        return {'name': part.name, **metrics, 'recall_at': recalls(part, after, options.radius),
                'before': recalls(part, similarity, options.radius)}

    @property
    def contextual(self) -> ContextualSettings:
        """The form of CX that goes with the maps."""
        return getattr(self.network.backbone, 'contextual', ContextualSettings())

    def first_ranking(self, part: ValidationSet) -> tuple[np.ndarray, np.ndarray]:
        """Grids (B, n, N) float16 of a set's images, and their similarity (B, B) by the pooling or CX."""
        network, grids, descriptors = self.network, [], []
        for start in tqdm(range(0, len(part.rows), BATCH), f'maps of {part.name}', leave=False, disable=None):
            images = [load_image(row.image) for row in part.rows[start:start + BATCH]]
            maps = network.maps(to_input(images, network.settings).to(self.processes.device))
            grids.append(network.grids(maps).flatten(2))
            if network.pooling is not None:
                descriptors.append(network.pooling(maps))
        vectors = torch.cat(grids)
        if descriptors:
            similarity = torch.cat(descriptors) @ torch.cat(descriptors).T
        else:
            similarity = contextual_similarity(vectors, vectors, self.contextual)
        return vectors.half().cpu().numpy(), similarity.cpu().numpy()

    def score(self, figures: dict) -> float:
        return figures['recall_at']['1']

    def write(self, name: str, card: dict) -> None:
        train = {name: value for name, value in card['recipe']['train'].items() if name not in UNUSED}
        recipe = {**card['recipe'], 'train': train, 'warping': dataclasses.asdict(self.recipe.warping)}
        save_geowarp(self.folder / name, self.network, {**card, 'recipe': recipe})


def seen_in(first: torch.Tensor, second: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """(B, 2, 4, 2): where what two quadrilaterals (B, 4, 2) share lies in each, once it is warped to a picture."""
    frame = frame_corners(shared).expand_as(shared)
    return torch.stack([moved(homography(own, frame), shared) for own in (first, second)], 1)


def in_other_light(pictures: torch.Tensor, strength: float, rng: np.random.Generator) -> torch.Tensor:
    """(B, 3, H, W) in [0, 1], each in a light of its own."""
    pixels = (pictures.permute(0, 2, 3, 1).cpu().numpy() * 255).round().astype(np.uint8)
    changed = np.stack([disturb(picture, strength, rng) for picture in pixels])
    return scaled(torch.from_numpy(changed)).to(pictures.device)


def recalls(part: ValidationSet, similarity: np.ndarray, radius: float) -> dict[str, float | None]:
    """Recall of the queries in the gallery where the set has both, else over all ordered pairs of sessions."""
    roles = gallery_and_queries({row.session for row in part.rows})
    if roles:
        gallery, queries = roles
        rows = [dataclasses.replace(row, condition='') for row in part.rows]
        found = recall_by_condition(rows, similarity, gallery, radius)[queries]
        return {rank: found[rank] for rank in ('1', '5', '10')}
    return recall_of(part.rows, similarity, radius)


def results_table(results: list[dict]) -> str:
    """Recall before and after re-ranking."""
    rows = [[row['name'], when, *('-' if value is None else f'{value:.1f}' for value in values.values())]
            for row in results for when, values in (('before', row['before']), ('after', row['recall_at']))]
    return tabulate(rows, ['set', 're-ranking', 'recall@1', '@5', '@10'], disable_numparse=True)
