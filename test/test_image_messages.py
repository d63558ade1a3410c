"""Every usual encoding becomes the picture that was sent; what cannot be one is refused in one line."""

import array
import sys
import types

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros import image_messages
from dejavu_ros.errors import ImageError
from dejavu_ros.image_messages import ENCODINGS, image_from_message
from dejavu_ros.tones import ToneRange

GRID = np.mgrid[0:48, 0:64]
# smooth colours: 4:2:2 and mosaics lose little of them
RGB = np.stack([4 * GRID[1], 5 * GRID[0], 120 + GRID[0] + GRID[1]], -1).astype(np.uint8)
GREY = cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)
ALL_VALUES = ToneRange()
ALL_VALUES.fixed = True  # before it has seen anything


def image(encoding, pixels, *, step=None, big=False, **changes):
    """An Image message of (H, W, ...) pixels; rows padded with 0xAA up to ``step`` bytes."""
    if pixels.dtype == np.uint16:
        pixels = pixels.astype('>u2' if big else '<u2')
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    step = step or rows.shape[1]
    padded = np.full((height, step), 0xAA, np.uint8)
    padded[:, :rows.shape[1]] = rows
    fields = dict(height=height, width=width, step=step, encoding=encoding, is_bigendian=int(big),
                  data=padded.reshape(-1))
    return types.SimpleNamespace(**{**fields, **changes})


def compressed(data, format='jpeg'):
    return types.SimpleNamespace(format=format, data=np.frombuffer(data, np.uint8))


def with_alpha(rgb):
    return np.dstack([rgb, np.full(rgb.shape[:2], 7, np.uint8)])


def packed_yuv(luma_first):
    """RGB as 4:2:2 with the chroma of even pixels, written without OpenCV."""
    red, green, blue = (RGB[:, :, i].astype(float) for i in range(3))
    y = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    u = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    v = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    chroma = np.where(np.arange(64) % 2 == 0, np.repeat(u[:, ::2], 2, 1), np.repeat(v[:, ::2], 2, 1))
    pair = (y, chroma) if luma_first else (chroma, y)
    return np.stack(pair, -1).round().astype(np.uint8)


def mosaic(order, rgb=RGB):
    """The colours that a sensor sees, ``order`` naming the filters of the first two rows."""
    channel = {'r': 0, 'g': 1, 'b': 2}
    out = np.empty(rgb.shape[:2], rgb.dtype)
    for place, colour in enumerate(order):
        row, column = divmod(place, 2)
        out[row::2, column::2] = rgb[row::2, column::2, channel[colour]]
    return out


def wide(pixels):
    return pixels.astype(np.uint16) * 257


# encoding -> (pixels as sent, the picture, the error that sampling of colours explains)
CASES = {
    'rgb8': (RGB, RGB, 0), 'bgr8': (RGB[:, :, ::-1], RGB, 0), '8UC3': (RGB[:, :, ::-1], RGB, 0),
    'rgba8': (with_alpha(RGB), RGB, 0), 'bgra8': (with_alpha(RGB[:, :, ::-1]), RGB, 0),
    '8UC4': (with_alpha(RGB[:, :, ::-1]), RGB, 0),
    'mono8': (GREY, np.dstack([GREY] * 3), 0), '8UC1': (GREY, np.dstack([GREY] * 3), 0),
    'mono16': (wide(GREY), np.dstack([GREY] * 3), 0),
    'rgb16': (wide(RGB), RGB, 0), 'bgr16': (wide(RGB[:, :, ::-1]), RGB, 0),
    'rgba16': (wide(with_alpha(RGB)), RGB, 0), 'bgra16': (wide(with_alpha(RGB[:, :, ::-1])), RGB, 0),
    'yuv422': (packed_yuv(False), RGB, 6), 'uyvy': (packed_yuv(False), RGB, 6),
    'yuv422_yuy2': (packed_yuv(True), RGB, 6), 'yuyv': (packed_yuv(True), RGB, 6),
    **{f'bayer_{order}8': (mosaic(order), RGB, 6) for order in ('rggb', 'bggr', 'gbrg', 'grbg')},
    **{f'bayer_{order}16': (wide(mosaic(order)), RGB, 6) for order in ('rggb', 'bggr', 'gbrg', 'grbg')}}


