"""A second, dearer look at the images that came out best: what puts a shortlist in another order."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import ImageError
from dejavu_ros.evaluation.features import Method
from dejavu_ros.evaluation.metrics import by_session
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.images import load_image
from dejavu_ros.localization.verification import UsualView
from dejavu_ros.matching.local_features import LocalFeatures
from dejavu_ros.matching.models import fit
from dejavu_ros.matching.pipeline import match

SHORTLIST = 10   # images of another session that are looked at again
TOLERANCE = 3.0  # px that an inlier may be off its epipolar line

Judge = Callable[[Any, Sequence[Any]], np.ndarray]  # of a query and K candidates, as described: (K,), more is better


@dataclasses.dataclass(frozen=True)
class SecondLook:
    """``describe`` makes of image files what is compared; ``judge_in`` a map of all that lie there is how.

    ``size`` of a description in bytes.
    """

    describe: Callable[[Sequence[Path]], Sequence[Any]]
    judge_in: Callable[[Sequence[Any]], Judge]
    size: Callable[[Any], int]


def by_cx() -> SecondLook:
    """Contextual similarity of the shipped checkpoint's features."""
    method = Method(EvaluationSettings())

    def judge(query: np.ndarray, candidates: Sequence[np.ndarray]) -> np.ndarray:
        return method.score(torch.from_numpy(query), torch.from_numpy(np.stack(candidates))).numpy()

    return SecondLook(method.descriptors, lambda keyframes: judge, lambda grid: grid.nbytes)


def by_cells() -> SecondLook:
    """The localizer's own check: cells of the same features that agree beyond what all views of a map show."""
    method = Method(EvaluationSettings())

    def judge_in(keyframes: Sequence[np.ndarray]) -> Judge:
        usual = UsualView(np.stack(keyframes), method.extractor.grid)
        return lambda query, candidates: np.array([usual.agreement(query, view) for view in candidates])

    return SecondLook(method.descriptors, judge_in, lambda grid: grid.nbytes)


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
                      lambda found: 2 * found.descriptors.size + found.points.nbytes)


SECOND_LOOKS = {'cx': by_cx, 'cells': by_cells, 'inliers': by_inliers}
BY_CHECKPOINT = 'cx', 'cells'  # those that look at the features of the shipped checkpoint


def looked_again(rows: Sequence[ManifestRow], similarity: np.ndarray, look: SecondLook,
                 described: Sequence[Any]) -> np.ndarray:
    """``similarity`` (B, B) with the SHORTLIST best of each other session in the order of the second look.

    Their scores are dealt out anew among them, so that they stay ahead of all others; where the look cannot tell, the
    order stays.
    """
    result, sessions = similarity.copy(), by_session(rows)
    with tqdm(total=len(sessions) * (len(sessions) - 1), desc='second look', unit='map', disable=None) as progress:
        for queries_of, queries in sessions.items():
            for map_of, keyframes in sessions.items():
                if queries_of == map_of:
                    continue
                judge = look.judge_in([described[index] for index in keyframes])
                for query in queries:
                    best = keyframes[np.argsort(similarity[query, keyframes], kind='stable')[-SHORTLIST:]]
                    judged = judge(described[query], [described[index] for index in best])
                    # worst first by the second look, then by the first: both ascend with the scores
                    order = np.argsort(judged, kind='stable')
                    result[query, best[order]] = np.sort(similarity[query, best])
                progress.update()
    return result
