"""How a network of encoders that learnt elsewhere begins: their published weights, and a head by whitened PCA.

And how a network gets fewer channels than the one that it starts from.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from dejavu_ros.errors import DataError
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.encoder_net import EncoderNet
from dejavu_ros.nn.features import by_own_maximum
from dejavu_ros.nn.pretrained import pretrained_encoder

PICTURES = 2000  # of which the head's statistics are taken
FLOOR = 1e-4  # of a component's variance, as a share of the largest: what hardly varies is not blown up


def load_pretrained(network: EncoderNet, weights: str) -> None:
    """Give every encoder its published weights, from the folder ``weights`` or the installed packages.

    Raises ConfigError where they are not found, CheckpointError where they are not those that were published.
    """
    for index, name in enumerate(network.architecture.names):
        network.encoders[index] = pretrained_encoder(name, weights or None)


@torch.no_grad()
def fit_head(network: EncoderNet, batches: Iterable[torch.Tensor], device: torch.device) -> None:
    """Set the head to the whitened principal components of each encoder's vectors: mean 0, variance 1 each.

    The n components are shared among the encoders by width times stride: coarse maps, which know more of what a thing
    is, get more of them, and the encoder with the larger numbers does not take them all. ``batches`` are pictures
    (B, H, W, 3) uint8 RGB; PICTURES of them are used, or as many as there are. Raises DataError where they have fewer
    vectors than the encoders have channels.
    """
    training = network.training
    network.eval()
    count, pictures, total, products = 0, 0, 0, 0
    for images in batches:
        maps = network.encode(by_own_maximum(images.to(device)))
        vectors = maps.permute(0, 2, 3, 1).flatten(0, 2).cpu().double()
        total, products = total + vectors.sum(0), products + vectors.T @ vectors
        count, pictures = count + len(vectors), pictures + len(images)
        if pictures >= PICTURES:
            break
    network.train(training)
    if count <= network.final.in_channels:
        raise DataError(f'the head needs more than {network.final.in_channels} vectors to begin with, the sources gave '
                        f'{count}')
    mean = total / count
    covariance = products / count - torch.outer(mean, mean)
    widths = [encoder.width for encoder in network.encoders]
    weights = [encoder.width * encoder.stride for encoder in network.encoders]
    weight, row, column = torch.zeros(network.channels, sum(widths), dtype=torch.float64), 0, 0
    for width, share in zip(widths, shares(network.channels, weights)):
        block = slice(column, column + width)
        values, directions = torch.linalg.eigh(covariance[block, block])
        values, directions = values.flip(0)[:share], directions.flip(1)[:, :share]
        weight[row:row + len(values), block] = (directions * values.clamp(min=FLOOR * values[0]).rsqrt()).T
        row, column = row + share, column + width
    network.final.weight.copy_(weight[..., None, None])
    network.final.bias.copy_(-weight @ mean)


@torch.no_grad()
def narrow_head(network: DejavuNet | EncoderNet, wide: DejavuNet | EncoderNet, batches: Iterable[torch.Tensor],
                device: torch.device) -> None:
    """Set the head to that of ``wide``, its vectors reduced to their n principal directions.

    ``wide`` has the same encoder and more channels; its second moments are taken (without subtracting the mean), so
    that of all reductions this one keeps the products between vectors best. ``batches`` as for :func:`fit_head`.
    """
    wide, products, pictures = wide.to(device).eval(), 0, 0
    for images in batches:
        vectors = wide.half_size(by_own_maximum(images.to(device))).transpose(0, 1).flatten(1).cpu().double()
        products, pictures = products + vectors @ vectors.T, pictures + len(images)
        if pictures >= PICTURES:
            break
    _, directions = torch.linalg.eigh(products)
    reduction = directions.flip(1)[:, :network.channels].T.float().to(device)
    network.final.weight.copy_((reduction @ wide.final.weight[..., 0, 0])[..., None, None])
    if network.final.bias is not None:
        network.final.bias.copy_(reduction @ wide.final.bias)


def shares(channels: int, weights: Sequence[int]) -> list[int]:
    """Whole numbers whose sum is ``channels``, in proportion to ``weights``."""
    edges = np.rint(channels * np.cumsum([0, *weights]) / sum(weights)).astype(int)
    return [int(share) for share in np.diff(edges)]
