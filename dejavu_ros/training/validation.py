"""Figures that training may choose by: contextual similarity on validation manifests."""

from pathlib import Path

import numpy as np
import torch

from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.evaluation.metrics import retrieval_metrics
from dejavu_ros.images import load_image
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings, to_grid, to_input
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity


@torch.inference_mode()
def validate(network: DejavuNet, manifest: str, features: FeatureSettings, contextual: ContextualSettings) -> dict:
    """``name`` of a manifest and its :func:`retrieval_metrics` (in percent) under plain CX, in bfloat16.

    Raises DataError for a manifest, ImageError for an image that cannot be read.
    """
    rows = read_manifest(manifest)
    training = network.training
    network.eval()
    grids = []
    for start in range(0, len(rows), 16):
        batch = to_input([load_image(row.image) for row in rows[start:start + 16]], features)
        with torch.autocast('cpu', torch.bfloat16):
            grids.append(to_grid(network, batch.contiguous(memory_format=torch.channels_last), features))
    network.train(training)
    grids = torch.cat(grids).float().flatten(2)
    similarity = contextual_similarity(grids, grids, contextual).numpy()
    return {'name': Path(manifest).stem, **retrieval_metrics(rows, np.asarray(similarity))}