def stub_cv_bridge(convert):
    class CvBridge:
        def imgmsg_to_cv2(self, message, encoding):
            return convert(message, encoding)

    return types.SimpleNamespace(CvBridge=CvBridge)


@pytest.fixture(autouse=True)
def fresh_choice_of_converter():
    image_messages._converter.cache_clear()
    yield
    image_messages._converter.cache_clear()


def test_every_supported_encoding_has_a_case():
    assert CASES.keys() == ENCODINGS.keys()


@pytest.mark.parametrize('encoding', CASES)
def test_an_encoding_becomes_the_picture(encoding):
    sent, expected, error = CASES[encoding]
    got = image_from_message(image(encoding, sent))
    assert got.dtype == np.uint8 and got.shape == RGB.shape and got.flags.c_contiguous
    inside = np.abs(got.astype(int) - expected)[2:-2, 2:-2]  # demosaicing guesses at the rim
    assert inside.max() <= error


@pytest.mark.parametrize('encoding', ['rgb8', 'mono8', 'mono16', 'yuv422', 'bayer_rggb8', 'rgba8'])
def test_padded_rows_change_nothing(encoding):
    sent, _, _ = CASES[encoding]
    plain = image(encoding, sent)
    padded = image(encoding, sent, step=plain.step + 6)
    assert (image_from_message(padded) == image_from_message(plain)).all()
    padded.data = padded.data[:-6]  # some drivers leave out the padding of the last row
    assert (image_from_message(padded) == image_from_message(plain)).all()


@pytest.mark.parametrize('encoding', ['mono16', 'rgb16', 'bayer_grbg16'])
def test_byte_order_is_honoured(encoding):
    sent, _, _ = CASES[encoding]
    assert (image_from_message(image(encoding, sent, big=True)) == image_from_message(image(encoding, sent))).all()


def test_byte_order_of_single_bytes_means_nothing():
    assert (image_from_message(image('rgb8', RGB, big=True)) == RGB).all()


def test_sixteen_bits_are_rounded():
    sent = np.array([[0, 127, 128, 129, 32768, 65406, 65407, 65535]], np.uint16)
    assert image_from_message(image('mono16', sent))[0, :, 0].tolist() == [0, 0, 0, 1, 128, 254, 255, 255]


@pytest.mark.parametrize('make', [bytes, bytearray, list, lambda data: array.array('B', data.tobytes()),
                                  lambda data: data])
def test_data_comes_in_the_types_of_all_message_libraries(make):
    message = image('rgb8', RGB)
    message.data = make(message.data)
    assert (image_from_message(message) == RGB).all()


def test_real_ros_messages():
    messages = pytest.importorskip('sensor_msgs.msg', reason='no ROS on this machine')
    sent = messages.Image(height=48, width=64, step=192, encoding='rgb8', data=RGB.tobytes())
    assert (image_from_message(sent) == RGB).all()
    png = cv2.imencode('.png', RGB[:, :, ::-1])[1].tobytes()
    assert (image_from_message(messages.CompressedImage(format='png', data=png)) == RGB).all()


def test_the_picture_does_not_change_with_the_message():
    message = image('rgb8', RGB)
    got = image_from_message(message)
    message.data[:] = 0
    assert (got == RGB).all()


@pytest.mark.parametrize('message, words', [
    (image('rgb8', RGB, step=300, width=101), 'step 300 is too small'),
    (image('rgb8', RGB, width=65), 'step 192 is too small'),
    (image('rgb8', GREY), 'step 64 is too small'),
    (image('rgb8', RGB, step=192, height=49), 'too short'),
    (image('rgb8', RGB, data=np.zeros(0, np.uint8)), 'too short'),
    (image('rgb8', RGB, height=0), 'empty: 64x0'),
    (image('rgb8', RGB, width=0), 'empty: 0x48'),
    (image('nv12', GREY), "'nv12' is not supported"),
    (image('16UC1', wide(GREY)), '16UC1 holds depth, not a picture.*thermal camera.*mono16'),
    (compressed(cv2.imencode('.png', GREY)[1].tobytes(), '16UC1; png compressed '), 'depth'),
    (image('32FC1', GREY), '32FC1 holds depth, not a picture: choose the topic of the pictures$'),
    (image('', GREY), "'' is not supported"),
    (image('RGB8', RGB), "'RGB8' is not supported"),
    (image('yuv422', packed_yuv(False)[:, :63]), 'even width'),
    (compressed(b''), 'empty'),
    (compressed(b'no picture at all'), 'decoded'),
    (compressed(cv2.imencode('.png', GREY)[1].tobytes(), '16UC1; compressedDepth png'), 'depth')])
