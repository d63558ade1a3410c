"""Similarity of many image pairs: features once, pairs in batches, progress shown."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from tqdm import tqdm

BATCH = 1 << 19  # distances in one call: without the compiled kernel they must stay in the cache to be fast

Score = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (n, N1), (K, n, N2) -> (K,)


def similarity_matrix(queries: Sequence[np.ndarray], keyframes: Sequence[np.ndarray], score: Score,
                      device: str = 'cpu') -> np.ndarray:
    """(Q, K) float64 of descriptors (n, N_i) each; 0 where an image has no descriptors."""
    matrix = np.zeros((len(queries), len(keyframes)))
    with tqdm(total=matrix.size, desc='similarity', unit='pair', disable=None) as progress:
        for i, query in enumerate(queries):
            _fill_row(matrix[i], query, keyframes, score, device, progress)
    return matrix


def all_pairs(descriptors: Sequence[np.ndarray], score: Score, symmetric: bool, device: str = 'cpu') -> np.ndarray:
    """(B, B) float64 of descriptors (n, N_i) each, every image with itself too; half the work where ``symmetric``."""
    if not symmetric:
        return similarity_matrix(descriptors, descriptors, score, device)
    count = len(descriptors)
    matrix = np.zeros((count, count))
    with tqdm(total=count * (count + 1) // 2, desc='similarity', unit='pair', disable=None) as progress:
        for i, query in enumerate(descriptors):
            _fill_row(matrix[i, i:], query, descriptors[i:], score, device, progress)
    return np.triu(matrix) + np.triu(matrix, 1).T


@torch.inference_mode()
def _fill_row(row: np.ndarray, query: np.ndarray, keyframes: Sequence[np.ndarray], score: Score, device: str,
              progress: tqdm) -> None:
    query = torch.from_numpy(np.ascontiguousarray(query)).to(device)
    start = 0
    for shape, group in itertools.groupby(keyframes, np.shape):  # only maps of one size go together
        group = list(group)
        step = max(1, BATCH // max(1, query.shape[1] * shape[1]))
        for first in range(0, len(group), step):
            batch = group[first:first + step]
            if query.shape[1] and shape[1]:
                stacked = torch.from_numpy(np.stack(batch)).to(device)
                row[start:start + len(batch)] = score(query, stacked).cpu().numpy()
            start += len(batch)
            progress.update(len(batch))
