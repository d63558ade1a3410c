"""Hand-made features: unit vectors that mean what OpenCV's descriptors mean, and that find a moved picture again."""

import cv2
import numpy as np
import pytest
import torch

from dejavu_ros.matching.local_features import RATIOS, LocalFeatures, unit_vectors
from dejavu_ros.evaluation.matches import match_similarity

KINDS = ('orb', 'sift', 'rootsift')


def scene(seed, size=(120, 160)):
    """(H, W, 3) uint8: overlapping boxes."""
    rng = np.random.default_rng(seed)
    image = np.full((*size, 3), 128, np.uint8)
    for _ in range(60):
        x, y = rng.integers(0, size[1]), rng.integers(0, size[0])
        w, h = rng.integers(5, 30, 2)
        cv2.rectangle(image, (int(x), int(y)), (int(x + w), int(y + h)), rng.integers(0, 256, 3).tolist(), -1)
    return image


@pytest.mark.parametrize('kind', KINDS)
def test_unit_vectors_and_the_limit(kind):
    busy = np.kron(np.random.default_rng(0).integers(0, 256, (15, 20, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    descriptors = LocalFeatures(kind, keypoints=40).describe(busy)
    assert descriptors.shape[0] == (256 if kind == 'orb' else 128)
    assert 20 < descriptors.shape[1] <= 40  # ORB allots them to scales, and small scales may have fewer
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=0), 1, atol=1e-5)


def test_orb_vectors_keep_the_hamming_distance():
    bits = np.random.default_rng(0).integers(0, 256, (7, 32), np.uint8)
    vectors = unit_vectors(bits, 'orb')
    hamming = [[cv2.norm(a, b, cv2.NORM_HAMMING) for b in bits] for a in bits]
    squared = ((vectors[:, None] - vectors[None]) ** 2).sum(2)
    np.testing.assert_allclose(64 * squared, hamming, atol=1e-3)


def test_rootsift_compares_by_hellinger_kernel():
    histograms = np.random.default_rng(0).random((5, 128)).astype(np.float32)
    vectors = unit_vectors(histograms, 'rootsift')
    shares = histograms / histograms.sum(1, keepdims=True)
    np.testing.assert_allclose(vectors @ vectors.T, np.sqrt(shares[:, None] * shares[None]).sum(2), rtol=1e-4)


@pytest.mark.parametrize('kind', KINDS)
def test_a_flat_image_has_none(kind):
    assert LocalFeatures(kind).describe(np.full((60, 80, 3), 90, np.uint8)).shape[1] == 0


@pytest.mark.parametrize('kind', KINDS)
def test_a_moved_picture_matches_better_than_another(kind):
    features = LocalFeatures(kind)
    moved = cv2.warpAffine(scene(1), np.float32([[1, 0, 9], [0, 1, 5]]), (160, 120), borderMode=cv2.BORDER_REFLECT)
    a, b, c = (torch.from_numpy(features.describe(image)) for image in (scene(1), moved, scene(2)))
    same, other = (float(match_similarity(a, x[None], RATIOS[kind])) for x in (b, c))
    assert same > 0.2 and same > 4 * other


def test_wide_images_are_reduced():
    wide = cv2.resize(scene(3), (1280, 960), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(wide, (320, 240), interpolation=cv2.INTER_AREA)
    features = LocalFeatures('sift', max_width=320)
    np.testing.assert_array_equal(features.describe(wide), features.describe(small))


def naive_matches(query, keyframe, ratio):
    """Match by match, as a textbook does it."""
    counted = 0
    for a, b in ((query, keyframe), (keyframe, query)):
        distance = np.linalg.norm(a[:, :, None] - b[:, None, :], axis=0)
        for i, row in enumerate(distance):
            j = row.argmin()
            mutual = distance[:, j].argmin() == i
            counted += mutual and (ratio is None or len(row) < 2 or row[j] < ratio * np.partition(row, 1)[1])
    return counted / (query.shape[1] + keyframe.shape[1])


@pytest.mark.parametrize('ratio', [None, 0.8])
@pytest.mark.parametrize('sizes', [(13, 17), (1, 5), (5, 1), (1, 1)])
def test_matches_equal_a_naive_count(ratio, sizes):
    rng = np.random.default_rng(5)
    query, keyframes = rng.random((8, sizes[0])), rng.random((3, 8, sizes[1]))
    keyframes[:, :, 0] = query[:, 0] + 0.01
    got = match_similarity(torch.from_numpy(query), torch.from_numpy(keyframes), ratio)
    np.testing.assert_allclose(got, [naive_matches(query, keyframe, ratio) for keyframe in keyframes], rtol=1e-6)
    back = [float(match_similarity(torch.from_numpy(k), torch.from_numpy(query)[None], ratio)) for k in keyframes]
    np.testing.assert_allclose(got, back, rtol=1e-6)