def test_bad_messages_are_refused_in_one_line(message, words):
    with pytest.raises(ImageError, match=words) as caught:
        image_from_message(message)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('format', ['jpeg', 'rgb8; jpeg compressed bgr8', 'png', 'bgr8; png compressed bgr8'])
def test_compressed_pictures(format):
    data = cv2.imencode('.png' if 'png' in format else '.jpg', RGB[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1]
    got = image_from_message(compressed(data.tobytes(), format))
    assert np.abs(got.astype(int) - RGB).max() <= (0 if 'png' in format else 12)


def test_a_compressed_mosaic():
    data = cv2.imencode('.png', mosaic('grbg'))[1].tobytes()
    got = image_from_message(compressed(data, 'bayer_grbg8; png compressed '))
    assert (got == image_from_message(image('bayer_grbg8', mosaic('grbg')))).all()


@pytest.mark.parametrize('format, sent', [
    ('rgb8; tiff compressed ', RGB), ('bgr8; tiff compressed ', RGB[:, :, ::-1]), ('rgb8; png', RGB),
    ('rgba8; tiff compressed ', with_alpha(RGB)), ('rgb16; tiff compressed ', wide(RGB)),
    ('rgb8; png compressed bgr8', RGB[:, :, ::-1]), ('rgb16; png compressed bgr16', wide(RGB)[:, :, ::-1]),
    ('tiff', RGB[:, :, ::-1]), ('png', RGB[:, :, ::-1])])
def test_colours_come_in_the_order_that_the_format_tells(format, sent):
    data = cv2.imencode('.tiff' if 'tiff' in format else '.png', sent)[1].tobytes()
    assert np.abs(image_from_message(compressed(data, format)).astype(int) - RGB).max() <= 1


@pytest.mark.parametrize('codec', ['jpeg', 'png', 'tiff'])
@pytest.mark.parametrize('target', ['mono8', 'bgr8'])
def test_a_mosaic_that_was_converted_before_it_was_compressed_is_none(codec, target):
    sent = GREY if target == 'mono8' else RGB[:, :, ::-1]
    data = cv2.imencode(f'.{codec}', sent)[1].tobytes()
    got = image_from_message(compressed(data, f'bayer_rggb8; {codec} compressed {target}'))
    expected = np.dstack([GREY] * 3) if target == 'mono8' else RGB
    assert np.abs(got.astype(int) - expected).max() <= (16 if codec == 'jpeg' else 0)


@pytest.mark.parametrize('format, data, codec', [
    ('h264', b'\x00\x00\x00\x01\x67\x42', 'h264'), ('h265', b'\x00\x00\x01\x40', 'h265'), ('hevc', b'\x01\x02', 'hevc'),
    ('', b'\x00\x00\x00\x01\x67\x42', 'h264'), ('jpeg', b'\x00\x00\x00\x01\x40\x01', 'h265'),
    ('av1', b'\x12\x00\x0a\x0a', 'av1'), ('bgr8; h264 yuv420p', b'\x00\x00\x01\x09', 'h264'),
    ('', b'\x00\x00\x00\x18ftypmp42', 'MP4')])
def test_a_video_stream_is_named_with_what_to_do(format, data, codec):
    with pytest.raises(ImageError, match=f'video stream .*{codec}.*not read: decode it once.*ffmpeg') as caught:
        image_from_message(compressed(data, format))
    assert 'cut short' not in str(caught.value)


def test_a_jpeg_in_a_format_named_like_a_video_is_a_picture():
    data = cv2.imencode('.jpg', RGB[:, :, ::-1])[1].tobytes()
    assert image_from_message(compressed(data, 'h264')).shape == RGB.shape


@pytest.mark.parametrize('encoding', ['mono16', 'rgb16', 'bayer_rggb16'])
@pytest.mark.parametrize('bits', [10, 12, 14, 16])
def test_few_bits_in_sixteen_are_scaled_by_what_is_seen(encoding, bits):
    sent, expected, error = CASES[encoding]
    values = (sent.astype(np.uint32) * ((1 << bits) - 1) // 65535).astype(np.uint16)
    got = image_from_message(image(encoding, values))
    assert np.abs(got.astype(int) - expected)[2:-2, 2:-2].max() <= error + 2


def test_compressed_pictures_of_few_bits_are_scaled_too():
    data = cv2.imencode('.png', GREY.astype(np.uint16) * 4)[1].tobytes()
    got = image_from_message(compressed(data, 'mono16; png compressed mono16'))
    assert np.abs(got[..., 0].astype(int) - GREY).max() <= 1


@pytest.mark.parametrize('share', [0.05, 0.5, 0.9, 0.99])
@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_pictures_cut_short(suffix, share):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    data = cv2.imencode(suffix, noise)[1].tobytes()
    with pytest.raises(ImageError):
        image_from_message(compressed(data[:int(len(data) * share)]))


@given(height=st.integers(1, 9), width=st.integers(1, 9), padding=st.integers(0, 5),
       encoding=st.sampled_from(['rgb8', 'bgr8', 'rgba8', 'mono8', 'mono16']), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_any_size_and_step(height, width, padding, encoding, seed):
    channels = ENCODINGS[encoding][1]
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    sent = wide(rgb) if encoding == 'mono16' else rgb
    plain = image(encoding, sent)
    got = image_from_message(image(encoding, sent, step=plain.step + padding), ALL_VALUES)
    expected = rgb[:, :, [0, 0, 0]] if channels == 1 else rgb[:, :, [2, 1, 0] if encoding == 'bgr8' else [0, 1, 2]]
    assert (got == expected).all()


@given(height=st.integers(0, 5), width=st.integers(0, 5), step=st.integers(0, 20), length=st.integers(0, 60),
       encoding=st.sampled_from([*ENCODINGS, 'nv12', '8UC5', 'jpeg']))
@settings(max_examples=200, deadline=None)
def test_no_message_breaks_out(height, width, step, length, encoding):
    message = types.SimpleNamespace(height=height, width=width, step=step, encoding=encoding, is_bigendian=0,
                                    data=np.zeros(length, np.uint8))
    try:
        assert image_from_message(message).shape == (height, width, 3)
    except ImageError as error:
        assert '\n' not in str(error)


def test_a_cv_bridge_that_works_is_used(monkeypatch):
    used = []

    def convert(message, encoding):
        assert encoding == 'rgb8'
        used.append(message.encoding)
        return message.data.reshape(message.height, message.width, 3)[:, :, ::-1]

    monkeypatch.setitem(sys.modules, 'cv_bridge', stub_cv_bridge(convert))
    assert (image_from_message(image('bgr8', RGB[:, :, ::-1])) == RGB).all()
    assert used == ['bgr8', 'bgr8']  # the probe, the picture


def fail(message, encoding):
    raise TypeError('buffer is too small for requested array')


@pytest.mark.parametrize('convert', [fail, lambda message, encoding: np.zeros((1, 2, 3), np.uint8)])
def test_a_cv_bridge_that_does_not_fit_is_passed_over(monkeypatch, convert):
    monkeypatch.setitem(sys.modules, 'cv_bridge', stub_cv_bridge(convert))
    assert (image_from_message(image('rgb8', RGB)) == RGB).all()


def test_without_any_converter(monkeypatch):
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    monkeypatch.setitem(sys.modules, 'rosbags.image', None)
    with pytest.raises(ImageError, match='no image converter'):
        image_from_message(image('rgb8', RGB))


@pytest.mark.parametrize('encoding', CASES)
def test_cv_bridge_and_rosbags_image_give_the_same_answer(encoding):
    pytest.importorskip('cv_bridge', reason='no cv_bridge on this machine')
    message = image_messages._plain(image(encoding, CASES[encoding][0]))
    try:
        theirs = image_messages._cv_bridge()(message)
    except Exception as error:
        pytest.skip(f'the cv_bridge here does not run: {error}')
    assert (theirs == image_messages._rosbags_image()(message)).all()
