"""The features that can be evaluated, behind one face: images to descriptors, and the score that compares them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import ConfigError
from dejavu_ros.evaluation.extractors import TorchFeatures
from dejavu_ros.evaluation.matches import match_similarity
from dejavu_ros.evaluation.pairs import Score, all_pairs, similarity_matrix
from dejavu_ros.evaluation.reranking import looked_again
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.geowarp.files import STORED, load_geowarp
from dejavu_ros.geowarp.reranker import Reranker
from dejavu_ros.images import load_image
from dejavu_ros.matching.caps_features import CapsFeatures
from dejavu_ros.matching.local_features import RATIOS, LocalFeatures
from dejavu_ros.matching.pipeline import DENSE_RATIO
from dejavu_ros.matching.settings import FeatureChoice
from dejavu_ros.nn.caps import identity_of
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.device import usable_device
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.nn.foreign import load_extractor
from dejavu_ros.ops.contextual import ContextualSettings, contextual_similarity
from dejavu_ros.retrieval.describer import Describer
from dejavu_ros.retrieval.files import load_describer


class Method:
    """Features and a similarity, as a person chose them; ``checkpoint`` is the weights' identity, None without any."""

    def __init__(self, settings: EvaluationSettings):
        """Raises CheckpointError, ConfigError."""
        self.settings, self.checkpoint, self.extractor = settings, None, None
        self.dense: Callable[[np.ndarray], np.ndarray] | None = None  # (H, W, 3) uint8 to (n, h, w), if any
        contextual = ContextualSettings()
        usable_device(settings.device)
        if settings.features == 'dvf':
            checkpoint = load_checkpoint(settings.checkpoint)
            self.extractor = FeatureExtractor(checkpoint, settings.device)
            contextual, self.checkpoint = checkpoint.contextual, checkpoint.identity
            self.dense = self.extractor.dense
        elif settings.features in RATIOS:
            self.describe: Callable[[np.ndarray], np.ndarray] = LocalFeatures(settings.features, settings.keypoints,
                                                                              settings.max_width).describe
        elif settings.features == 'caps':
            caps = CapsFeatures(FeatureChoice(caps=settings.checkpoint, device=settings.device,
                                              count=settings.keypoints))
            self.describe, self.checkpoint = lambda image: caps(image).descriptors, identity_of(settings.checkpoint)
        else:
            self._torch_features()
        self.reranker = self._reranker(contextual) if settings.rerank else None
        if settings.similarity == 'descriptor':
            self.symmetric, self.score = True, product
        elif settings.similarity == 'cx':
            self.symmetric = contextual.symmetric
            self.score: Score = partial(contextual_similarity, settings=contextual)
        else:
            self.symmetric = True
            ratio = DENSE_RATIO if settings.features == 'caps' else RATIOS.get(settings.features)
            self.score = partial(match_similarity, ratio=ratio)

    def _torch_features(self) -> None:
        """Dense maps of a describer or of a stranger's callable; of a describer also single vectors (D, 1)."""
        settings = self.settings
        if settings.features == 'netvlad':
            describer = Describer(load_describer(settings.checkpoint), settings.device)
            extract, self.checkpoint = describer.maps, describer.identity
        else:
            extract = load_extractor(settings.features)
        maps = TorchFeatures(settings.features, extract, settings.max_width, settings.max_grid, settings.device)
        self.dense, self.describe = maps.dense, maps.describe
        if settings.similarity == 'descriptor':
            self.describe = lambda image: describer.describe([image])[0][:, None]

    def _reranker(self, contextual: ContextualSettings) -> Reranker:
        """Raises ConfigError where it is made for stored grids, and the features are none that fit."""
        reranker = Reranker(load_geowarp(self.settings.rerank_checkpoint), contextual, self.settings.device)
        if reranker.settings.backbone == STORED:
            if self.extractor is None:
                raise ConfigError(f'--rerank geowarp with stored grids is for --features dvf, not for '
                                  f'{self.settings.features}: give a --rerank-checkpoint with a backbone of its own')
            reranker.check_grid(self.extractor.grid)
        return reranker

    def reranked(self, rows: Sequence[ManifestRow], similarity: np.ndarray,
                 descriptors: Sequence[np.ndarray]) -> np.ndarray:
        """``similarity`` (B, B) of images re-ranked where that was chosen, by their ``descriptors`` or maps of the
        reranker's own; else as it is.
        """
        if self.reranker is None:
            return similarity
        stored = self.reranker.settings.backbone == STORED
        grids = descriptors if stored else self.own_grids([row.image for row in rows])
        return looked_again(rows, similarity, grids, self.reranker.judge_in, self.settings.rerank_top)

    def own_grids(self, images: Sequence[str | Path]) -> Sequence[np.ndarray]:
        """Grids (n, N) of image files by the reranker's own backbone. Raises ImageError."""
        hidden = True if len(images) == 1 else None
        return [self.reranker.grids([load_image(image)])[0]
                for image in tqdm(images, desc='maps', unit='image', disable=hidden)]

    def descriptors(self, images: Sequence[str | Path]) -> Sequence[np.ndarray]:
        """Descriptors (n, N_i) of image files, a batch of images in memory at a time. Raises ImageError."""
        if self.extractor:
            return self.extractor.extract_files(images)
        return [self.describe(load_image(path)) for path in tqdm(images, desc=self.settings.features, unit='image',
                                                                 disable=None)]

    def all_pairs(self, descriptors: Sequence[np.ndarray]) -> np.ndarray:
        """(B, B): how much image j looks like image i, of the descriptors of B images."""
        return all_pairs(descriptors, self.score, self.symmetric, self.settings.device)

    def table(self, queries: Sequence[str | Path], keyframes: Sequence[str | Path]) -> np.ndarray:
        """(Q, K) similarity."""
        return similarity_matrix(self.descriptors(queries), self.descriptors(keyframes), self.score,
                                 self.settings.device)


def product(query: torch.Tensor, keyframes: torch.Tensor) -> torch.Tensor:
    """Of unit vectors (D, 1) and (K, D, 1): (K,)."""
    return (keyframes.float() * query.float()).sum((1, 2))
