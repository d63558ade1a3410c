"""Networks that another one is taught by: they see the same pictures, and what they make of them is to be learnt."""

import torch

from dejavu_ros.errors import CheckpointError
from dejavu_ros.losses.imitation import imitation
from dejavu_ros.losses.relations import relations
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import dense_map, reduce
from dejavu_ros.nn.folded import inference_net
from dejavu_ros.training.recipe import Recipe


class Teacher:
    """The checkpoints that a recipe names, as they are run, their maps side by side; ``identities`` are theirs."""

    def __init__(self, recipe: Recipe, device: torch.device):
        """Raises CheckpointError where one cannot be loaded, or gives other channels than those to be imitated."""
        self.config, self.settings = recipe.train, recipe.features
        paths = self.config.teacher.split()
        checkpoints = [load_checkpoint(path) for path in paths]
        for path, checkpoint in zip(paths, checkpoints):
            if self.config.imitation and checkpoint.network.channels != self.config.channels:
                raise CheckpointError(f'teacher {path} has {checkpoint.network.channels} channels, the recipe '
                                      f'{self.config.channels}: set channels to the teacher\'s, or take another '
                                      'teacher, or learn relations instead of imitation')
        self.identities = [checkpoint.identity for checkpoint in checkpoints]
        precision = 'bfloat16' if self.config.bfloat16 else 'float32'
        self.networks = [inference_net(checkpoint.network, precision).to(device) for checkpoint in checkpoints]

    def loss(self, pictures: torch.Tensor, dense: torch.Tensor, grid: torch.Tensor, places: int,
             positive: int) -> torch.Tensor:
        """How far a network is from the teacher on ``pictures`` (B, 3, H, W), a scalar.

        ``dense`` and ``grid`` are its maps, those of :func:`dejavu_ros.nn.features.dense_map` and ``reduce``; both
        count alike in imitation. The pictures are the frames of so many ``places``; relations are those between A0
        and P0, the frames 0 and ``positive``, of all of them.
        """
        with torch.no_grad():
            maps = [dense_map(network, pictures, self.settings) for network in self.networks]
            grids = [reduce(network, taught, self.settings) for network, taught in zip(self.networks, maps)]
        loss = grid.new_zeros(())
        if self.config.imitation:
            loss = loss + self.config.imitation * (imitation(dense, maps[0]) + imitation(grid, grids[0])) / 2
        if self.config.relations:
            side_by_side = torch.cat(grids, 1) / len(grids) ** 0.5
            frames = [vectors.flatten(2).unflatten(0, (places, -1))[:, frame]
                      for vectors in (grid, side_by_side) for frame in (0, positive)]
            loss = loss + self.config.relations * relations(*frames)
        return loss
