"""GeoWarp networks: made for a training, written, loaded."""

import dataclasses
from pathlib import Path
from typing import Any

from dejavu_ros.geowarp.network import GeoWarpNet, StoredGrid
from dejavu_ros.geowarp.settings import GeoWarpSettings
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.retrieval.backbones import empty_backbone, open_backbone
from dejavu_ros.retrieval.files import Kind, NetworkFile, load_network, save_network

GEOWARP = Kind('geowarp', GeoWarpSettings, 'dejavu train-geowarp', 'geowarp.pt')
STORED = 'grid'  # the backbone whose maps are those of a checkpoint, which is no part of the file


def as_stored(settings: GeoWarpSettings, weights: str) -> GeoWarpSettings:
    """With the sizes of pictures and grids that a checkpoint says, where its stored grids are asked for."""
    if settings.backbone != STORED:
        return settings
    seen = load_checkpoint(weights).settings
    return dataclasses.replace(settings, input_width=seen.input_width, input_height=seen.input_height,
                               rows=seen.grid_height, columns=seen.grid_width)


def new_network(settings: GeoWarpSettings, weights: str) -> GeoWarpNet:
    """An untrained regression over a backbone with the ``weights`` of a file, as ``open_backbone`` takes them.

    Raises CheckpointError, ConfigError.
    """
    stored = settings.backbone == STORED
    return GeoWarpNet(settings, StoredGrid(load_checkpoint(weights)) if stored else
                      open_backbone(settings.backbone, weights))


def save_geowarp(path: str | Path, network: GeoWarpNet, card: dict[str, Any]) -> None:
    """Write a network, whole or not at all; the backbone too, unless it is a checkpoint's stored grid."""
    if network.settings.backbone == STORED:
        alone = GeoWarpNet(network.settings, None)
        alone.regression = network.regression
        network = alone
    save_network(path, GEOWARP, network, card)


def load_geowarp(name: str | Path) -> NetworkFile:
    """As ``load_network`` does. A file for stored grids has no backbone."""
    return load_network(name, GEOWARP, lambda settings: GeoWarpNet(
        settings, None if settings.backbone == STORED else empty_backbone(settings.backbone)))
