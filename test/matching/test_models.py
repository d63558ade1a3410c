"""A model is found in spite of wrong matches, and not found where there is none."""

import cv2
import numpy as np
import pytest

from dejavu_ros.errors import ImageError
from dejavu_ros.matching.models import camera_matrix, fit

CAMERA = camera_matrix([400, 410, 320, 240])
ROTATION = cv2.Rodrigues(np.array([0.02, -0.1, 0.03]))[0]
TRANSLATION = np.array([1.0, 0.2, 0.1])
WRONG = 40  # of 100 matches


def views(seed=0):
    """Matches (100, 2) of a scene with depth in two images of 640x480; the first 40 are wrong."""
    rng = np.random.default_rng(seed)
    points = rng.uniform((-4, -3, 6), (4, 3, 14), (100, 3))
    a, b = (seen @ CAMERA.T for seen in (points, points @ ROTATION.T + TRANSLATION))
    a, b = (image[:, :2] / image[:, 2:] for image in (a, b))
    b[:WRONG] = rng.uniform((0, 0), (640, 480), (WRONG, 2))
    return a, b + rng.normal(0, 0.3, b.shape)


def test_homography():
    truth = np.array([[1.1, 0.05, -20], [-0.03, 0.95, 12], [1e-4, -5e-5, 1]])
    rng = np.random.default_rng(0)
    a = rng.uniform((0, 0), (640, 480), (100, 2))
    b = cv2.perspectiveTransform(a[None], truth)[0]
    b[:WRONG] = rng.uniform((0, 0), (640, 480), (WRONG, 2))
    found = fit('homography', a, b, 2.0)
    assert found.inliers[WRONG:].all() and found.inliers[:WRONG].mean() < 0.1
    np.testing.assert_allclose(cv2.perspectiveTransform(a[None], found.matrix)[0][WRONG:], b[WRONG:], atol=0.1)


@pytest.mark.parametrize('model', ['fundamental', 'essential'])
def test_epipolar_geometry(model):
    a, b = views()
    found = fit(model, a, b, 2.0, CAMERA)
    assert found.inliers[WRONG:].mean() > 0.9 and found.inliers[:WRONG].mean() < 0.2
    ends = [np.column_stack([points, np.ones(len(points))]) for points in (a, b)]
    if model == 'essential':
        ends = [points @ np.linalg.inv(CAMERA).T for points in ends]
    residual = np.einsum('mi,ij,mj->m', ends[1], found.matrix / np.linalg.norm(found.matrix), ends[0])
    assert np.median(np.abs(residual[WRONG:])) < 0.1 * np.median(np.abs(residual[:WRONG]))


def test_essential_gives_the_motion():
    found = fit('essential', *views(), 2.0, CAMERA)
    assert np.degrees(np.linalg.norm(cv2.Rodrigues(found.rotation.T @ ROTATION)[0])) < 1
    assert found.direction @ TRANSLATION / np.linalg.norm(TRANSLATION) > 0.99


@pytest.mark.parametrize('model', ['homography', 'fundamental', 'essential'])
def test_too_few_matches_are_named(model):
    a, b = views()
    with pytest.raises(ImageError, match=f'5 matches are too few: a {model} needs 1[236]'):
        fit(model, a[-5:], b[-5:], 2.0, CAMERA)


@pytest.mark.parametrize('model', ['homography', 'fundamental', 'essential'])
def test_chance_is_no_model(model):
    rng = np.random.default_rng(0)
    a, b = rng.uniform((0, 0), (640, 480), (2, 40, 2))
    with pytest.raises(ImageError, match=f'no {model} agrees'):
        fit(model, a, b, 1.0, CAMERA)
    with pytest.raises(ImageError, match=f'no {model} agrees'):
        fit(model, np.zeros((40, 2)), np.zeros((40, 2)), 1.0, CAMERA)


@pytest.mark.parametrize('model', ['homography', 'fundamental', 'essential'])
def test_half_of_the_matches_at_one_point_are_no_crash(model):
    """OpenCV's own refinement loses the model on some of these and says so by an assertion."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        a = rng.uniform(0, 256, (20, 2))
        b = a + rng.integers(-1, 2, a.shape)
        a[:10] = a[0]
        try:
            assert fit(model, a, b, 3.0, camera_matrix((200, 200, 128, 96))).inliers.shape == (20,)
        except ImageError as error:
            assert 'agrees with' in str(error)
