"""The network that another one is taught by: it sees the same pictures, and its maps are to be given too."""

import torch

from dejavu_ros.errors import CheckpointError
from dejavu_ros.losses.imitation import imitation
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import dense_map, reduce
from dejavu_ros.nn.folded import FoldedNet
from dejavu_ros.training.recipe import Recipe


class Teacher:
    """The checkpoint that a recipe names, as it is run; ``identity`` is the checkpoint's."""

    def __init__(self, recipe: Recipe, device: torch.device):
        """Raises CheckpointError where it cannot be loaded or gives other channels than the recipe's network."""
        config, self.settings = recipe.train, recipe.features
        checkpoint = load_checkpoint(config.teacher)
        if checkpoint.network.channels != config.channels:
            raise CheckpointError(f'teacher {config.teacher} has {checkpoint.network.channels} channels, the recipe '
                                  f'{config.channels}: set channels to the teacher\'s, or take another teacher')
        self.identity = checkpoint.identity
        self.network = FoldedNet(checkpoint.network, 'bfloat16' if config.bfloat16 else 'float32').to(device)

    def loss(self, pictures: torch.Tensor, dense: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        """How far a network's maps of ``pictures`` (B, 3, H, W) are from the teacher's, a scalar.

        ``dense`` and ``grid`` are those of :func:`dejavu_ros.nn.features.dense_map` and ``reduce``; both count alike.
        """
        with torch.no_grad():
            taught = dense_map(self.network, pictures, self.settings)
            summary = reduce(self.network, taught, self.settings)
        return (imitation(dense, taught) + imitation(grid, summary)) / 2
