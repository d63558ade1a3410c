"""How a network of encoders that learnt elsewhere begins: their published weights, and a head by whitened PCA."""

from collections.abc import Iterable

import torch

from dejavu_ros.errors import DataError
from dejavu_ros.nn.encoder_net import EncoderNet
from dejavu_ros.nn.features import by_own_maximum
from dejavu_ros.nn.pretrained import pretrained_encoder

PICTURES = 2000  # of which the head's statistics are taken


def load_pretrained(network: EncoderNet, weights: str) -> None:
    """Give every encoder its published weights, from the folder ``weights`` or the installed packages.

    Raises ConfigError where they are not found, CheckpointError where they are not those that were published.
    """
    for index, name in enumerate(network.architecture.names):
        network.encoders[index] = pretrained_encoder(name, weights or None)


@torch.no_grad()
def fit_head(network: EncoderNet, batches: Iterable[torch.Tensor], device: torch.device) -> None:
    """Set the head to the whitened principal components of the encoders' vectors: mean 0, variance 1 each.

    ``batches`` are pictures (B, H, W, 3) uint8 RGB; PICTURES of them are used, or as many as there are. Raises
    DataError where they have fewer vectors than the encoders have channels.
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
    width = network.final.in_channels
    if count <= width:
        raise DataError(f'the head needs more than {width} vectors to begin with, the sources gave {count}')
    mean = total / count
    values, directions = torch.linalg.eigh(products / count - torch.outer(mean, mean))
    values, directions = values.flip(0)[:network.channels], directions.flip(1)[:, :network.channels]
    weight = (directions * values.clamp(min=1e-12).rsqrt()).T
    network.final.weight.copy_(weight[..., None, None])
    network.final.bias.copy_(-weight @ mean)
