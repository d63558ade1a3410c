"""What is learnt from samples without gradients: where NetVLAD begins, and the whitening that follows it."""

import math

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import nn

from dejavu_ros.errors import DataError

RATIO = 100.0  # of the nearest centroid's share to the next one's, on average, where NetVLAD begins


def clusters(vectors: np.ndarray, count: int, seed: int) -> tuple[torch.Tensor, float]:
    """Centroids (count, n) of unit vectors (M, n) by k-means, and how sharply to assign to them.

    Raises DataError for fewer vectors than centroids.
    """
    if len(vectors) < count:
        raise DataError(f'{count} clusters need as many vectors, the images gave {len(vectors)}: ask for fewer '
                        'clusters or more images')
    found = KMeans(count, n_init=1, max_iter=50, random_state=seed).fit(vectors)
    centroids = torch.from_numpy(found.cluster_centers_).float()
    if count == 1:
        return centroids, 1.0
    nearest, second = np.partition(found.transform(vectors)**2, 1, axis=1)[:, :2].T
    return centroids, math.log(RATIO) / max(float((second - nearest).mean()), 1e-6)


def whitening(descriptors: np.ndarray, length: int, seed: int, power: float = 0.5) -> nn.Linear:
    """The linear map from descriptors (M, D) to ``length`` principal components over the ``power`` of their variance.

    With 0.5 they have unit variance; less trusts the strong ones more, where there are few samples. Raises
    DataError where the descriptors are too few or too short for so many.
    """
    if length >= min(descriptors.shape):
        raise DataError(f'whitening to {length} needs more than that many images and values, there are '
                        f'{descriptors.shape[0]} descriptors of {descriptors.shape[1]}: ask for a smaller whitening')
    found = PCA(length, svd_solver='randomized', random_state=seed).fit(descriptors)
    rows = found.components_ / found.explained_variance_.clip(1e-12)[:, None] ** power
    linear = nn.Linear(descriptors.shape[1], length)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(rows))
        linear.bias.copy_(torch.from_numpy(-rows @ found.mean_))
    return linear
