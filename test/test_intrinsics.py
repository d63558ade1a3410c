"""Calibration of the sensor, pictures of another size: what is seen stays where it is seen."""

import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu_ros.errors import ConfigError
from dejavu_ros.intrinsics import calibration, is_rectified, resized, scale_of
from dejavu_ros.optics.lens import Lens

K = (500.0, 0.0, 310.0, 0.0, 505.0, 250.0, 0.0, 0.0, 1.0)
BENT = (-0.3, 0.1, 0.001, -0.002, 0.0)


def info(width=640, height=480, K=K, D=BENT, binning=(0, 0), roi=(0, 0, 0, 0), do_rectify=False, focal=450.0):
    """A CameraInfo; ``roi`` is x, y, width, height."""
    region = types.SimpleNamespace(x_offset=roi[0], y_offset=roi[1], width=roi[2], height=roi[3], do_rectify=do_rectify)
    P = [focal, 0, 320.0, 0, 0, focal, 240.0, 0, 0, 0, 1, 0]
    return types.SimpleNamespace(width=width, height=height, k=list(K), d=list(D), r=np.eye(3).ravel().tolist(), p=P,
                                 distortion_model='plumb_bob', binning_x=binning[0], binning_y=binning[1], roi=region)


def seen(intrinsics, points):
    """Pixels (N, 2) of points (N, 3)."""
    return Lens.of(intrinsics)._projected(points[:, :2] / points[:, 2:])


POINTS = np.random.default_rng(0).uniform((-1, -1, 3), (1, 1, 9), (40, 3))
FULL = calibration(info(), '/cam/image_raw')


@settings(max_examples=60, deadline=None)
@given(across=st.floats(0.5, 3.0), off=st.floats(0.995, 1.005), width=st.integers(200, 2000),
       height=st.integers(200, 2000), focal=st.floats(50.0, 2000.0))
def test_projecting_and_resizing_is_projecting_with_the_resized_calibration(across, off, width, height, focal):
    known = {'width': width, 'height': height, 'K': [focal, 0, width / 3, 0, focal, height / 2, 0, 0, 1], 'D': BENT,
             'model': 'plumb_bob'}
    size = round(across * width), round(across * off * height)
    scale = np.divide(size, (width, height))
    # the centre of the first pixel is 0: an edge of the picture, at -0.5, stays an edge
    np.testing.assert_allclose(seen(resized(known, *size), POINTS), (seen(known, POINTS) + 0.5) * scale - 0.5,
                               atol=1e-6 * width)


@pytest.mark.parametrize('factor', [1, 2, 4])
def test_resizing_is_what_averaging_pixels_does(factor):
    """The centre of a block of pixels is the centre of the pixel that it becomes."""
    x = np.arange(640.0).reshape(-1, factor).mean(1)  # where in the full picture each pixel of the small one looks
    small = resized(FULL, 640 // factor, 480 // factor)
    rays = (x - FULL['K'][2]) / FULL['K'][0]
    np.testing.assert_allclose(small['K'][0] * rays + small['K'][2], np.arange(640 // factor), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(x=st.integers(0, 200), y=st.integers(0, 150), width=st.integers(100, 400), height=st.integers(100, 300),
       binning=st.tuples(st.integers(0, 4), st.integers(0, 4)), shrink=st.integers(1, 3))
def test_regions_and_binning(x, y, width, height, binning, shrink):
    by = np.maximum(binning, 1)
    message = info(binning=binning, roi=(x, y, width, height))
    known = calibration(message, '/cam/image_raw')
    assert (known['width'], known['height']) == (width // by[0], height // by[1])
    wanted = (seen(FULL, POINTS) - (x, y) + 0.5) / by - 0.5
    np.testing.assert_allclose(seen(known, POINTS), wanted, atol=1e-9)
    size = known['width'] * shrink, known['height'] * shrink
    np.testing.assert_allclose(seen(calibration(message, '/cam/image_raw', size), POINTS),
                               (wanted + 0.5) * shrink - 0.5, atol=1e-9)


@pytest.mark.parametrize('size', [(640, 480), (320, 240), (160, 120), (427, 320), (1280, 960)])
def test_pictures_of_the_sensors_shape_were_resized(size):
    known = calibration(info(), '/cam/image_raw', size)
    assert (known['width'], known['height']) == size
    assert known['K'][0] == pytest.approx(500.0 * size[0] / 640) and known['D'] == list(BENT)


def test_a_driver_that_says_binning_and_sends_all_pixels():
    assert calibration(info(binning=(2, 2)), '/cam/image_raw', (640, 480))['K'] == pytest.approx(list(K))


@pytest.mark.parametrize('message, size, said', [
    (info(), (640, 360), 'calibrated for pictures of 640x480, and pictures of 640x360 have another shape'),
    (info(), (240, 320), 'another shape'),
    (info(roi=(100, 100, 300, 100)), (640, 480), 'calibrated for pictures of 300x100'),
    (info(roi=(500, 0, 300, 100)), (300, 100), 'region of interest .* 300x100 at 500, 0, is not within the 640x480'),
    (info(width=0, height=0), (640, 480), 'no size')])
def test_what_does_not_fit_is_refused(message, size, said):
    with pytest.raises(ConfigError, match=said):
        calibration(message, '/cam/image_raw', size)


def test_rectified_pictures_have_p_and_no_distortion():
    assert is_rectified('/left/image_rect_color/compressed') and not is_rectified('/left/image_raw')
    known = calibration(info(roi=(100, 50, 400, 300)), '/cam/image_rect', (200, 150))
    assert known['D'] == [] and known['K'][0] == 225.0 and known['K'][2] == pytest.approx((320 - 100 + 0.5) / 2 - 0.5)


def test_a_distinct_region_of_rectified_pictures():
    """With do_rectify they show where the corners of the raw region end up, unless their size says otherwise."""
    message = info(roi=(100, 50, 400, 300), do_rectify=True)
    rays = Lens.of(FULL).rays_of(np.array([[100.0, 50], [500, 50], [100, 350], [500, 350]]))
    corners = rays * 450.0 + (320, 240)
    low, high = np.ceil(corners.min(0)), np.floor(corners.max(0))
    known = calibration(message, '/cam/image_rect', tuple((high - low).astype(int).tolist()))
    assert known['K'][2] == pytest.approx(320 - low[0]) and known['K'][5] == pytest.approx(240 - low[1])
    assert calibration(message, '/cam/image_rect', (400, 300))['K'][2] == 220
    assert calibration(message, '/cam/image_raw', (400, 300))['K'][2] == 210


def test_small_pictures_are_rounded():
    assert scale_of((1241, 376), (62, 19)) == pytest.approx((62 / 1241, 19 / 376))


def test_a_lens_resized_is_that_of_resized_intrinsics():
    lens = Lens.of(FULL)
    assert lens.resized(640, 480) is lens and lens.resized(320, 240) == Lens.of(resized(FULL, 320, 240))
    with pytest.raises(ConfigError, match='another shape'):
        lens.resized(320, 320)
