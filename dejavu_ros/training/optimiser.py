"""The optimiser of a recipe and the course of its learning rate."""

import math

import torch
from torch import nn

from dejavu_ros.nn.encoder_net import EncoderNet
from dejavu_ros.training.config import TrainConfig


def make_optimiser(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Each group of parameters has its ``rate``, by which the learning rate is multiplied."""
    if isinstance(network, EncoderNet):
        groups = [{'params': list(network.final.parameters()), 'rate': 1.0},
                  {'params': list(network.encoders.parameters()), 'rate': config.encoder_rate}]
    else:
        groups = [{'params': list(network.parameters()), 'rate': 1.0}]
    if config.optimiser == 'sgd':
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum,
                               weight_decay=config.weight_decay)
    return torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Of step number ``step`` of ``steps``, counted from 0: linear warm-up, then constant or a cosine down to zero."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    if config.schedule == 'constant':
        return config.learning_rate
    done = (step - config.warmup) / max(1, steps - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
