import cv2
import numpy as np
import pytest

from dejavu_ros.errors import ConfigError
from dejavu_ros.optics.lens import Lens, View


def lens(width=320, height=240, focal=250.0, D=(0.0,) * 5, model='plumb_bob'):
    return Lens(width, height, (focal, 0, (width - 1) / 2, 0, focal, (height - 1) / 2, 0, 0, 1), D, model)


def scene(camera):
    """A smooth picture of rays, so that what is seen depends on the direction only."""
    x, y = camera.rays().T
    values = np.stack([128 + 100 * np.sin(4 * x), 128 + 100 * np.cos(5 * y), 128 + 100 * np.sin(3 * (x + y))], -1)
    return values.round().astype(np.uint8).reshape(camera.height, camera.width, 3)


@pytest.mark.parametrize('ours, theirs', [
    (lens(), lens()),
    (lens(focal=200.0), lens()),
    (lens(focal=200.0, D=()), lens(D=(), model='equidistant', focal=300.0)),
    (lens(640, 480, 450.0), lens()),
    (lens(640, 480, 450.0), lens(161, 121, 150.0)),
    (lens(focal=200.0, D=(-0.1, 0.02, 0.001, -0.001, 0.0)), lens()),
    (lens(focal=200.0), lens(D=(-0.1, 0.02, 0.001, -0.001, 0.0))),
    (lens(focal=180.0, D=(0.02, -0.01, 0.0, 0.0), model='equidistant'), lens()),
    (lens(focal=200.0, D=(0.1, 0.01, 0.0, 0.0, 0.0, 0.2, 0.0, 0.0), model='rational_polynomial'), lens()),
])
def test_sees_what_the_other_camera_sees(ours, theirs):
    view = View(ours, theirs)
    assert view.coverage > 0.99
    seen, wanted = view(scene(ours)).astype(int), scene(theirs)
    assert seen.shape == wanted.shape
    inner = np.s_[4:-4, 4:-4]
    assert np.abs(seen - wanted)[inner].max() <= 4


def test_size_of_the_image_may_differ_from_that_of_the_calibration():
    ours = lens(640, 480, 450.0)
    half = cv2.resize(scene(ours), (320, 240), interpolation=cv2.INTER_AREA)
    assert np.abs(View(ours, lens())(half).astype(int) - scene(lens()))[6:-6, 6:-6].max() <= 6


def test_narrower_camera_covers_less():
    view = View(lens(focal=500.0), lens())
    assert view.coverage == pytest.approx(0.25, abs=0.02)
    assert not view(scene(lens(focal=500.0)))[:40].any()


@pytest.mark.parametrize('change, words', [(dict(focal=0.0), 'not calibrated'), (dict(width=0), 'not calibrated'),
                                           (dict(focal=0.004), 'focal length of 0.004'),
                                           (dict(focal=1e6), 'is K in pixels'),
                                           (dict(focal=float('nan')), 'not finite'),
                                           (dict(model='magic'), 'plumb_bob'),
                                           (dict(D=(0.0,) * 3), '3 distortion'),
                                           (dict(D=(0.0,) * 5, model='equidistant'), '5 distortion')])
def test_no_lens(change, words):
    with pytest.raises(ConfigError, match=words):
        lens(**change)
