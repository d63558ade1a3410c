"""Small recordings that were once read wrongly, where they are at hand: ``shared/cases`` in a folder above."""

from pathlib import Path

import numpy as np
import pytest

from dejavu_ros.data.bags import open_bag
from dejavu_ros.data.frames import bag_frames, find_image_topic
from dejavu_ros.data.layouts import read_places
from dejavu_ros.errors import DataError, ImageError
from dejavu_ros.images import check_informative

CASES = next((found for parent in Path(__file__).resolve().parents if (found := parent / 'shared/cases').is_dir()),
             Path('shared/cases'))


def case(path):
    if not (CASES / path).exists():
        pytest.skip(f'no {CASES / path}')
    return CASES / path


def pictures(path):
    with open_bag(path) as bag:
        return [frame.image() for frame in bag_frames(bag, find_image_topic(bag, '').name)], bag.notes


@pytest.mark.parametrize('path, note', [
    ('metadata_counts_one_too_many/bag', 'counts 9 on /cam/image .8 are there.'),
    ('metadata_knows_two_of_three_files/bag', 'does not list drive_2.mcap, which is read too'),
    ('metadata_qos_edited/bag', ''), ('message_compression_without_metadata/bag', ''),
    ('sqlite_write_ahead_log/bag', ''), ('db3_in_folder_with_hash/run #3', ''), ('mcap_of_ros1/drive.mcap', ''),
    ('mcap_without_profile/drive.mcap', ''), ('mono16_of_few_bits/thermal', ''), ('mono16_of_few_bits/ten_bits', '')])
def test_recordings_are_read_whole(path, note):
    import re
    images, notes = pictures(case(path))
    assert len(images) == 8
    for image in images:
        check_informative(image)
    assert len(notes) == bool(note) and (not note or re.search(note, notes[0]))


def test_colours_of_tiff():
    images, _ = pictures(case('tiff_of_rgb8/bag'))
    red = np.abs(images[0].astype(int) - (220, 30, 30)).sum(2) < 30
    assert red.mean() > 0.02


def test_grey_pictures_of_a_mosaic_are_grey():
    images, _ = pictures(case('bayer_compressed_as_mono8/bag'))
    assert len(images) == 8 and all((image[..., :1] == image).all() for image in images)


@pytest.mark.parametrize('path, kind, said', [
    ('git_lfs_pointer/drive.mcap', DataError, 'Git LFS pointer.*git lfs pull'),
    ('h264_in_compressed_image/bag', ImageError, 'a video stream .h264., which is not read: decode it'),
    ('two_traversals_in_one_folder/bags', DataError, 'holds 3 recordings.*monday.bag.*tuesday.bag.*wednesday.mcap')])
def test_what_cannot_be_read_is_named(path, kind, said):
    with pytest.raises(kind, match=said) as caught:
        pictures(case(path))
    assert 'cut short' not in str(caught.value)


def test_database_and_queries():
    found = read_places(case('vpr_database_and_queries/test'))
    assert len(found.rows) == 30 and {row.session for row in found.rows} == {'database', 'queries'} and not found.notes
