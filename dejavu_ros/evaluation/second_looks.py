"""A second, dearer look at the images that came out best: what puts a shortlist in another order."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dejavu_ros.errors import ImageError
from dejavu_ros.evaluation.features import Method
from dejavu_ros.evaluation.reranking import Judge
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.geowarp.files import STORED
from dejavu_ros.images import load_image
from dejavu_ros.localization.verification import UsualView
from dejavu_ros.matching.local_features import LocalFeatures
from dejavu_ros.matching.models import fit
from dejavu_ros.matching.pipeline import match

TOLERANCE = 3.0  # px that an inlier may be off its epipolar line


@dataclasses.dataclass(frozen=True)
class SecondLook:
    """``describe`` makes of image files what is compared; ``judge_in`` a map of all that lie there is how.

    ``size`` of a description in bytes; ``by_checkpoint`` where it is the features of the shipped checkpoint.
    """

    describe: Callable[[Sequence[Path]], Sequence[Any]]
    judge_in: Callable[[Sequence[Any]], Judge]
    size: Callable[[Any], int]
    by_checkpoint: bool


def by_cx() -> SecondLook:
    """Contextual similarity of the shipped checkpoint's features."""
    method = Method(EvaluationSettings())

    def judge(query: np.ndarray, candidates: Sequence[np.ndarray]) -> np.ndarray:
        return method.score(torch.from_numpy(query), torch.from_numpy(np.stack(candidates))).numpy()

    return SecondLook(method.descriptors, lambda keyframes: judge, lambda grid: grid.nbytes, by_checkpoint=True)


def by_cells() -> SecondLook:
    """The localizer's own check: cells of the same features that agree beyond what all views of a map show."""
    method = Method(EvaluationSettings())

    def judge_in(keyframes: Sequence[np.ndarray]) -> Judge:
        usual = UsualView(np.stack(keyframes), method.extractor.grid)
        return lambda query, candidates: np.array([usual.agreement(query, view) for view in candidates])

    return SecondLook(method.descriptors, judge_in, lambda grid: grid.nbytes, by_checkpoint=True)


def by_geowarp(weights: str = '') -> SecondLook:
    """GeoWarp, the shipped one or the ``weights`` of a file: warped to what both show.

    Raises CheckpointError, ConfigError.
    """
    method = Method(EvaluationSettings(rerank='geowarp', rerank_checkpoint=weights))
    stored = method.reranker.settings.backbone == STORED
    return SecondLook(method.descriptors if stored else method.own_grids, method.reranker.judge_in,
                      lambda grid: grid.nbytes, by_checkpoint=stored)


def by_inliers() -> SecondLook:
    """RootSIFT matches that agree with one fundamental matrix."""
    features = LocalFeatures('rootsift')

    def inliers(query: Any, candidate: Any) -> int:
        a, b = match(query, candidate, 'rootsift').T
        try:
            return int(fit('fundamental', query.points[a], candidate.points[b], TOLERANCE).inliers.sum())
        except ImageError:  # too few to say anything
            return 0

    return SecondLook(lambda images: [features(load_image(image)) for image in images],
                      lambda keyframes: lambda query, candidates: np.array([inliers(query, one) for one in candidates]),
                      lambda found: 2 * found.descriptors.size + found.points.nbytes, by_checkpoint=False)


SECOND_LOOKS = {'cx': by_cx, 'cells': by_cells, 'geowarp': by_geowarp, 'inliers': by_inliers}
