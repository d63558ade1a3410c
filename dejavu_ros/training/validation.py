"""Figures that training may choose by: contextual similarity on validation manifests."""

import os
from collections.abc import Sequence

import numpy as np
import torch
from tqdm import tqdm

from dejavu_ros.data.layouts import read_places
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.metrics import retrieval_metrics
from dejavu_ros.images import load_image
from dejavu_ros.nn.dejavu import DejavuNet
from dejavu_ros.nn.features import FeatureSettings, to_grid, to_input
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.training.sources import Source

BATCH = 16


class ValidationSet:
    """The images of one manifest, or of a folder in one of the layouts."""

    def __init__(self, manifest: str):
        """Raises DataError for a manifest that cannot be read."""
        found = read_places(manifest)
        self.name, self.rows = found.name, found.rows

    @torch.inference_mode()
    def measure(self, network: DejavuNet, features: FeatureSettings, contextual: ContextualSettings,
                device: torch.device) -> dict:
        """``name`` and the :func:`retrieval_metrics` (in percent) under plain CX, in bfloat16.

        Raises ImageError for an image that cannot be read, DataError for features that are no numbers, or where the set
        cannot say how well seasons are bridged.
        """
        training = network.training
        network.eval()
        grids = []
        for start in tqdm(range(0, len(self.rows), BATCH), f'validation on {self.name}', leave=False, disable=None):
            batch = to_input([load_image(row.image) for row in self.rows[start:start + BATCH]], features).to(device)
            with torch.autocast(device.type, torch.bfloat16):
                grids.append(to_grid(network, batch.contiguous(memory_format=torch.channels_last), features))
        network.train(training)
        vectors = torch.cat(grids).float().flatten(2)
        return self.figures(contextual_similarity(vectors, vectors, contextual).cpu().numpy())

    def figures(self, similarity: np.ndarray) -> dict:
        """``name`` and the :func:`retrieval_metrics` of a similarity (B, B) of the images.

        Raises DataError where the set cannot say how well seasons are bridged.
        """
        figures = retrieval_metrics(self.rows, similarity)
        if figures['cross_session_auc'] is None:
            raise DataError(f'validation set {self.name} has no two sessions that share a place and hold another one: '
                            'there is nothing to choose weights by')
        return {'name': self.name, **figures}


def refuse_trained_on(sets: Sequence[ValidationSet], sources: Sequence[Source]) -> None:
    """Raise DataError where a validation set has images that one of the ``sources`` trains on."""
    for source in sources:
        trained = {os.path.realpath(image) for image in source.images}
        for part in sets:
            both = sum(os.path.realpath(row.image) in trained for row in part.rows)
            if both:
                raise DataError(f'{both} of the {len(part.rows)} images of validation set {part.name} are trained on '
                                f'(source {source.name}), so it cannot say which weights are best elsewhere: give '
                                'other places, or --validate-on-training')
