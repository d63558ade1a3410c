"""Frames that were not accepted are kept within a limit, and can be looked at again."""

import numpy as np
import pytest

from dejavu_ros.data.folders import image_stamps, list_images
from dejavu_ros.errors import DataError
from dejavu_ros.images import load_image
from dejavu_ros.localization import Estimate
from dejavu_ros.localization.frame_ring import FrameRing

SECOND = 1_000_000_000


def estimate(second, reason='unknown_place'):
    return Estimate(second * SECOND, not reason, reason, [], 1.0)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)


def test_what_is_kept_can_be_replayed(tmp_path, image):
    ring = FrameRing(tmp_path / 'ring', 10)
    ring.add(image, estimate(1_700_000_000))
    ring.add(image, estimate(1_700_000_001, ''))
    ring.add(image, estimate(1_700_000_002, 'ambiguous'))
    images = list_images(tmp_path / 'ring')
    assert [path.name for path in images] == ['1700000000000000000_unknown_place.jpg',
                                              '1700000002000000000_ambiguous.jpg']
    assert image_stamps(images) == [1_700_000_000 * SECOND, 1_700_000_002 * SECOND]
    assert load_image(images[0]).shape == image.shape


def test_the_oldest_go_first_also_those_of_an_earlier_run(tmp_path, image):
    for second in range(30):
        if second % 10 == 0:
            ring = FrameRing(tmp_path, 1)
        ring.add(image, estimate(1000 + second))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1_000_000
    kept = [stamp // SECOND for stamp in image_stamps(list_images(tmp_path))]
    assert kept == list(range(1030 - len(kept), 1030)) and len(kept) > 3


def test_a_simulated_clock_that_starts_anew_replaces(tmp_path, image):
    ring = FrameRing(tmp_path, 10)
    for _ in range(3):
        ring.add(image, estimate(5))
    assert len(list_images(tmp_path)) == len(ring.sizes) == 1


def test_a_frame_larger_than_the_limit_is_not_kept(tmp_path):
    ring = FrameRing(tmp_path, 1)
    ring.add(np.random.default_rng(0).integers(0, 255, (2000, 2000, 3), np.uint8), estimate(1))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='rejected frames cannot be kept in'):
        FrameRing(tmp_path / 'file' / 'ring', 1)
