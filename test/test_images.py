"""Images as files and bytes: whole ones are read, damaged ones are named."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from dejavu_ros.errors import ImageError
from dejavu_ros.images import check_informative, decode_image, encode_jpeg, load_image, resize


@pytest.fixture
def picture():
    return np.kron(np.random.default_rng(0).integers(0, 255, (12, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8)


def test_a_jpeg_comes_back_in_rgb(picture):
    assert np.abs(decode_image(encode_jpeg(picture, 98)).astype(int) - picture).mean() < 12
    red = np.zeros((20, 20, 3), np.uint8)
    red[..., 0] = 250
    assert decode_image(encode_jpeg(red))[10, 10].tolist() == pytest.approx([250, 0, 0], abs=6)


@pytest.mark.parametrize('share', [0.02, 0.3, 0.9, 0.999])
def test_a_jpeg_cut_short_is_refused_rather_than_filled_with_grey(picture, share):
    data = encode_jpeg(picture)
    with pytest.raises(ImageError):
        decode_image(data[:int(len(data) * share)])


def test_padding_after_the_end_is_no_cut(picture):
    assert decode_image(encode_jpeg(picture) + bytes(5000)).shape == picture.shape


@pytest.mark.parametrize('behind', [
    b'\n', b'\xff\xda\x00\x08 a second picture is embedded here', b'\xff\xd8\xff\xe0 and cut', bytes(range(256))])
@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.webp', '.bmp'])
def test_a_picture_with_something_behind_its_end_is_whole(picture, suffix, behind):
    data = cv2.imencode(suffix, picture)[1].tobytes()
    assert (decode_image(data + behind) == decode_image(data)).all()
    if suffix == '.jpg':
        with pytest.raises(ImageError, match='cut short'):
            decode_image(data[:-2] + behind.replace(b'\xff\xd9', b''))


def test_the_end_of_a_thumbnail_in_a_jpeg_is_not_its_own(picture):
    data = encode_jpeg(picture)
    thumbnail = encode_jpeg(picture[:20, :20])
    whole = data[:2] + b'\xff\xe1' + struct.pack('>H', len(thumbnail) + 2) + thumbnail + data[2:]
    assert decode_image(whole).shape == picture.shape
    with pytest.raises(ImageError, match='cut short'):
        decode_image(whole[:-20])


def test_a_progressive_jpeg_of_several_scans_with_restarts(picture):
    flags = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
    data = cv2.imencode('.jpg', picture, flags)[1].tobytes()
    assert decode_image(data).shape == picture.shape
    with pytest.raises(ImageError, match='cut short'):
        decode_image(data[:len(data) * 3 // 4])


@pytest.mark.parametrize('data, said', [
    (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'Git LFS pointer.*git lfs pull'),
    (b'<html>sign in</html>', 'a web page'), (b'\x00\x00\x00\x18ftypmp42', 'a video'),
    (b'PK\x03\x04' + bytes(9), 'zip')])
def test_files_of_other_kinds_are_named(tmp_path, data, said):
    (tmp_path / 'x.jpg').write_bytes(data)
    with pytest.raises(ImageError, match=f'x.jpg.*{said}') as caught:
        load_image(tmp_path / 'x.jpg')
    assert 'cut short' not in str(caught.value)


def test_a_picture_of_twelve_bits_in_sixteen_is_not_black(picture):
    grey = picture[..., 0].astype(np.uint16)
    data = cv2.imencode('.png', grey * 16)[1].tobytes()
    assert np.abs(decode_image(data)[..., 0].astype(int) - grey).max() <= 1


@pytest.mark.parametrize('data', [b'', b'hello', b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n'])
def test_what_is_no_image_is_refused(tmp_path, data):
    (tmp_path / 'x.jpg').write_bytes(data)
    with pytest.raises(ImageError, match='x.jpg'):
        load_image(tmp_path / 'x.jpg')


def png(width, height):
    """A few bytes that claim a size."""
    header = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    parts = [header, b'IDAT' + zlib.compress(bytes(99)), b'IEND']
    return b'\x89PNG\r\n\x1a\n' + b''.join(struct.pack('>I', len(part) - 4) + part
                                           + struct.pack('>I', zlib.crc32(part)) for part in parts)


@pytest.mark.parametrize('width, height', [(60000, 60000), (10000, 10000), (1 << 30, 1)])
def test_a_few_bytes_that_would_fill_the_memory_are_refused_unread(monkeypatch, width, height):
    monkeypatch.setattr(cv2, 'imdecode', None)
    with pytest.raises(ImageError, match='thumbnail is refused: it claims'):
        decode_image(png(width, height), 'thumbnail')


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.ppm', '.tiff', '.webp'])
def test_other_formats_come_back(picture, suffix):
    assert decode_image(cv2.imencode(suffix, picture[:, :, ::-1])[1].tobytes()).shape == picture.shape


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match='nowhere.png'):
        load_image(tmp_path / 'nowhere.png')


@pytest.mark.parametrize('value, word', [(0, 'black'), (255, 'white'), (128, 'one tone')])
def test_a_frame_that_shows_nothing_says_so(value, word):
    frame = np.full((48, 64, 3), value, np.uint8)
    with pytest.raises(ImageError, match=word):
        check_informative(frame)


def test_a_dark_picture_of_something_is_informative(picture):
    check_informative(picture // 12)


def test_resizing_takes_width_before_height(picture):
    assert resize(picture, 32, 24).shape == (24, 32, 3)


@pytest.mark.parametrize('name', ['cut.png', 'noise.tiff'])
def test_what_cannot_be_decoded_is_said_once(tmp_path, capfd, recwarn, name):
    """By our error alone: OpenCV and Pillow, which stumble over it, print nothing."""
    noise = np.random.default_rng(0)
    data = {'cut.png': cv2.imencode('.png', noise.integers(0, 255, (60, 80, 3), np.uint8))[1].tobytes()[:2000],
            'noise.tiff': b'II*\0' + noise.bytes(3000)}[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError, match=name):
        load_image(tmp_path / name)
    assert capfd.readouterr() == ('', '') and not recwarn.list
