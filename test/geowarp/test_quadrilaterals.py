"""Quadrilaterals of one image: where they lie, what they share, and that warping finds it again."""

import cv2
import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.geowarp.picture import cut, four_pictures
from dejavu_ros.geowarp.quadrilaterals import FRAME, draw_pair, is_convex
from dejavu_ros.geowarp.warping import frame_corners, homography, moved
from dejavu_ros.images import encode_png, load_image


def picture() -> np.ndarray:
    """Soft blobs, so that sampling twice changes little."""
    noise = np.random.default_rng(0).random((120, 160, 3)).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, (0, 0), 8)
    return ((blobs - blobs.min()) / np.ptp(blobs) * 255).astype(np.uint8)


@pytest.mark.parametrize('k', [0.1, 0.6, 0.95])
def test_both_contain_what_they_share(k):
    for seed in range(20):
        first, second, shared = draw_pair(np.random.default_rng(seed), k)
        for corners in (first, second):
            assert (np.abs(FRAME - corners) <= k).all() and is_convex(corners)
            contour = corners.astype(np.float32)
            assert all(cv2.pointPolygonTest(contour, point, True) > -1e-4 for point in shared.tolist())


def test_with_k_0_all_is_the_image():
    for corners in draw_pair(np.random.default_rng(0), 0.0):
        np.testing.assert_allclose(corners, FRAME)


def test_the_shared_area_looks_the_same_from_both():
    image = picture()
    first, second, shared = draw_pair(np.random.default_rng(3), 0.5)
    straight = cut(image, shared).astype(int)
    for corners in (first, second):
        own = torch.from_numpy(corners)[None]
        inside = moved(homography(own, frame_corners(own)[None]), torch.from_numpy(shared)[None])[0].numpy()
        seen = cut(cut(image, corners), inside).astype(int)
        assert np.abs(seen - straight).mean() < 3 and np.abs(straight - image).mean() > 15


def test_the_command_writes_four_pictures_of_the_images_size(tmp_path, capsys):
    (tmp_path / 'street.png').write_bytes(encode_png(picture()))
    assert main(['show-quadrilaterals', str(tmp_path / 'street.png'), '--k', '0.8', '-o', str(tmp_path / 'out')]) == 0
    names = ['quadrilaterals', 'first', 'second', 'intersection']
    shown = [load_image(tmp_path / 'out' / f'street_{name}.png') for name in names]
    assert all(one.shape == (120, 160, 3) for one in shown)
    np.testing.assert_array_equal(shown[3], four_pictures(picture(), 0.8, 0)['intersection'])
    assert main(['show-quadrilaterals', str(tmp_path / 'street.png'), '--k', '1.5']) == 1
    assert '--k must be in 0 to 1' in capsys.readouterr().err
