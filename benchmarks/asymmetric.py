"""A strong encoder for the map, a part of it for the query: one encoder of a joint, fitted to the joint's own vectors.

    python benchmarks/asymmetric.py --config config/permissive.yaml --grief grief.csv --drive gardens_point_a \
        --road cmu.csv --road-map 2011-04-21_spring

A pupil is one encoder of the checkpoint as it stands, at the checkpoint's input size or half of it, below a linear
head: ridge regression to the joint's unit vectors, cell by cell, over pictures of the recipe's sources. Each pupil
asks the joint's maps, and maps of its own. Recall@1: over pairs of sessions, as `dejavu evaluate` has it; within five
frames, all directions of a drive; within four along a road.
"""

import argparse
import copy
import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
from tabulate import tabulate
from torch import nn

from dejavu_ros.data.layouts import read_places
from dejavu_ros.evaluation.metrics import by_session, recall_by_condition, recall_of
from dejavu_ros.evaluation.sequence import hits_within, split
from dejavu_ros.images import load_image
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import by_own_maximum, to_grid, to_input
from dejavu_ros.ops.contextual import contextual_similarity
from dejavu_ros.training.objective import views_needed
from dejavu_ros.training.recipe import load_recipe
from dejavu_ros.training.sources import Batches, open_source

FRAMES, ALONG_ROAD = 5, 4  # how far from the truth an answer of a drive and of a road may be
RIDGE = 1e-3  # of the mean variance of the encoder's channels


class Pupil:
    """One encoder of a joint with a linear head; ``shrink`` divides the sides of the picture it sees."""

    def __init__(self, encoder: nn.Module, name: str, shrink: int):
        self.encoder, self.name, self.shrink = encoder, name, shrink
        self.weight = self.bias = None

    def encode(self, images: torch.Tensor, grid: torch.Size) -> torch.Tensor:
        """(B, 3, H, W) to (B, channels, rows, columns) of the ``grid``."""
        if self.shrink > 1:
            images = F.avg_pool2d(images, self.shrink)
        maps = self.encoder(images)
        if maps.shape[2] < grid[0]:
            return F.interpolate(maps, grid, mode='bilinear', align_corners=False)
        return F.adaptive_avg_pool2d(maps, grid)

    def vectors(self, images: torch.Tensor, grid: torch.Size) -> torch.Tensor:
        """(B, 3, H, W) to unit vectors (B, n, cells)."""
        return F.normalize(self.weight.T @ self.encode(images, grid).flatten(2) + self.bias[:, None], dim=1)


def fit(pupils: list[Pupil], joint: nn.Module, settings, batches, pictures: int) -> list[float]:
    """Set the pupils' heads; returns each one's mean cosine with the joint's vectors on the pictures."""
    inputs, wanted, seen = [[] for _ in pupils], [], 0
    for index in range(len(batches)):
        images = by_own_maximum(torch.from_numpy(batches[index]['images']).flatten(0, 1))
        grid = to_grid(joint, images, settings)
        wanted.append(cells(grid))
        for maps, pupil in zip(inputs, pupils):
            maps.append(cells(pupil.encode(images, grid.shape[2:])))
        seen += len(images)
        if seen >= pictures:
            break
    y, cosines = torch.cat(wanted).double(), []
    for pupil, maps in zip(pupils, inputs):
        x = torch.cat(maps).double()
        mean = x.mean(0)
        centred = x - mean
        gram = centred.T @ centred / len(x)
        gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
        weight = torch.linalg.solve(gram, centred.T @ (y - y.mean(0)) / len(x))
        pupil.weight, pupil.bias = weight.float(), (y.mean(0) - mean @ weight).float()
        found = x @ weight + (y.mean(0) - mean @ weight)
        cosines.append(float(F.cosine_similarity(found, y, dim=1).mean()))
    return cosines


def cells(maps: torch.Tensor) -> torch.Tensor:
    """(B, n, rows, columns) to (B * rows * columns, n)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--config', required=True, help='recipe whose sources the heads are fitted on')
    parser.add_argument('--checkpoint', default='', help='of two or more encoders')
    parser.add_argument('--grief', required=True, metavar='CSV', help='places of several sessions')
    parser.add_argument('--drive', required=True, metavar='CSV', help='sessions along one drive, x the frame')
    parser.add_argument('--road', required=True, metavar='CSV', help='one session that maps a road, x along it')
    parser.add_argument('--road-map', required=True, metavar='SESSION')
    parser.add_argument('--pictures', type=int, default=960, help='that the heads are fitted on')
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    checkpoint = load_checkpoint(arguments.checkpoint)
    joint, settings = checkpoint.network.eval(), checkpoint.settings
    recipe = load_recipe(arguments.config)
    recipe = dataclasses.replace(recipe, features=settings)
    batches = Batches([open_source(source) for source in recipe.sources], recipe.train.places, views_needed(recipe),
                      recipe.train.seed, arguments.pictures)
    pupils = [Pupil(copy.deepcopy(encoder), name, shrink) for shrink in (1, 2)
              for name, encoder in zip(joint.architecture.names, joint.encoders)]
    cosines = fit(pupils, joint, settings, batches, arguments.pictures)

    def figures(rows, judge) -> list[list[str]]:
        """Of each way to ask a set, what ``judge`` says of the similarities; the joint on its own maps first."""
        found = [[] for _ in range(1 + len(pupils))]
        for start in range(0, len(rows), 16):
            images = to_input([load_image(row.image) for row in rows[start:start + 16]], settings)
            grid = to_grid(joint, images, settings)
            found[0].append(grid.flatten(2))
            for vectors, pupil in zip(found[1:], pupils):
                vectors.append(pupil.vectors(images, grid.shape[2:]))
        strong, *weak = (torch.cat(vectors) for vectors in found)

        def asked(queries, keyframes) -> str:
            return judge(contextual_similarity(queries, keyframes, checkpoint.contextual).numpy())

        return [[asked(strong, strong), ''], *([asked(query, strong), asked(query, query)] for query in weak)]

    def of_drive(similarity: np.ndarray) -> str:
        recalls = [row['1'] for session in by_session(drive)
                   for row in recall_by_condition([dataclasses.replace(row, condition=row.session) for row in drive],
                                                  similarity, session, FRAMES).values()]
        return f'{np.mean(recalls):.1f} ({min(recalls):.0f})'

    def of_road(similarity: np.ndarray) -> str:
        best = similarity[len(keyframes):, :len(keyframes)].argmax(1)
        return str(hits_within([keyframes[index].x for index in best], [row.x for row in queries], ALONG_ROAD))

    places, drive = read_places(arguments.grief).rows, read_places(arguments.drive).rows
    keyframes, queries = split(read_places(arguments.road).rows, arguments.road_map)
    columns = [figures(places, lambda similarity: f'{recall_of(places, similarity)["1"]:.1f}'),
               figures(drive, of_drive), figures(keyframes + queries, of_road)]
    names = ['the joint', *(f'{pupil.name}, 1/{pupil.shrink}' for pupil in pupils)]
    print(tabulate([[name, cosine, *(cell for column in columns for cell in column[index])]
                    for index, (name, cosine) in enumerate(zip(names, ['', *(f'{c:.3f}' for c in cosines)]))],
                   ['query', 'cosine', 'places: on the joint\'s map', 'on its own', 'drive, mean (worst direction)',
                    'own', f'road, of {len(queries)}', 'own'], disable_numparse=True))


if __name__ == '__main__':
    main()
