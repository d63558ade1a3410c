"""What a batch of places costs: from images to the loss that the recipe names."""

import numpy as np
import torch

from dejavu_ros.losses.contextual import contextual_loss
from dejavu_ros.losses.hardest import hardest_margin
from dejavu_ros.losses.infonce import infonce
from dejavu_ros.losses.pixel import pixel_contrast
from dejavu_ros.losses.sampling import sample_vectors
from dejavu_ros.losses.triplet import seasonal_triplet_loss
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import by_own_maximum, dense_map, reduce
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.training.config import TrainConfig
from dejavu_ros.training.recipe import Recipe
from dejavu_ros.training.teacher import Teacher
from dejavu_ros.training.views import Views


def views_needed(recipe: Recipe) -> Views:
    """Frames of a sample: A0 P0, with the same-season term A0 A1 P0 P1, and for triplets A0 A1 P0 P1 N0 N1."""
    config, features = recipe.train, recipe.features
    frames = 6 if config.loss == 'triplet' else 4 if config.alpha > 0 else 2
    return Views((features.input_width, features.input_height), frames,
                 (features.grid_width, features.grid_height) if config.pixel else None)


def places_needed(config: TrainConfig) -> int:
    """The fewest places in a batch: two are told apart, a triplet brings its own negative, a teacher needs none."""
    return 1 if config.loss in ('triplet', 'none') else 2


def cost(network: DejavuNet, batch: dict, recipe: Recipe,
         teacher: Teacher | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of a batch with gradients, and the share of places told apart right.

    ``batch`` has ``images`` and ``matches`` of :class:`dejavu_ros.training.views.Drawn`, and its number ``draw``, which
    any random choice of vectors depends on, beside the recipe's seed.
    """
    config, images = recipe.train, batch['images']
    pictures = by_own_maximum(images.flatten(0, 1)).contiguous(memory_format=torch.channels_last)
    dense, grid = feature_maps(network, pictures, recipe)
    maps = compared(grid, recipe, batch['draw']).unflatten(0, images.shape[:2])
    if config.loss == 'triplet':
        loss, right = seasonal_triplet_loss(maps, recipe.contextual, config.margin, config.alpha)
    else:
        loss, right = in_batch(maps, recipe.contextual, config)
    if config.pixel:
        views = views_needed(recipe)
        first, second = (maps[:, frame, :config.channels].unflatten(2, views.grid[::-1])
                         for frame in (0, views.positive))
        loss = loss + config.pixel * pixel_contrast(first, second, batch['matches'], config.temperature)
    if teacher:
        loss = loss + teacher.loss(pictures, dense, grid, len(images), views_needed(recipe).positive)
    return loss, right


def feature_maps(network: DejavuNet, pictures: torch.Tensor, recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, 3, H, W) to the dense maps and those that are compared, both (B, n, height, width) float32.

    The latter are the grid, or, where random vectors are drawn, the former.
    """
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=recipe.train.bfloat16):
        if recipe.train.vectors:
            dense = grid = network(pictures)
        else:
            dense = dense_map(network, pictures, recipe.features)
            grid = reduce(network, dense, recipe.features)
    return dense.float(), grid.float()


def compared(maps: torch.Tensor, recipe: Recipe, draw: int) -> torch.Tensor:
    """Maps (B, n, H, W) to the vectors (B, n, N) that are compared, two longer with coordinates."""
    config = recipe.train
    if config.spatial > 0:
        maps = with_coordinates(maps, config.spatial)
    if not config.vectors:
        return maps.flatten(2)
    seed = np.random.SeedSequence((config.seed, draw)).generate_state(1, np.uint64)
    return sample_vectors(maps, config.vectors, generator=torch.Generator().manual_seed(int(seed[0])))


def with_coordinates(maps: torch.Tensor, weight: float) -> torch.Tensor:
    """Maps (B, n, H, W) to (B, n + 2, H, W): squared distances grow by ``weight`` times those in the image.

    The sides of the image are 1. After the weak spatial constraint of the contextual-loss authors.
    """
    height, width = maps.shape[2:]
    y, x = torch.meshgrid((torch.arange(height, device=maps.device) + 0.5) / height,
                          (torch.arange(width, device=maps.device) + 0.5) / width, indexing='ij')
    coordinates = torch.stack([x, y]) * weight ** 0.5
    return torch.cat([maps, coordinates.expand(len(maps), -1, -1, -1)], 1)


def in_batch(maps: torch.Tensor, settings: ContextualSettings,
             config: TrainConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Of maps (places, 2 or 4, n, N), every other place is a negative.

    Mean over the cross-season pairs (A0, P0), (A1, P1) + ``alpha`` * mean over the same-season pairs (A0, A1),
    (P0, P1).
    """
    def compare(first: int, second: int) -> torch.Tensor:
        """The loss between two frames of all places, and the share of places that are told apart right: (2,)."""
        similarity = contextual_similarity(maps[:, first], maps[:, second], settings)
        if config.loss == 'infonce':
            loss = infonce(similarity, config.temperature)
        elif config.loss == 'hardest':
            loss = hardest_margin(similarity, config.margin)
        elif config.loss == 'contextual':
            loss = contextual_loss(similarity.diagonal())
        else:
            loss = similarity.new_zeros(())
        own = torch.arange(len(similarity), device=similarity.device)
        return torch.stack([loss, (similarity.argmax(1) == own).float().mean()])

    if maps.shape[1] == 2:
        loss, right = compare(0, 1)
    else:
        loss, right = (compare(0, 2) + compare(1, 3)) / 2
        same, _ = (compare(0, 1) + compare(2, 3)) / 2
        loss = loss + config.alpha * same
    return loss, right.detach()
