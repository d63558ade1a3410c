"""Depth from topics and folders, nearest in time, in metres."""

import types

import numpy as np
import pytest

from dejavu_ros.data.camera_file import read_camera
from dejavu_ros.data.depth import PictureTrack, depth_from_message, folder_depth
from dejavu_ros.errors import DataError, ImageError
from dejavu_ros.images import encode_png

MILLIMETRES = np.array([[0, 1500], [2000, 65535]], np.uint16)
METRES = np.float32([[0, 1.5], [2, 65.535]])


def message(encoding, array, big=False, padding=0):
    rows = array.astype(array.dtype.newbyteorder('>' if big else '<'))
    data = b''.join(row.tobytes() + bytes(padding) for row in rows)
    return types.SimpleNamespace(encoding=encoding, height=2, width=2, step=array.itemsize * 2 + padding,
                                 is_bigendian=int(big), data=data)


@pytest.mark.parametrize('sent', [
    message('16UC1', MILLIMETRES), message('16UC1', MILLIMETRES, big=True, padding=4), message('32FC1', METRES),
    types.SimpleNamespace(format='16UC1; compressedDepth png', data=bytes(12) + encode_png(MILLIMETRES)),
    types.SimpleNamespace(format='16UC1; png', data=encode_png(MILLIMETRES))],
    ids=['millimetres', 'big-endian, padded', 'metres', 'compressedDepth', 'png'])
def test_depth_arrives_in_metres(sent):
    depth = depth_from_message(sent)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, METRES, rtol=1e-6)


def test_what_is_not_finite_is_not_known():
    depth = depth_from_message(message('32FC1', np.float32([[np.nan, np.inf], [1, 2]])))
    np.testing.assert_array_equal(depth, [[0, 0], [1, 2]])


def test_other_encodings_and_cut_data_are_refused():
    cut = message('16UC1', MILLIMETRES)
    cut.data = cut.data[:-1]
    for bad, words in ((message('rgb8', MILLIMETRES), 'rgb8'), (cut, 'cut short'),
                       (types.SimpleNamespace(format='32FC1; compressedDepth png', data=b''), '32FC1'),
                       (types.SimpleNamespace(format='16UC1; png', data=b''), '16-bit')):
        with pytest.raises(ImageError, match=words):
            depth_from_message(bad)


def test_the_nearest_depth_is_taken_and_none_far_away():
    frames = [(stamp * 1_000_000, lambda stamp=stamp: np.full((1, 1), stamp)) for stamp in (100, 133, 166, 900)]
    track = PictureTrack(iter(frames))
    assert [None if depth is None else depth.item() for depth in map(track.at, (
        40_000_000, 101_000_000, 120_000_000, 150_000_000, 300_000_000, 899_000_000, 960_000_000))] == \
        [None, 100, 133, 166, None, 900, None]


def test_folder_of_depth_is_read_by_its_stamps(tmp_path):
    (tmp_path / '12.500000000.png').write_bytes(encode_png(MILLIMETRES))
    track = folder_depth(tmp_path)
    np.testing.assert_allclose(track.at(12_510_000_000), METRES, rtol=1e-6)
    (tmp_path / 'front.png').write_bytes(encode_png(MILLIMETRES))
    with pytest.raises(DataError, match='stamps'):
        folder_depth(tmp_path)


def test_camera_file_without_a_matrix_is_refused(tmp_path):
    (tmp_path / 'camera.yaml').write_text('image_width: 640\nimage_height: 480\n')
    with pytest.raises(DataError, match='camera_matrix'):
        read_camera(tmp_path / 'camera.yaml')
